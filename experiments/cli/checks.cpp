#include "experiments/cli/checks.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <string>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {

namespace {

template <typename T>
CLI::Validator number_check(const char* kind, T low, T high) {
  const std::string allowed = fmt::format("{} from {} to {}", kind, low, high);
  return CLI::Validator(
      [=](std::string& text) -> std::string {
        T value{};
        const char* end = text.data() + text.size();
        const auto [rest, error] = std::from_chars(text.data(), end, value);
        const bool good = error == std::errc() && rest == end &&
                          std::isfinite(static_cast<double>(value)) && value >= low &&
                          value <= high;
        if (!good) return "must be " + allowed + ", not '" + printable(text) + "'";
        text = fmt::format("{}", value);
        return "";
      },
      "");
}

}  // namespace

CLI::Validator whole_number(std::int64_t low, std::int64_t high) {
  return number_check<std::int64_t>("a whole number", low, high);
}

CLI::Validator real_number(double low, double high) {
  return number_check<double>("a number", low, high);
}

CLI::Validator not_empty() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        return text.empty() ? "is empty; give a value, or leave the option out" : "";
      },
      "");
}

CLI::Validator dash_is_standard_input() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        if (text == "-") text = kStandardInput;
        return "";
      },
      "");
}

void require_tables_beside(const std::string& given, const std::string& option,
                           const std::string& advice) {
  if (given == kStandardInput)
    throw InputError(option + ": no tables lie beside standard input; " + advice);
}

CLI::Validator no_standard_input() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        return text == "-" ? "standard input is not read here; give a file" : "";
      },
      "");
}

CLI::Option* repeatable(CLI::Option* option) { return option->allow_extra_args(false); }

// CLI11 takes a word of the form [a,b] apart wherever more words than are expected may come; so
// more are expected than can come, and none asks whether they came.
CLI::Option* every_word(CLI::Option* positional) {
  return positional->expected(-CLI::detail::expected_max_vector_size)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace rankscope
