// Methods that work together on one base: LoRA with prefixes (LoRA+PE, LoRA+PL of arXiv 2106.09685,
// appendix E), or any others whose places differ.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/methods/method.h"

namespace rankscope {

// "a+b", made of methods by their names. The settings of each come under their own keys, or as
// METHOD_KEY where two of the methods have the key. Throws InputError for a name given twice.
std::unique_ptr<Method> make_combined_method(const std::string& names, Settings& settings);

}  // namespace rankscope
