#include "experiments/yaml/overrides.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {
namespace {

constexpr std::size_t kMostKeys = 16;  // as YamlLimits::max_depth

void clear_lines(YamlNode& node) {
  node.line = 0;
  for (YamlNode& item : node.items) clear_lines(item);
  for (YamlEntry& entry : node.entries) {
    entry.line = 0;
    clear_lines(entry.value);
  }
}

bool begins_as_yaml(std::string_view text) {
  return !text.empty() && std::string_view("[{\"'").find(text.front()) != std::string_view::npos;
}

// A template that begins with a placeholder was meant as a text.
std::string advice_to_quote(std::string_view text) {
  if (text.front() != '{' && text.front() != '[') return "";
  return fmt::format("; a text that begins with {} needs quotes: KEY='\"{} ...\"'", text.front(),
                     text.front() == '{' ? "{prompt}" : "[1]");
}

YamlNode parse_value(std::string_view text, const std::string& source) {
  if (begins_as_yaml(text)) {
    YamlNode node = [&] {
      try {
        return parse_yaml(text, source);
      } catch (const InputError& error) {
        throw InputError(error.what() + advice_to_quote(text));
      }
    }();
    clear_lines(node);
    return node;
  }
  YamlNode node;
  node.source = std::make_shared<const std::string>(source);
  if (!text.empty() && text != "~" && text != "null") {
    node.kind = YamlNode::Kind::kScalar;
    node.text = text;
  }
  return node;
}

// The item that `part` names in a list.
YamlNode& item_of(YamlNode& list, std::string_view part, const std::string& source) {
  std::size_t index = 0;
  const auto [rest, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  if (error != std::errc() || rest != part.data() + part.size() || index >= list.items.size()) {
    throw InputError(fmt::format("{}: '{}' must be the number of an item, 0 to {}", source,
                                 printable(part), list.items.size() - 1));
  }
  return list.items[index];
}

YamlNode& child_of(YamlNode& node, std::string_view part, const std::string& source) {
  if (node.kind == YamlNode::Kind::kList && !node.items.empty()) {
    return item_of(node, part, source);
  }
  if (node.kind == YamlNode::Kind::kNull) node.kind = YamlNode::Kind::kMap;
  if (node.kind != YamlNode::Kind::kMap) {
    throw InputError(fmt::format("{}: there is no '{}', what stands before it is no map", source,
                                 printable(part)));
  }
  const auto found = std::ranges::find(node.entries, part, &YamlEntry::key);
  if (found != node.entries.end()) return found->value;
  node.entries.push_back({std::string(part), 0, {}});
  YamlNode& made = node.entries.back().value;
  made.source = std::make_shared<const std::string>(source);
  return made;
}

}  // namespace

void apply_override(YamlNode& root, const std::string& assignment) {
  const std::string source = "override '" + printable(assignment) + "'";
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw InputError(source + ": must have the form KEY=VALUE, as training.lr=1e-4");
  }
  if (!valid_utf8(assignment)) throw InputError(source + ": not UTF-8 text");
  YamlNode value = parse_value(std::string_view(assignment).substr(equals + 1), source);
  std::string_view path = std::string_view(assignment).substr(0, equals);
  if (static_cast<std::size_t>(std::ranges::count(path, '.')) >= kMostKeys) {
    throw InputError(fmt::format("{}: more than {} keys", source, kMostKeys));
  }
  YamlNode* node = &root;
  std::uint64_t* line = nullptr;
  while (true) {
    const std::size_t dot = path.find('.');
    const std::string_view part = path.substr(0, dot);
    if (part.empty()) throw InputError(source + ": an empty key; write KEY.KEY=VALUE");
    YamlNode& parent = *node;
    node = &child_of(parent, part, source);
    const auto entry = std::ranges::find(parent.entries, part, &YamlEntry::key);
    line = entry == parent.entries.end() ? nullptr : &entry->line;
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  *node = std::move(value);
  // The key counts as given on the command line.
  if (line != nullptr) *line = 0;
}

}  // namespace rankscope
