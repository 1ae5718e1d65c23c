#include "datasets/tokenizer/tokenizer.h"

#include <algorithm>
#include <mutex>

#include "common/error.h"
#include "common/utf8.h"
#include "datasets/tokenizer/word_cache.h"

namespace rankscope {

using namespace tokenizer;

namespace {

// U+2581, which SentencePiece writes for a space.
constexpr std::string_view kSpaceMark = "\xe2\x96\x81";

}  // namespace

// Word caches that no call is using. A call takes one, or makes one, and gives it back.
class Tokenizer::CachePool {
 public:
  std::unique_ptr<WordCache> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        std::unique_ptr<WordCache> cache = std::move(free_.back());
        free_.pop_back();
        return cache;
      }
    }
    return std::make_unique<WordCache>();
  }
  void give_back(std::unique_ptr<WordCache> cache) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(cache));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<WordCache>> free_;
};

// One call of encode().
class Tokenizer::Encoding {
 public:
  Encoding(const Tokenizer& tokenizer, std::vector<int32_t>& ids)
      : parts_(tokenizer.parts_),
        tokenizer_(tokenizer),
        cache_(tokenizer.caches_->take()),
        ids_(ids) {}
  ~Encoding() { tokenizer_.caches_->give_back(std::move(cache_)); }
  Encoding(const Encoding&) = delete;
  Encoding& operator=(const Encoding&) = delete;

  void text(std::string_view text, Place place) {
    if (tokenizer_.raw_tokens_.empty()) {
      normalize(text, place);
      return;
    }
    std::vector<Piece> pieces;
    tokenizer_.raw_tokens_.cut(text, pieces);
    for (const Piece& piece : pieces) {
      if (piece.id >= 0) {
        ids_.push_back(piece.id);
      } else {
        normalize(piece.text, piece.text.data() == text.data() ? place : Place::kInside);
      }
    }
  }

 private:
  void normalize(std::string_view piece, Place place) {
    if (parts_.normalizer.empty()) {
      cut_normalized(piece, place);
    } else {
      const std::string normalized = parts_.normalizer.apply(piece, place != Place::kContinuation);
      cut_normalized(normalized, place);
    }
  }

  void cut_normalized(std::string_view text, Place place) {
    if (tokenizer_.normalized_tokens_.empty()) {
      words(text, place);
      return;
    }
    std::vector<Piece> pieces;
    tokenizer_.normalized_tokens_.cut(text, pieces);
    for (const Piece& piece : pieces) {
      if (piece.id >= 0) {
        ids_.push_back(piece.id);
      } else {
        words(piece.text, piece.text.data() == text.data() ? place : Place::kInside);
      }
    }
  }

  void words(std::string_view piece, Place place) {
    if (piece.empty()) return;
    if (parts_.pre_tokenizer.prepares()) {
      const std::string prepared = parts_.pre_tokenizer.prepare(piece, place);
      cut_words(prepared);
    } else {
      cut_words(piece);
    }
  }

  void cut_words(std::string_view text) {
    if (const std::optional<SplitPattern>& pattern = parts_.pre_tokenizer.pattern()) {
      for (size_t begin = 0; begin < text.size();) {
        const size_t end = piece_end(*pattern, text, begin);
        word(text, begin, end);
        begin = end;
      }
    } else if (!parts_.pre_tokenizer.cut_before().empty()) {
      cut_before(text, parts_.pre_tokenizer.cut_before(), true);
    } else if (!tokenizer_.safe_cut_.empty()) {
      cut_before(text, tokenizer_.safe_cut_, false);
    } else {
      word(text, 0, text.size());
    }
  }

  // Cuts before each mark, or before each run of marks.
  void cut_before(std::string_view text, std::string_view mark, bool each) {
    size_t begin = 0;
    while (begin < text.size()) {
      size_t end = begin;
      do {
        end = text.find(mark, end + (text.substr(end).starts_with(mark) ? mark.size() : 0));
        if (end == std::string_view::npos) end = text.size();
      } while (!each && end < text.size() && text.substr(begin, end - begin).ends_with(mark));
      word(text, begin, end);
      begin = end;
    }
  }

  void word(std::string_view text, size_t begin, size_t end) {
    const std::string_view word = text.substr(begin, end - begin);
    if (word.size() > WordCache::kMaxBytes) {
      parts_.model.encode(word, ids_);
      return;
    }
    const WordCache::Key key = WordCache::key(word, text.size() - begin);
    if (cache_->find(key, ids_)) return;
    const size_t before = ids_.size();
    parts_.model.encode(word, ids_);
    cache_->put(key, ids_.data() + before, ids_.size() - before);
  }

  const TokenizerParts& parts_;
  const Tokenizer& tokenizer_;
  std::unique_ptr<WordCache> cache_;
  std::vector<int32_t>& ids_;
};

Tokenizer::Tokenizer(TokenizerParts parts)
    : parts_(std::move(parts)), caches_(std::make_unique<CachePool>()) {
  int32_t last = -1;
  for (const auto& [token, id] : parts_.model.vocabulary()) last = std::max(last, id);
  for (const AddedToken& token : parts_.added) last = std::max(last, token.id);
  tokens_.resize(static_cast<size_t>(last + 1));
  for (const auto& [token, id] : parts_.model.vocabulary())
    tokens_[static_cast<size_t>(id)] = {token, true, false};
  std::vector<AddedToken> raw, normalized;
  std::vector<std::string> raw_texts, normalized_texts;
  for (const AddedToken& token : parts_.added) {
    tokens_[static_cast<size_t>(token.id)] = {token.content, true, token.special};
    if (token.normalized) {
      normalized.push_back(token);
      normalized_texts.push_back(parts_.normalizer.apply(token.content));
      normalized_contents_[token.id] = normalized_texts.back();
    } else {
      raw.push_back(token);
      raw_texts.push_back(token.content);
    }
  }
  if (!raw.empty()) raw_tokens_ = {std::move(raw), raw_texts};
  if (!normalized.empty()) normalized_tokens_ = {std::move(normalized), normalized_texts};
  if (parts_.model.may_cut_before(kSpaceMark)) safe_cut_ = kSpaceMark;
}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

void Tokenizer::encode_text(std::string_view text, Place place, std::vector<int32_t>& ids) const {
  if (text.size() > kMaxTextBytes) {
    throw InputError("a text of " + std::to_string(text.size()) +
                     " bytes is too long to tokenize; " + std::to_string(kMaxTextBytes >> 20) +
                     " MiB are allowed");
  }
  Encoding encoding(*this, ids);
  if (valid_prefix(text) == text.size()) {
    encoding.text(text, place);
  } else {
    const std::string repaired = repair_utf8(text);
    encoding.text(repaired, place);
  }
}

void Tokenizer::encode(std::string_view text, bool add_special_tokens,
                       std::vector<int32_t>& ids) const {
  const PostProcessor& around = parts_.post_processor;
  if (add_special_tokens) ids.insert(ids.end(), around.before.begin(), around.before.end());
  encode_text(text, Place::kStart, ids);
  if (add_special_tokens) ids.insert(ids.end(), around.after.begin(), around.after.end());
}

void Tokenizer::encode_continuation(std::string_view text, std::vector<int32_t>& ids) const {
  encode_text(text, Place::kContinuation, ids);
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3 + 4);
  encode(text, add_special_tokens, ids);
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  for (const int32_t id : ids) {
    const std::string* token = token_of(id);
    if (token == nullptr) continue;
    if (skip_special_tokens && tokens_[static_cast<size_t>(id)].special) continue;
    const auto normalized = normalized_contents_.find(id);
    tokens.push_back(normalized == normalized_contents_.end() ? *token : normalized->second);
  }
  return parts_.decoder.apply(std::move(tokens));
}

std::optional<int32_t> Tokenizer::id_of(std::string_view token) const {
  const auto found = parts_.model.vocabulary().find(token);
  if (found != parts_.model.vocabulary().end()) return found->second;
  for (const AddedToken& added : parts_.added)
    if (added.content == token) return added.id;
  return std::nullopt;
}

const std::string* Tokenizer::token_of(int32_t id) const {
  if (id < 0 || static_cast<size_t>(id) >= tokens_.size()) return nullptr;
  const Token& token = tokens_[static_cast<size_t>(id)];
  return token.present ? &token.text : nullptr;
}

}  // namespace rankscope
