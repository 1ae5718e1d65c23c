// YAML from outside as a checked tree: yaml-cpp's events under limits, with the line of everything.
//
// Accepted is what a configuration needs: one document of maps with plain or quoted keys, lists and
// scalars. Refused: anchors, aliases, merge keys, tags, directives, several documents, a key given
// twice, text that is not UTF-8. Scalars keep their text: who asks for a value gives it a type.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rankscope {

struct YamlEntry;

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string text;                           // of a scalar
  bool quoted = false;                        // in quotes, or a block: text, whatever it looks like
  std::shared_ptr<const std::string> source;  // the file, or the override
  std::uint64_t line = 0;                     // from 1; 0: not in a file
  std::vector<YamlNode> items;                // of a list
  std::vector<YamlEntry> entries;             // of a map, in their order
};

struct YamlEntry {
  std::string key;
  std::uint64_t line = 0;  // of the key
  YamlNode value;
};

struct YamlLimits {
  std::uint64_t max_bytes = std::uint64_t{1} << 20;
  int max_depth = 16;  // of maps and lists inside one another
  std::uint64_t max_nodes = 50'000;
};

// "FILE:LINE", or the source alone where the line is 0.
std::string place_text(const std::string& source, std::uint64_t line);

// Throws InputError "SOURCE:LINE: ...". An empty text is a null.
YamlNode parse_yaml(std::string_view text, const std::string& source, YamlLimits limits = {});

}  // namespace rankscope
