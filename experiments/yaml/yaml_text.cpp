#include "experiments/yaml/yaml_text.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {
namespace {

using Source = std::shared_ptr<const std::string>;

[[noreturn]] void refuse(const Source& source, std::uint64_t line, const std::string& message) {
  throw InputError(fmt::format("{}:{}: {}", *source, line, message));
}

// What can be told without the library, before it sees a byte.
void scan(std::string_view text, const Source& source, const YamlLimits& limits) {
  if (text.size() > limits.max_bytes) {
    throw InputError(fmt::format("{}: {} bytes; a file of settings has at most {}", *source,
                                 text.size(), limits.max_bytes));
  }
  if (!valid_utf8(text)) throw InputError(*source + ": not UTF-8 text");
  std::uint64_t line = 1;
  bool indentation = true;  // only white space so far
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n') {
      ++line;
      indentation = true;
      continue;
    }
    if (c == '\t' && indentation) {
      refuse(source, line, "a tab in the indentation; YAML indents with spaces");
    }
    if (c == '%' && (at == 0 || text[at - 1] == '\n')) {
      refuse(source, line, "a directive (%); a file of settings has none");
    }
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t' && c != '\r') || byte == 0x7f) {
      refuse(source, line, fmt::format("a control character (0x{:02x})", byte));
    }
    if (c != ' ' && c != '\r') indentation = false;
  }
}

// Builds the tree. Each collection the parser descends into is announced here first, so a limit on
// depth here is one on the parser's recursion.
class Builder : public YAML::EventHandler {
 public:
  Builder(Source source, const YamlLimits& limits) : source_(std::move(source)), limits_(limits) {}

  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    plain(mark, "", anchor);
    add(make(YamlNode::Kind::kNull, mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(source_, line_of(mark), "an alias (*); write the value out");
  }
  // In place of OnAlias where the name is known, and for anchors.
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    refuse(source_, line_of(mark), "an anchor (&); write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    plain(mark, tag, anchor);
    YamlNode node = make(YamlNode::Kind::kScalar, mark);
    node.quoted = tag == "!";
    node.text = value;
    // The core schema's nulls.
    if (!node.quoted &&
        (value.empty() || value == "~" || value == "null" || value == "Null" || value == "NULL")) {
      node.kind = YamlNode::Kind::kNull;
    }
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    plain(mark, tag, anchor);
    open(make(YamlNode::Kind::kList, mark));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    plain(mark, tag, anchor);
    open(make(YamlNode::Kind::kMap, mark));
  }
  void OnMapEnd() override { close(); }

 private:
  // A collection under construction, and in a map the key that waits for its value.
  struct Open {
    YamlNode node;
    std::string key;
    std::uint64_t key_line = 0;
    bool has_key = false;
    std::vector<std::string> keys;  // sorted
  };

  static std::uint64_t line_of(const YAML::Mark& mark) {
    return static_cast<std::uint64_t>(std::max(0, mark.line)) + 1;
  }

  // yaml-cpp marks plain values with the tag "?" or none, quoted ones with "!".
  void plain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) refuse(source_, line_of(mark), "an anchor (&); write the value out");
    if (!tag.empty() && tag != "?" && tag != "!") {
      refuse(source_, line_of(mark), "a tag (!); a file of settings has none");
    }
  }

  YamlNode make(YamlNode::Kind kind, const YAML::Mark& mark) {
    if (++nodes_ > limits_.max_nodes) {
      refuse(source_, line_of(mark),
             fmt::format("more than {} values in one file", limits_.max_nodes));
    }
    YamlNode node;
    node.kind = kind;
    node.source = source_;
    node.line = line_of(mark);
    return node;
  }

  void open(YamlNode node) {
    if (static_cast<int>(open_.size()) >= limits_.max_depth) {
      refuse(source_, node.line,
             fmt::format("more than {} maps and lists inside one another", limits_.max_depth));
    }
    // A key cannot be a collection: refused before the parser goes into it.
    if (!open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap && !open_.back().has_key) {
      refuse(source_, node.line, "a key must be one word, not a list or a map");
    }
    open_.push_back({std::move(node), {}, 0, false, {}});
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (parent.has_key) {
      parent.node.entries.push_back({std::move(parent.key), parent.key_line, std::move(node)});
      parent.has_key = false;
    } else {
      take_key(parent, node);
    }
  }

  void take_key(Open& map, YamlNode& node) {
    if (node.kind != YamlNode::Kind::kScalar || node.text.empty()) {
      refuse(source_, node.line, "a key is missing before ':'");
    }
    if (node.text == "<<" && !node.quoted) {
      refuse(source_, node.line, "a merge key (<<); write the values out");
    }
    const auto place = std::ranges::lower_bound(map.keys, node.text);
    if (place != map.keys.end() && *place == node.text) {
      refuse(source_, node.line,
             fmt::format("key '{}' is given twice, first in line {}; give it once",
                         printable(node.text), first_line(map.node, node.text)));
    }
    map.keys.insert(place, node.text);
    map.key = std::move(node.text);
    map.key_line = node.line;
    map.has_key = true;
  }

  static std::uint64_t first_line(const YamlNode& map, const std::string& key) {
    return std::ranges::find(map.entries, key, &YamlEntry::key)->line;
  }

  Source source_;
  const YamlLimits& limits_;
  std::vector<Open> open_;
  YamlNode root_;
  std::uint64_t nodes_ = 0;
};

}  // namespace

std::string place_text(const std::string& source, std::uint64_t line) {
  return line > 0 ? fmt::format("{}:{}", source, line) : source;
}

YamlNode parse_yaml(std::string_view text, const std::string& source, YamlLimits limits) {
  const auto name = std::make_shared<const std::string>(source);
  scan(text, name, limits);
  // yaml-cpp misses the end of the text within quotes where the last line is blank; behind one that
  // is a comment it sees it.
  const std::size_t last = text.find_last_not_of(" \t\r");
  const bool blank = last != std::string_view::npos && text[last] == '\n';
  std::istringstream stream{blank ? std::string(text.substr(0, last + 1)) + "#"
                                  : std::string(text)};
  Builder builder(name, limits);
  try {
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder)) {
      YamlNode root = builder.take();
      Builder second(name, limits);
      if (parser.HandleNextDocument(second)) {
        refuse(name, std::max<std::uint64_t>(1, second.take().line),
               "a second document (---); a file of settings has one");
      }
      return root;
    }
  } catch (const YAML::Exception& error) {
    const auto line = static_cast<std::uint64_t>(std::max(0, error.mark.line)) + 1;
    refuse(name, line, printable(error.msg) + "; is a bracket, quote, ':' or '-' out of place?");
  }
  YamlNode empty;
  empty.source = name;
  empty.line = 1;
  return empty;
}

}  // namespace rankscope
