// ROUGE (Lin, 2004), equal to Google's rouge_score, whose scores summarisation papers report.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/longest_common_subsequence.h"
#include "metrics/word_ids.h"

namespace rankscope {

// Fractions. f is the harmonic mean of precision and recall, 0 where both are.
struct RougeScore {
  double precision = 0;
  double recall = 0;
  double f = 0;
};

struct RougeScores {
  RougeScore rouge1;
  RougeScore rouge2;
  RougeScore rougeL;     // longest common subsequence of the whole texts
  RougeScore rougeLsum;  // union of those of the sentences; a line end ends a sentence
};

// Scores pairs of UTF-8 texts: each double equals that of rouge_score 0.1.2's
// RougeScorer([...], use_stemmer) bit for bit. A token is a run of [a-z0-9] after lower-casing;
// those of more than three letters are stemmed. Not for two threads at once: it keeps the words
// that it has seen.
class RougeScorer {
 public:
  explicit RougeScorer(bool use_stemmer) : use_stemmer_(use_stemmer) {}

  // InputError: see LongestCommonSubsequence::mark_positions.
  RougeScores score(std::string_view reference, std::string_view prediction);
  // Of several references (at least one) that with the highest F counts, for each measure by
  // itself: so does rouge_score's score_multi.
  RougeScores score_best(std::span<const std::string> references, std::string_view prediction);

 private:
  struct Text {
    std::vector<std::uint32_t> tokens;
    std::vector<std::size_t> sentence_ends;  // in tokens, of sentences that are not empty
  };
  void tokenize(std::string_view text, Text& out);
  std::uint32_t token_id(std::string_view word);
  void number_tokens();
  std::size_t unigram_hits();
  std::size_t bigram_hits();
  std::size_t summary_hits();

  bool use_stemmer_;
  WordIds words_;
  WordIds stems_;
  std::vector<std::uint32_t> stem_of_word_;
  std::string word_;
  std::string stem_;

  Text reference_;
  Text prediction_;
  // Numbers that count from 0 within the pair, for each stem; valid where the pair's stamp stands.
  std::vector<std::uint32_t> number_;
  std::vector<std::uint64_t> stamp_;
  std::uint64_t pair_ = 0;
  std::size_t numbers_ = 0;

  LongestCommonSubsequence common_;
  std::vector<std::uint32_t> counts_;
  std::vector<std::uint32_t> prediction_counts_;
  std::vector<std::uint64_t> reference_bigrams_;
  std::vector<std::uint64_t> prediction_bigrams_;
};

}  // namespace rankscope
