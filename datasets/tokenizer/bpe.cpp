#include "datasets/tokenizer/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "common/utf8.h"
#include "datasets/tokenizer/byte_alphabet.h"

namespace rankscope::tokenizer {
namespace {

// Up to here, looking through all pairs for the best one beats a heap.
constexpr size_t kShortWord = 48;

// Does a `mark` follow something else inside `text`?
bool mark_inside(std::string_view text, std::string_view mark) {
  for (size_t at = text.find(mark, 1); at != std::string_view::npos; at = text.find(mark, at + 1)) {
    if (!text.substr(0, at).ends_with(mark)) return true;
  }
  return false;
}

}  // namespace

Bpe::Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeSettings settings)
    : vocabulary_(std::move(vocabulary)), settings_(std::move(settings)), merges_(merges.size()) {
  const auto id_of = [&](std::string_view token) {
    const auto found = vocabulary_.find(token);
    return found == vocabulary_.end() ? -1 : found->second;
  };
  if (settings_.unknown_token) unknown_ = id_of(*settings_.unknown_token);
  for (unsigned b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    byte_ids_[b] = id_of(write_bytes({&byte, 1}));
    fallback_ids_[b] = id_of(fmt::format("<0x{:02X}>", b));
  }
  for (const auto& [token, id] : vocabulary_) {
    if (!token.empty() && first_code_point(token).bytes == token.size())
      character_ids_[first_code_point(token).value] = id;
    if (!settings_.ignore_merges) continue;
    if (!settings_.byte_level) {
      whole_words_[token] = id;
    } else if (const std::optional<std::string> bytes = read_bytes(token)) {
      whole_words_[*bytes] = id;
    }
  }
  for (size_t i = 0; i < merges.size(); ++i)
    merges_.put(merges[i].left, merges[i].right, {static_cast<uint32_t>(i), merges[i].result});
}

bool Bpe::may_cut_before(std::string_view mark) const {
  if (settings_.byte_level || settings_.ignore_merges || !vocabulary_.contains(mark)) return false;
  // A character that is dropped leaves its neighbours to each other: marks that it parted can
  // merge.
  const bool all_bytes = settings_.byte_fallback &&
                         std::ranges::none_of(fallback_ids_, [](int32_t id) { return id < 0; });
  if (unknown_ < 0 && !all_bytes) return false;
  if (settings_.unknown_token && settings_.unknown_token->find(mark) != std::string::npos)
    return false;
  return std::ranges::none_of(vocabulary_,
                              [&](const auto& item) { return mark_inside(item.first, mark); });
}

bool Bpe::append_fallback(std::string_view character, std::vector<int32_t>& symbols) const {
  if (!settings_.byte_fallback) return false;
  const auto id = [&](char c) { return fallback_ids_[static_cast<uint8_t>(c)]; };
  if (std::ranges::any_of(character, [&](char c) { return id(c) < 0; })) return false;
  for (const char c : character) symbols.push_back(id(c));
  return true;
}

// Unknown characters wait until a known one ends their run, and stand before it. A run is not
// ended by a fallback to bytes: Hugging Face tokenizers does the same.
void Bpe::start_characters(std::string_view word, std::vector<int32_t>& symbols) const {
  bool waiting = false;
  while (!word.empty()) {
    const CodePoint c = first_code_point(word);
    const auto found = character_ids_.find(c.value);
    if (found != character_ids_.end()) {
      if (waiting) symbols.push_back(unknown_);
      waiting = false;
      symbols.push_back(found->second);
    } else if (!append_fallback(word.substr(0, c.bytes), symbols) && unknown_ >= 0) {
      if (waiting && !settings_.fuse_unknown) symbols.push_back(unknown_);
      waiting = true;
    }
    word.remove_prefix(c.bytes);
  }
  if (waiting) symbols.push_back(unknown_);
}

void Bpe::start_bytes(std::string_view word, std::vector<int32_t>& symbols) const {
  bool waiting = false;
  for (const char c : word) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(c)];
    if (id >= 0) {
      if (waiting) symbols.push_back(unknown_);
      waiting = false;
      symbols.push_back(id);
    } else if (unknown_ >= 0) {
      if (waiting && !settings_.fuse_unknown) symbols.push_back(unknown_);
      waiting = true;
    }
  }
  if (waiting) symbols.push_back(unknown_);
}

void Bpe::merge_short(std::vector<int32_t>& symbols) const {
  MergeTable::Found pairs[kShortWord];
  size_t count = symbols.size();
  for (size_t i = 0; i + 1 < count; ++i) pairs[i] = merges_.find(symbols[i], symbols[i + 1]);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i)
      if (pairs[i].rank < pairs[best].rank) best = i;
    if (pairs[best].rank == MergeTable::kNone) break;
    symbols[best] = pairs[best].result;
    --count;
    for (size_t i = best + 1; i < count; ++i) symbols[i] = symbols[i + 1];
    for (size_t i = best + 1; i + 1 < count; ++i) pairs[i] = pairs[i + 1];
    if (best > 0) pairs[best - 1] = merges_.find(symbols[best - 1], symbols[best]);
    if (best + 1 < count) pairs[best] = merges_.find(symbols[best], symbols[best + 1]);
  }
  symbols.resize(count);
}

void Bpe::merge_long(std::vector<int32_t>& symbols) const {
  struct Link {
    int32_t before, after;
  };
  // The lowest rank first, then the leftmost.
  struct Candidate {
    uint32_t rank;
    int32_t at;
    int32_t left, right, result;
    bool operator<(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  const auto count = static_cast<int32_t>(symbols.size());
  std::vector<Link> links(symbols.size());
  for (int32_t i = 0; i < count; ++i)
    links[static_cast<size_t>(i)] = {i - 1, i + 1 < count ? i + 1 : -1};
  const auto symbol = [&](int32_t i) -> int32_t& { return symbols[static_cast<size_t>(i)]; };
  const auto link = [&](int32_t i) -> Link& { return links[static_cast<size_t>(i)]; };
  std::priority_queue<Candidate> queue;
  const auto offer = [&](int32_t at) {
    if (at < 0 || link(at).after < 0) return;
    const int32_t left = symbol(at), right = symbol(link(at).after);
    const MergeTable::Found found = merges_.find(left, right);
    if (found.rank != MergeTable::kNone) queue.push({found.rank, at, left, right, found.result});
  };
  for (int32_t i = 0; i + 1 < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    // Merged away or changed meanwhile; ids are not negative, so -1 marks what is gone.
    const int32_t after = link(best.at).after;
    if (symbol(best.at) != best.left || after < 0 || symbol(after) != best.right) continue;
    symbol(best.at) = best.result;
    symbol(after) = -1;
    link(best.at).after = link(after).after;
    if (link(after).after >= 0) link(link(after).after).before = best.at;
    offer(link(best.at).before);
    offer(best.at);
  }
  std::erase(symbols, -1);
}

void Bpe::encode(std::string_view word, std::vector<int32_t>& out) const {
  if (settings_.ignore_merges) {
    if (const auto found = whole_words_.find(word); found != whole_words_.end()) {
      out.push_back(found->second);
      return;
    }
  }
  std::vector<int32_t> symbols;
  symbols.reserve(word.size());
  if (settings_.byte_level) {
    start_bytes(word, symbols);
  } else {
    start_characters(word, symbols);
  }
  if (symbols.size() <= kShortWord) {
    merge_short(symbols);
  } else {
    merge_long(symbols);
  }
  out.insert(out.end(), symbols.begin(), symbols.end());
}

}  // namespace rankscope::tokenizer
