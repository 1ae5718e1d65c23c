// Checks of option values. A refusal names the option, the value and what is allowed.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace rankscope {

// A whole number from `low` to `high`; values that would overflow are refused, not cut.
CLI::Validator whole_number(std::int64_t low, std::int64_t high);
// A finite number from `low` to `high`.
CLI::Validator real_number(double low, double high);
// Anything but an empty text, as an unset shell variable gives.
CLI::Validator not_empty();

}  // namespace rankscope
