// A value of a YAML file with its place, read with its type checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.h"
#include "experiments/yaml/yaml_text.h"

namespace rankscope {

// A node and the dotted path of keys that leads to it. The node must outlive it. Every refusal is
// an InputError "FILE:LINE: 'PATH': must be ..., not ...".
//
// Types follow YAML 1.2's core schema, narrowed where 1.1 and 1.2 differ so that nothing is read in
// two ways: booleans are true and false (on, off, yes and no are text), numbers are decimal
// (0x10, 0o17, 010 and 1_000 are refused), and what stands in quotes is text.
class YamlValue {
 public:
  // `key`: under which it stands; empty for a root.
  YamlValue(const YamlNode& node, std::string path, std::string key = {})
      : node_(&node), path_(std::move(path)), key_(std::move(key)), line_(node.line) {}

  const YamlNode& node() const { return *node_; }
  const std::string& path() const { return path_; }
  // Its own key, which in a file may hold dots; of an item its number.
  const std::string& key() const { return key_; }
  // "FILE:LINE", of its key where it has one.
  std::string where() const;
  // Given on the command line, not in the file.
  bool is_override() const { return line_ == 0; }
  [[noreturn]] void fail(const std::string& message) const;
  // What `action` returns; an InputError that it throws becomes one of this place.
  template <typename Action>
  decltype(auto) checked(Action&& action) const {
    try {
      return std::forward<Action>(action)();
    } catch (const InputError& error) {
      fail(error.what());
    }
  }

  bool is_scalar() const { return node_->kind == YamlNode::Kind::kScalar; }
  bool is_list() const { return node_->kind == YamlNode::Kind::kList; }
  bool is_null() const { return node_->kind == YamlNode::Kind::kNull; }

  // Of a map; fails where it is none. A key without a value counts as given.
  std::optional<YamlValue> find(std::string_view key) const;
  std::vector<YamlValue> entries() const;
  // Of a list, at least one.
  std::vector<YamlValue> items() const;
  // The items of a list, or the one value itself.
  std::vector<YamlValue> one_or_more() const;

  std::string text() const;
  std::int64_t integer(std::int64_t low, std::int64_t high) const;
  double number(double low, double high) const;
  bool flag() const;
  // One whole number from 0 to INT64_MAX or a list of them, each once.
  std::vector<std::uint64_t> seeds() const;
  // A whole number that may end in k, M or B: 18M is 18,000,000, 4.7M is 4,700,000.
  std::int64_t amount() const;
  // The scalar as a setting's text, for a reader that knows its type by `example`, its default: a
  // number in quotes or in another notation than decimal is refused where that is a number. The
  // items of a list are joined by `separator`; 0: a list is refused.
  std::string setting(std::string_view example, char separator) const;
  // Text that may name a group, a task or a sweep: letters, digits, '-', '_' and '+'.
  std::string name() const;
  void check_name(const std::string& name) const;
  // A path, relative to the folder of `file`; one from the command line to the current folder.
  std::filesystem::path file_path(const std::filesystem::path& file) const;
  std::string choice(std::initializer_list<std::string_view> allowed) const;

 private:
  [[noreturn]] void mismatch(const std::string& wanted) const;
  const std::string& scalar(const std::string& wanted) const;
  YamlValue child(const YamlEntry& entry) const;

  const YamlNode* node_;
  std::string path_, key_;
  std::uint64_t line_;
};

// Refuses, with its place and the nearest known name, a key of `map` that is not among `known`.
void refuse_unknown_keys(const YamlValue& map, const std::vector<std::string>& known);

}  // namespace rankscope
