#include "common/settings.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "common/suggest.h"
#include "common/text.h"

namespace rankscope {
namespace {

[[noreturn]] void refuse(const std::string& key, const std::string& value,
                         const std::string& allowed) {
  throw SettingError(key, value, key + " must be " + allowed);
}

// The whole text as a number; false where anything is left over.
template <typename T>
bool parse_whole(const std::string& text, T& value) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && rest == end;
}

}  // namespace

SettingError::SettingError(const std::string& key, const std::string& value,
                           const std::string& problem)
    : InputError("setting '" + printable(key) + "=" + printable(value) + "': " + problem),
      key_(key) {}

void Settings::add(std::string_view assignment) {
  const size_t equals = assignment.find('=');
  if (equals == 0 || equals == std::string_view::npos) {
    throw InputError("setting '" + printable(assignment) + "' must have the form KEY=VALUE");
  }
  const std::string key(assignment.substr(0, equals));
  const std::string value(assignment.substr(equals + 1));
  if (!values_.emplace(key, value).second)
    throw SettingError(key, value, "is given twice; give it once");
}

std::string Settings::text(const std::string& key, const std::string& fallback) {
  known_.push_back(key);
  const auto found = values_.find(key);
  return found == values_.end() ? fallback : found->second;
}

int64_t Settings::integer(const std::string& key, int64_t fallback, int64_t low, int64_t high) {
  const std::string value = text(key, "");
  if (!has(key)) return fallback;
  int64_t number = 0;
  if (!parse_whole(value, number) || number < low || number > high) {
    refuse(key, value, fmt::format("a whole number from {} to {}", low, high));
  }
  return number;
}

double Settings::number(const std::string& key, double fallback, double low, double high) {
  const std::string value = text(key, "");
  if (!has(key)) return fallback;
  double number = 0;
  if (!parse_whole(value, number) || !std::isfinite(number) || number < low || number > high) {
    refuse(key, value, fmt::format("a number from {} to {}", low, high));
  }
  return number + 0.0;  // a negative zero is zero: equal settings are one trial
}

bool Settings::flag(const std::string& key, bool fallback) {
  const std::string value = text(key, fallback ? "true" : "false");
  if (value != "true" && value != "false") refuse(key, value, "true or false");
  return value == "true";
}

std::string Settings::choice(const std::string& key, const std::string& fallback,
                             std::span<const std::string_view> allowed) {
  const std::string value = text(key, fallback);
  std::vector<std::string> names(allowed.begin(), allowed.end());
  std::string list;
  for (const std::string& name : names) {
    if (name == value) return value;
    list += (list.empty() ? "" : ", ") + name;
  }
  refuse(key, value, "one of " + list + did_you_mean(value, names));
}

Settings Settings::take(const std::map<std::string, std::string>& inner_names) {
  std::map<std::string, std::string> taken;
  for (const auto& [outer, inner] : inner_names) {
    if (has(outer)) taken[inner] = text(outer, "");
    known_.push_back(outer);
  }
  return Settings(std::move(taken));
}

void Settings::refuse_unknown(const std::string& where) const {
  for (const auto& [key, value] : values_) {
    bool known = false;
    for (const std::string& name : known_) known |= name == key;
    if (known) continue;
    std::string list;
    for (const std::string& name : known_) list += (list.empty() ? "" : ", ") + name;
    throw InputError(where + ": there is no setting '" + printable(key) + "'" +
                     did_you_mean(key, known_) +
                     (list.empty() ? "; there are no settings" : "; there are " + list));
  }
}

std::string setting_text(double number) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr};
}

}  // namespace rankscope
