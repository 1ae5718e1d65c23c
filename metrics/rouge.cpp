#include "metrics/rouge.h"

#include <algorithm>
#include <array>
#include <span>

#include "metrics/porter_stemmer.h"

namespace rankscope {

namespace {

constexpr std::uint32_t kElsewhere = LongestCommonSubsequence::kElsewhere;
// Past this many distinct words the vocabulary starts anew, so that its memory is bounded.
constexpr std::size_t kMaxWords = std::size_t{1} << 20;

// The lower-case letter or the digit that a byte stands for, or 0.
constexpr std::array<char, 256> kTokenCharacter = [] {
  std::array<char, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = static_cast<char>(c);
  for (int c = 'a'; c <= 'z'; ++c) {
    table[static_cast<std::size_t>(c)] = static_cast<char>(c);
    table[static_cast<std::size_t>(c - 'a' + 'A')] = static_cast<char>(c);
  }
  return table;
}();

RougeScore score_of(std::size_t hits, std::size_t reference, std::size_t prediction) {
  RougeScore score;
  score.precision =
      static_cast<double>(hits) / static_cast<double>(std::max<std::size_t>(prediction, 1));
  score.recall =
      static_cast<double>(hits) / static_cast<double>(std::max<std::size_t>(reference, 1));
  const double sum = score.precision + score.recall;
  if (sum > 0) score.f = 2 * score.precision * score.recall / sum;
  return score;
}

}  // namespace

std::uint32_t RougeScorer::token_id(std::string_view word) {
  const WordIds::Found found = words_.find_or_add(word);
  if (!found.added) return stem_of_word_[found.id];
  stem_ = word;
  if (use_stemmer_ && stem_.size() > 3) porter_stem(stem_);
  stem_of_word_.push_back(stems_.find_or_add(stem_).id);
  return stem_of_word_.back();
}

void RougeScorer::tokenize(std::string_view text, Text& out) {
  out.tokens.clear();
  out.sentence_ends.clear();
  std::size_t sentence_begin = 0;
  const auto end_word = [&] {
    if (word_.empty()) return;
    out.tokens.push_back(token_id(word_));
    word_.clear();
  };
  const auto end_sentence = [&] {
    if (out.tokens.size() > sentence_begin) out.sentence_ends.push_back(out.tokens.size());
    sentence_begin = out.tokens.size();
  };
  word_.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = kTokenCharacter[static_cast<unsigned char>(text[i])];
    if (c != 0) {
      word_ += c;
    } else if (text.substr(i, 2) == "\xC4\xB0") {
      // Beyond ASCII two letters have a lower case within it: U+0130, an i with a combining dot,
      // and the kelvin sign U+212A.
      word_ += 'i';
      end_word();
      ++i;
    } else if (text.substr(i, 3) == "\xE2\x84\xAA") {
      word_ += 'k';
      i += 2;
    } else {
      end_word();
      if (text[i] == '\n') end_sentence();
    }
  }
  end_word();
  end_sentence();
}

// Replaces the stems of the pair by numbers from 0, in the order of the reference.
void RougeScorer::number_tokens() {
  ++pair_;
  numbers_ = 0;
  number_.resize(stems_.size());
  stamp_.resize(stems_.size());
  for (std::uint32_t& token : reference_.tokens) {
    if (stamp_[token] != pair_) {
      stamp_[token] = pair_;
      number_[token] = static_cast<std::uint32_t>(numbers_++);
    }
    token = number_[token];
  }
  for (std::uint32_t& token : prediction_.tokens) {
    token = stamp_[token] == pair_ ? number_[token] : kElsewhere;
  }
}

std::size_t RougeScorer::unigram_hits() {
  counts_.assign(numbers_, 0);
  for (const std::uint32_t token : reference_.tokens) ++counts_[token];
  std::size_t hits = 0;
  for (const std::uint32_t token : prediction_.tokens) {
    if (token == kElsewhere || counts_[token] == 0) continue;
    --counts_[token];
    ++hits;
  }
  return hits;
}

std::size_t RougeScorer::bigram_hits() {
  const auto collect = [](const std::vector<std::uint32_t>& tokens,
                          std::vector<std::uint64_t>& bigrams) {
    bigrams.clear();
    for (std::size_t i = 1; i < tokens.size(); ++i) {
      if (tokens[i - 1] == kElsewhere || tokens[i] == kElsewhere) continue;
      bigrams.push_back(std::uint64_t{tokens[i - 1]} << 32 | tokens[i]);
    }
    std::sort(bigrams.begin(), bigrams.end());
  };
  collect(prediction_.tokens, prediction_bigrams_);
  if (prediction_bigrams_.empty()) return 0;
  collect(reference_.tokens, reference_bigrams_);
  std::size_t hits = 0;
  auto r = reference_bigrams_.begin();
  for (auto p = prediction_bigrams_.begin();
       p != prediction_bigrams_.end() && r != reference_bigrams_.end();) {
    if (*p == *r) {
      ++hits;
      ++p;
      ++r;
    } else if (*p < *r) {
      ++p;
    } else {
      ++r;
    }
  }
  return hits;
}

// Tokens of the reference that lie on the longest common subsequence of their sentence with some
// sentence of the prediction; none more often than the prediction has it.
std::size_t RougeScorer::summary_hits() {
  counts_.assign(numbers_, 0);
  prediction_counts_.assign(numbers_, 0);
  for (const std::uint32_t token : reference_.tokens) ++counts_[token];
  for (const std::uint32_t token : prediction_.tokens) {
    if (token != kElsewhere) ++prediction_counts_[token];
  }
  std::size_t hits = 0;
  std::vector<bool> taken;
  std::size_t begin = 0;
  for (const std::size_t end : reference_.sentence_ends) {
    const auto sentence = std::span(reference_.tokens).subspan(begin, end - begin);
    begin = end;
    taken.assign(sentence.size(), false);
    common_.set_reference(sentence, numbers_);
    std::size_t other_begin = 0;
    for (const std::size_t other_end : prediction_.sentence_ends) {
      const auto other =
          std::span(prediction_.tokens).subspan(other_begin, other_end - other_begin);
      other_begin = other_end;
      common_.mark_positions(other, taken);
    }
    for (std::size_t i = 0; i < sentence.size(); ++i) {
      const std::uint32_t token = sentence[i];
      if (!taken[i] || counts_[token] == 0 || prediction_counts_[token] == 0) continue;
      ++hits;
      --counts_[token];
      --prediction_counts_[token];
    }
  }
  return hits;
}

RougeScores RougeScorer::score(std::string_view reference, std::string_view prediction) {
  if (words_.size() > kMaxWords) {
    words_.clear();
    stems_.clear();
    stem_of_word_.clear();
    stamp_.clear();
  }
  tokenize(reference, reference_);
  tokenize(prediction, prediction_);
  number_tokens();
  const std::size_t r = reference_.tokens.size();
  const std::size_t p = prediction_.tokens.size();
  RougeScores scores;
  scores.rouge1 = score_of(unigram_hits(), r, p);
  scores.rouge2 = score_of(bigram_hits(), r > 0 ? r - 1 : 0, p > 0 ? p - 1 : 0);
  common_.set_reference(reference_.tokens, numbers_);
  scores.rougeL = score_of(common_.length(prediction_.tokens), r, p);
  // With one sentence each the union is the whole.
  const bool one_sentence =
      reference_.sentence_ends.size() <= 1 && prediction_.sentence_ends.size() <= 1;
  scores.rougeLsum = one_sentence ? scores.rougeL : score_of(summary_hits(), r, p);
  return scores;
}

RougeScores RougeScorer::score_best(std::span<const std::string> references,
                                    std::string_view prediction) {
  RougeScores best = score(references.front(), prediction);
  for (const std::string& reference : references.subspan(1)) {
    const RougeScores one = score(reference, prediction);
    for (RougeScore RougeScores::*const measure : {&RougeScores::rouge1, &RougeScores::rouge2,
                                                   &RougeScores::rougeL, &RougeScores::rougeLsum})
      if ((one.*measure).f > (best.*measure).f) best.*measure = one.*measure;
  }
  return best;
}

}  // namespace rankscope
