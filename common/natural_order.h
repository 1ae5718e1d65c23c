// Names with numbers in them in the order that people expect: table4 before table15.
#pragma once

#include <string>
#include <string_view>

namespace rankscope {

// A key to sort by: two keys compare as the names do, with each run of digits as a number.
// Different names have different keys.
std::string natural_key(std::string_view name);

}  // namespace rankscope
