// Settings in text, as a command line or a sweep file gives them.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace rankscope {

// A setting that cannot be used: "setting 'KEY=VALUE': PROBLEM".
class SettingError : public InputError {
 public:
  SettingError(const std::string& key, const std::string& value, const std::string& problem);
  const std::string& key() const { return key_; }

 private:
  std::string key_;
};

// KEY=VALUE settings in text. Readers take keys out; what is left over at the end is refused.
class Settings {
 public:
  Settings() = default;
  explicit Settings(std::map<std::string, std::string> values) : values_(std::move(values)) {}
  // "KEY=VALUE"; throws InputError where the form is wrong, SettingError where the key is set
  // twice.
  void add(std::string_view assignment);
  bool has(const std::string& key) const { return values_.contains(key); }
  // Each of these marks the key as known; a missing key gives the default. SettingErrors say what
  // is allowed.
  std::string text(const std::string& key, const std::string& fallback);
  int64_t integer(const std::string& key, int64_t fallback, int64_t low, int64_t high);
  double number(const std::string& key, double fallback, double low, double high);
  bool flag(const std::string& key, bool fallback);
  std::string choice(const std::string& key, const std::string& fallback,
                     std::span<const std::string_view> allowed);
  // Takes out and marks as known the keys of `inner_names` that are there; in what is returned each
  // stands under the name that it has there.
  Settings take(const std::map<std::string, std::string>& inner_names);
  // Throws InputError for the first key nobody asked for, with the nearest known one.
  void refuse_unknown(const std::string& where) const;

 private:
  std::map<std::string, std::string> values_;
  std::vector<std::string> known_;
};

// A number as settings hold it: the shortest text that reads back as the same double.
std::string setting_text(double number);

}  // namespace rankscope
