// Added tokens: texts that are cut out of the input before anything else looks at it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace rankscope::tokenizer {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool special = false;      // left out by decode(skip_special_tokens)
  bool single_word = false;  // only where no \w character touches it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space behind it
  bool normalized = false;   // looked for in the normalised text
};

// A piece of the input: a token's text (id >= 0), or text that no added token claimed (id -1).
struct Piece {
  std::string_view text;
  int32_t id = -1;
};

// Finds tokens in a text: the leftmost, of those at one place the longest, then on behind it.
class AddedTokenMatcher {
 public:
  // `texts[i]` is what tokens[i] looks like in the searched text; empty ones are never found, and
  // no two others are the same.
  AddedTokenMatcher() = default;
  AddedTokenMatcher(std::vector<AddedToken> tokens, const std::vector<std::string>& texts);

  bool empty() const { return tokens_.empty(); }
  // Appends the pieces of `text`, none of them empty.
  void cut(std::string_view text, std::vector<Piece>& out) const;

 private:
  static constexpr uint32_t kNoNode = 0;  // the root, to which no edge leads
  struct Match {
    int32_t token = -1;
    size_t bytes = 0;
  };
  Match longest_at(std::string_view text) const;

  std::vector<AddedToken> tokens_;
  std::array<uint32_t, 256> first_{};                // from the root
  std::unordered_map<uint64_t, uint32_t> children_;  // node * 256 + byte -> node
  std::vector<int32_t> ends_;                        // node -> token, -1: none ends here
};

}  // namespace rankscope::tokenizer
