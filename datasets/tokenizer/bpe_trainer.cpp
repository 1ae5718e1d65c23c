#include "datasets/tokenizer/bpe_trainer.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>

#include "common/error.h"
#include "common/json.h"
#include "common/text.h"
#include "common/utf8.h"
#include "datasets/tokenizer/byte_alphabet.h"

namespace rankscope {

using namespace tokenizer;

namespace {

using Pair = std::pair<int32_t, int32_t>;

struct PairHash {
  size_t operator()(const Pair& pair) const {
    const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(pair.first)) << 32 |
                         static_cast<uint32_t>(pair.second);
    return static_cast<size_t>((key * 0x9e3779b97f4a7c15u) >> 16);
  }
};

struct Word {
  std::vector<int32_t> symbols;
  int64_t count = 0;
};

// A pair, and how often it was when this entry was made.
struct Entry {
  Pair pair;
  int64_t count = 0;
  // The most frequent first, then the pair of the lowest ids.
  bool operator<(const Entry& other) const {
    return count != other.count ? count < other.count : pair > other.pair;
  }
};

class Merging {
 public:
  Merging(const BpeTrainerSettings& settings, std::vector<Word> words,
          std::vector<std::string> tokens)
      : settings_(settings), words_(std::move(words)), tokens_(std::move(tokens)) {
    for (size_t i = 0; i < tokens_.size(); ++i) ids_[tokens_[i]] = static_cast<int32_t>(i);
  }

  void run() {
    std::vector<Pair> grown;
    for (uint32_t w = 0; w < words_.size(); ++w) {
      const std::vector<int32_t>& symbols = words_[w].symbols;
      for (size_t i = 0; i + 1 < symbols.size(); ++i)
        change({symbols[i], symbols[i + 1]}, words_[w].count, w, grown);
    }
    offer(grown);
    while (static_cast<int64_t>(tokens_.size()) < settings_.vocabulary && !queue_.empty()) {
      Entry best = queue_.top();
      queue_.pop();
      const int64_t count = counts_[best.pair];
      if (best.count != count) {
        best.count = count;
        if (count > 0) queue_.push(best);
        continue;
      }
      if (best.count < settings_.min_count) break;
      merge(best.pair);
    }
  }

  const std::vector<std::string>& tokens() const { return tokens_; }
  const std::vector<Pair>& merges() const { return merges_; }

 private:
  // `grown` gathers the pairs that became more frequent.
  void change(Pair pair, int64_t by, uint32_t word, std::vector<Pair>& grown) {
    counts_[pair] += by;
    if (by <= 0) return;
    std::vector<uint32_t>& list = places_[pair];
    if (!list.empty() && list.back() == word) return;
    list.push_back(word);
    grown.push_back(pair);
  }

  void offer(std::vector<Pair>& grown) {
    std::ranges::sort(grown);
    grown.erase(std::unique(grown.begin(), grown.end()), grown.end());
    for (const Pair& pair : grown)
      if (const int64_t count = counts_[pair]; count > 0) queue_.push({pair, count});
  }

  void merge(Pair pair) {
    const std::string token =
        tokens_[static_cast<size_t>(pair.first)] + tokens_[static_cast<size_t>(pair.second)];
    // Two merges can make the same text; it keeps one id.
    const auto [found, is_new] = ids_.emplace(token, static_cast<int32_t>(tokens_.size()));
    if (is_new) tokens_.push_back(token);
    if (merged_.insert(pair).second) merges_.push_back(pair);
    std::vector<uint32_t> places = std::move(places_[pair]);
    places_.erase(pair);
    std::ranges::sort(places);
    places.erase(std::unique(places.begin(), places.end()), places.end());
    std::vector<Pair> grown;
    for (const uint32_t w : places) merge_in(w, pair, found->second, grown);
    counts_[pair] = 0;
    offer(grown);
  }

  void merge_in(uint32_t w, Pair pair, int32_t result, std::vector<Pair>& grown) {
    std::vector<int32_t>& symbols = words_[w].symbols;
    const int64_t count = words_[w].count;
    // In one pass: what is kept moves forward, so that a word of any length takes time in
    // proportion.
    size_t kept = 0;
    for (size_t i = 0; i < symbols.size(); ++i, ++kept) {
      const bool here =
          symbols[i] == pair.first && i + 1 < symbols.size() && symbols[i + 1] == pair.second;
      if (!here) {
        symbols[kept] = symbols[i];
        continue;
      }
      symbols[kept] = result;
      ++i;
      if (kept > 0) {
        change({symbols[kept - 1], pair.first}, -count, w, grown);
        change({symbols[kept - 1], result}, count, w, grown);
      }
      if (i + 1 < symbols.size()) {
        change({pair.second, symbols[i + 1]}, -count, w, grown);
        change({result, symbols[i + 1]}, count, w, grown);
      }
    }
    symbols.resize(kept);
  }

  const BpeTrainerSettings& settings_;
  std::vector<Word> words_;
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, int32_t> ids_;
  std::vector<Pair> merges_;
  std::set<Pair> merged_;
  std::unordered_map<Pair, int64_t, PairHash> counts_;
  std::unordered_map<Pair, std::vector<uint32_t>, PairHash> places_;  // words it may stand in
  std::priority_queue<Entry> queue_;
};

OrderedJson byte_level_json(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

OrderedJson pre_tokenizer_json(SplitPattern pattern) {
  if (pattern == SplitPattern::kGpt2) return byte_level_json(true);
  const OrderedJson split = {{"type", "Split"},
                             {"pattern", {{"Regex", pattern_text(pattern)}}},
                             {"behavior", "Isolated"},
                             {"invert", false}};
  OrderedJson sequence = {{"type", "Sequence"}};
  sequence["pretokenizers"] = OrderedJson::array({split, byte_level_json(false)});
  return sequence;
}

OrderedJson special_token_json(const std::string& content, size_t id) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

}  // namespace

BpeTrainer::BpeTrainer(BpeTrainerSettings settings) : settings_(std::move(settings)) {
  std::set<std::string> seen;
  for (const std::string& token : settings_.special_tokens) {
    if (token.empty() || !valid_utf8(token) || first_code_point(token).bytes == token.size())
      throw InputError("special token '" + printable(token) +
                       "' must be UTF-8 text of two characters or more");
    if (!seen.insert(token).second)
      throw InputError("special token '" + printable(token) + "' is given twice");
  }
  const auto least = static_cast<int64_t>(256 + settings_.special_tokens.size());
  if (settings_.vocabulary < least) {
    throw InputError("a vocabulary of " + std::to_string(settings_.vocabulary) +
                     " is too small: 256 bytes and the special tokens need " +
                     std::to_string(least));
  }
}

void BpeTrainer::add(std::string_view text) {
  const std::string repaired = valid_prefix(text) == text.size() ? "" : repair_utf8(text);
  if (!repaired.empty()) text = repaired;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = piece_end(settings_.pattern, text, begin);
    const std::string_view word = text.substr(begin, end - begin);
    if (const auto found = counts_.find(word); found != counts_.end()) {
      ++found->second;
    } else {
      counts_.emplace(word, 1);
    }
    begin = end;
  }
}

std::string BpeTrainer::train() const {
  std::vector<std::string> tokens = settings_.special_tokens;
  std::map<char32_t, uint8_t> alphabet;  // in the order of the characters
  for (unsigned b = 0; b < 256; ++b)
    alphabet[byte_to_char(static_cast<uint8_t>(b))] = static_cast<uint8_t>(b);
  int32_t byte_ids[256];
  for (const auto& [character, byte] : alphabet) {
    byte_ids[byte] = static_cast<int32_t>(tokens.size());
    append_utf8(tokens.emplace_back(), character);
  }
  std::vector<Word> words;
  words.reserve(counts_.size());
  // In no particular order: only sums over words and sets of words decide.
  for (const auto& [text, count] : counts_) {
    Word& word = words.emplace_back();
    word.count = static_cast<int64_t>(count);
    for (const char c : text) word.symbols.push_back(byte_ids[static_cast<uint8_t>(c)]);
  }
  Merging merging(settings_, std::move(words), std::move(tokens));
  merging.run();

  OrderedJson json = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  json["added_tokens"] = OrderedJson::array();
  for (size_t i = 0; i < settings_.special_tokens.size(); ++i)
    json["added_tokens"].push_back(special_token_json(settings_.special_tokens[i], i));
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = pre_tokenizer_json(settings_.pattern);
  json["post_processor"] = byte_level_json(true);
  json["decoder"] = byte_level_json(true);
  OrderedJson vocabulary = OrderedJson::object(), merges = OrderedJson::array();
  const std::vector<std::string>& learnt = merging.tokens();
  auto& items = vocabulary.get_ref<OrderedJson::object_t&>();
  items.reserve(learnt.size());
  // Appended without the search for an equal key: tokens are unique.
  for (size_t i = 0; i < learnt.size(); ++i)
    static_cast<std::vector<OrderedJson::object_t::value_type>&>(items).emplace_back(learnt[i], i);
  for (const Pair& pair : merging.merges()) {
    merges.push_back(learnt[static_cast<size_t>(pair.first)] + " " +
                     learnt[static_cast<size_t>(pair.second)]);
  }
  json["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", false}};
  json["model"]["vocab"] = std::move(vocabulary);
  json["model"]["merges"] = std::move(merges);
  return json.dump(1) + "\n";
}

}  // namespace rankscope
