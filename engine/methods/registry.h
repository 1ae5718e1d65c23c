// The makers that methods.cpp lists; nobody else needs them.
#pragma once

#include "engine/methods/method.h"

namespace rankscope {

std::unique_ptr<Method> make_none(Settings& settings);
std::unique_ptr<Method> make_full(Settings& settings);
std::unique_ptr<Method> make_ft_top2(Settings& settings);
std::unique_ptr<Method> make_bitfit(Settings& settings);
std::unique_ptr<Method> make_lora(Settings& settings);
std::unique_ptr<Method> make_dora(Settings& settings);
std::unique_ptr<Method> make_adalora(Settings& settings);
std::unique_ptr<Method> make_prefix_embed(Settings& settings);
std::unique_ptr<Method> make_prefix_layer(Settings& settings);
std::unique_ptr<Method> make_prefix_kv(Settings& settings);
std::unique_ptr<Method> make_adapter_h(Settings& settings);
std::unique_ptr<Method> make_adapter_l(Settings& settings);
std::unique_ptr<Method> make_adapter_p(Settings& settings);

}  // namespace rankscope
