// The makers that methods.cpp lists; nobody else needs them.
#pragma once

#include "engine/methods/method.h"

namespace rankscope {

std::unique_ptr<Method> make_none(Settings& settings);
std::unique_ptr<Method> make_full(Settings& settings);
std::unique_ptr<Method> make_lora(Settings& settings);
std::unique_ptr<Method> make_bitfit(Settings& settings);

}  // namespace rankscope
