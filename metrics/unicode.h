// Text as Python sees it: str.lower(), and numbers in it. WikiSQL's evaluation is Python, and its
// values hold letters and digits of many scripts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rankscope {

// Python's str.lower() of UTF-8 text, the final sigma and U+0130 included. Bytes that are not UTF-8
// stay as they are.
std::string python_lower(std::string_view text);

// The number that WikiSQL's lib/dbengine.py takes a condition's text for when its column is real:
// babel's parse_decimal in the locale en_US (commas dropped, then decimal.Decimal: signs,
// exponents, infinities and NaN included), and where that refuses, the first match of
// [-+]?\d*\.\d+|\d+. Nothing where neither finds a number; there the official script raises.
std::optional<double> wikisql_number(std::string_view text);

}  // namespace rankscope
