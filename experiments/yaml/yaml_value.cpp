#include "experiments/yaml/yaml_value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/error.h"
#include "common/files.h"
#include "common/suggest.h"
#include "common/text.h"

namespace rankscope {
namespace {

// Names become columns of tables and words on a command line.
constexpr std::size_t kLongestName = 100;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Decimal digits with no zero in front, a sign allowed: what every reader of numbers takes alike.
bool decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || !is_digit(text.front())) return false;
  return text.size() < 2 || text[0] != '0' || !is_digit(text[1]);
}

template <typename T>
bool parse_whole(std::string_view text, T& value) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && rest == end && decimal(text);
}

std::string shown_node(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "empty";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kScalar:
      break;
  }
  return node.quoted ? "the text \"" + printable(node.text, 60) + "\"" : printable(node.text, 60);
}

}  // namespace

std::string YamlValue::where() const { return place_text(*node_->source, line_); }

void YamlValue::fail(const std::string& message) const {
  throw InputError(path_.empty() ? fmt::format("{}: {}", where(), message)
                                 : fmt::format("{}: '{}': {}", where(), printable(path_), message));
}

void YamlValue::mismatch(const std::string& wanted) const {
  fail(fmt::format("must be {}, not {}", wanted, shown_node(*node_)));
}

const std::string& YamlValue::scalar(const std::string& wanted) const {
  if (!is_scalar()) mismatch(wanted);
  return node_->text;
}

std::optional<YamlValue> YamlValue::find(std::string_view key) const {
  if (node_->kind != YamlNode::Kind::kMap) mismatch("a map of keys");
  const auto found = std::ranges::find(node_->entries, key, &YamlEntry::key);
  if (found == node_->entries.end()) return std::nullopt;
  return child(*found);
}

YamlValue YamlValue::child(const YamlEntry& entry) const {
  YamlValue value(entry.value, path_.empty() ? entry.key : path_ + "." + entry.key, entry.key);
  value.line_ = entry.line;
  return value;
}

std::vector<YamlValue> YamlValue::entries() const {
  if (node_->kind != YamlNode::Kind::kMap) mismatch("a map of keys");
  std::vector<YamlValue> values;
  for (const YamlEntry& entry : node_->entries) values.push_back(child(entry));
  return values;
}

std::vector<YamlValue> YamlValue::items() const {
  if (!is_list()) mismatch("a list");
  if (node_->items.empty()) fail("the list is empty; give at least one value or leave the key out");
  std::vector<YamlValue> values;
  for (std::size_t i = 0; i < node_->items.size(); ++i) {
    values.emplace_back(node_->items[i], fmt::format("{}.{}", path_, i), std::to_string(i));
  }
  return values;
}

std::vector<YamlValue> YamlValue::one_or_more() const {
  if (is_list()) return items();
  return {*this};
}

std::string YamlValue::text() const {
  const std::string& text = scalar("text");
  if (text.empty()) mismatch("text that is not empty");
  return text;
}

std::int64_t YamlValue::integer(std::int64_t low, std::int64_t high) const {
  const std::string wanted = fmt::format("a whole number from {} to {}", low, high);
  std::int64_t value = 0;
  if (!parse_whole(scalar(wanted), value) || node_->quoted || value < low || value > high) {
    mismatch(wanted);
  }
  return value;
}

double YamlValue::number(double low, double high) const {
  const std::string wanted = fmt::format("a number from {} to {}", low, high);
  double value = 0;
  if (!parse_whole(scalar(wanted), value) || node_->quoted || !std::isfinite(value) ||
      value < low || value > high) {
    mismatch(wanted);
  }
  return value + 0.0;  // a negative zero is zero: equal values are one trial
}

bool YamlValue::flag() const {
  const std::string& text = scalar("true or false");
  if (node_->quoted || (text != "true" && text != "false")) mismatch("true or false");
  return text == "true";
}

std::vector<std::uint64_t> YamlValue::seeds() const {
  std::vector<std::uint64_t> seeds;
  for (const YamlValue& item : one_or_more()) {
    const auto seed = static_cast<std::uint64_t>(item.integer(0, INT64_MAX));
    if (std::ranges::find(seeds, seed) != seeds.end()) {
      item.fail(fmt::format("seed {} is given twice", seed));
    }
    seeds.push_back(seed);
  }
  return seeds;
}

std::int64_t YamlValue::amount() const {
  const std::string wanted = "a number of parameters, as 18M, 4.7M, 500k, 1B or 18874368";
  std::string_view text = scalar(wanted);
  double unit = 1;
  for (const auto& [suffix, factor] : {std::pair{'k', 1e3}, {'M', 1e6}, {'B', 1e9}}) {
    if (text.ends_with(suffix)) {
      unit = factor;
      text.remove_suffix(1);
      break;
    }
  }
  double value = 0;
  if (node_->quoted || !parse_whole(text, value)) mismatch(wanted);
  value = std::round(value * unit);
  if (!(value >= 1 && value <= 1e15)) mismatch(wanted);
  return static_cast<std::int64_t>(value);
}

std::string YamlValue::setting(std::string_view example, char separator) const {
  if (is_list() && separator != 0) {
    std::string joined;
    for (const YamlValue& item : items()) {
      joined += (joined.empty() ? "" : std::string(1, separator)) + item.setting(example, 0);
    }
    return joined;
  }
  if (is_list()) {
    fail("a list is one value here, and this key takes no list; to run each, write it under grid:");
  }
  double ignored = 0;
  const bool number = parse_whole(example, ignored);
  const std::string wanted = number ? "a decimal number" : "one word";
  const std::string& text = scalar(wanted);
  const bool typed = number || example == "true" || example == "false";
  if (text.empty() || (typed && node_->quoted) || (number && !decimal(text))) mismatch(wanted);
  return text;
}

std::string YamlValue::name() const {
  check_name(text());
  return text();
}

void YamlValue::check_name(const std::string& name) const {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' ||
           c == '_' || c == '+';
  };
  if (name.size() <= kLongestName && std::ranges::all_of(name, good)) return;
  fail(fmt::format("must be a name of letters, digits, '-', '_' and '+', at most {}, not '{}'",
                   kLongestName, printable(name)));
}

std::filesystem::path YamlValue::file_path(const std::filesystem::path& file) const {
  std::error_code error;
  const std::filesystem::path folder =
      is_override() ? std::filesystem::current_path(error) : file.parent_path();
  if (error && std::filesystem::path(text()).is_relative())
    fail("is of the current folder, which cannot be told (" + system_error_text(error.value()) +
         "); give the whole path");
  std::filesystem::path path = (folder / text()).lexically_normal();
  // A sweep's folder holds its paths in JSON, from which another text would come back.
  if (!valid_utf8(path.native()))
    fail("the path '" + printable_path(path) +
         "' is not UTF-8; rename the folder, or move the file to one whose name is");
  return path;
}

std::string YamlValue::choice(std::initializer_list<std::string_view> allowed) const {
  std::string list;
  for (const std::string_view name : allowed) {
    list += (list.empty() ? "" : ", ") + std::string(name);
  }
  const std::string& text = scalar("one of " + list);
  if (std::ranges::find(allowed, text) == allowed.end()) {
    const std::vector<std::string> names(allowed.begin(), allowed.end());
    fail("must be one of " + list + ", not " + shown_node(*node_) + did_you_mean(text, names));
  }
  return text;
}

void refuse_unknown_keys(const YamlValue& map, const std::vector<std::string>& known) {
  for (const YamlValue& value : map.entries()) {
    const std::string& key = value.key();
    if (std::ranges::find(known, key) != known.end()) continue;
    const std::string suggestion = did_you_mean(key, known);
    if (key.find(':') != std::string::npos) {
      value.fail("there is no such key; YAML wants a space behind ':'");
    }
    if (key.find('.') != std::string::npos) {
      value.fail(
          "there is no such key; keys joined by dots are for the command line, in a file "
          "each stands inside the one before: train: {skip: 5}, not train.skip: 5");
    }
    value.fail("there is no such key" + (suggestion.empty()
                                             ? fmt::format("; there are {}", fmt::join(known, ", "))
                                             : suggestion));
  }
}

}  // namespace rankscope
