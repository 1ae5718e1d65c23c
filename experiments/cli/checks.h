// Checks of option values, and options that are repeated. A refusal names the option, the value and
// what is allowed.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace rankscope {

// A whole number from `low` to `high`; values that would overflow are refused, not cut. For
// Option::transform: CLI11 itself reads 010 as octal, so the value becomes 10 here, which
// Option::check would undo.
CLI::Validator whole_number(std::int64_t low, std::int64_t high);
// A finite number from `low` to `high`.
CLI::Validator real_number(double low, double high);
// Anything but an empty text, as an unset shell variable gives.
CLI::Validator not_empty();
// What "-" stands for.
inline constexpr const char* kStandardInput = "/dev/stdin";
// InputError where WikiSQL's file `given` as `option` is standard input, beside which no tables
// lie.
void require_tables_beside(const std::string& given, const std::string& option,
                           const std::string& advice);
// For Option::transform: "-" is standard input, of a file that is read once from its beginning to
// its end.
CLI::Validator dash_is_standard_input();
// Refuses "-", of a file that is read more than once, or that other files lie beside.
CLI::Validator no_standard_input();

// An option of several values, one each time that it is given: CLI11 would also take the words
// behind its value, and take a value of the form [a,b] apart.
CLI::Option* repeatable(CLI::Option* option);

// A positional of any number of words, each kept as it stands.
CLI::Option* every_word(CLI::Option* positional);

}  // namespace rankscope
