#include "datasets/tokenizer/added_tokens.h"

#include <algorithm>

#include "common/utf8.h"
#include "datasets/tokenizer/unicode_classes.h"

namespace rankscope::tokenizer {
namespace {

bool is_space(CodePoint c) { return char_class(c.value) == CharClass::kSpace; }

size_t without_trailing_space(std::string_view text) {
  while (!text.empty() && is_space(last_code_point(text)))
    text.remove_suffix(last_code_point(text).bytes);
  return text.size();
}

size_t leading_space(std::string_view text) {
  size_t bytes = 0;
  while (bytes < text.size() && is_space(first_code_point(text.substr(bytes))))
    bytes += first_code_point(text.substr(bytes)).bytes;
  return bytes;
}

bool touches_word(std::string_view before, std::string_view behind) {
  return (!before.empty() && is_word_char(last_code_point(before).value)) ||
         (!behind.empty() && is_word_char(first_code_point(behind).value));
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens,
                                     const std::vector<std::string>& texts)
    : tokens_(std::move(tokens)), ends_(1, -1) {
  for (size_t i = 0; i < texts.size(); ++i) {
    uint32_t node = 0;
    for (size_t at = 0; at < texts[i].size(); ++at) {
      const auto byte = static_cast<uint8_t>(texts[i][at]);
      uint32_t& next = at == 0 ? first_[byte] : children_[uint64_t{node} * 256 + byte];
      if (next == kNoNode) {
        next = static_cast<uint32_t>(ends_.size());
        ends_.push_back(-1);
      }
      node = next;
    }
    if (node != 0) ends_[node] = static_cast<int32_t>(i);
  }
}

AddedTokenMatcher::Match AddedTokenMatcher::longest_at(std::string_view text) const {
  Match best;
  uint32_t node = first_[static_cast<uint8_t>(text[0])];
  for (size_t bytes = 1; node != kNoNode; ++bytes) {
    if (ends_[node] >= 0) best = {ends_[node], bytes};
    if (bytes == text.size()) break;
    const auto next = children_.find(uint64_t{node} * 256 + static_cast<uint8_t>(text[bytes]));
    node = next == children_.end() ? kNoNode : next->second;
  }
  return best;
}

void AddedTokenMatcher::cut(std::string_view text, std::vector<Piece>& out) const {
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    if (first_[static_cast<uint8_t>(text[at])] == kNoNode) {
      ++at;
      continue;
    }
    const Match match = longest_at(text.substr(at));
    if (match.token < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<size_t>(match.token)];
    size_t begin = at, end = at + match.bytes;
    at = end;
    if (token.single_word && touches_word(text.substr(0, begin), text.substr(end))) continue;
    if (token.lstrip) begin = std::max(without_trailing_space(text.substr(0, begin)), done);
    if (token.rstrip) end += leading_space(text.substr(end));
    if (begin >= end) continue;  // all of it went to the token before
    if (done < begin) out.push_back({text.substr(done, begin - done), -1});
    out.push_back({text.substr(begin, end - begin), token.id});
    done = end;
  }
  if (done < text.size()) out.push_back({text.substr(done), -1});
}

}  // namespace rankscope::tokenizer
