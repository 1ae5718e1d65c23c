#pragma once

#include "engine/decoding/search.h"

namespace rankscope {

// Beam search as transformers 5.23, GenerationMixin._beam_search.
class BeamSearch : public Search {
 public:
  explicit BeamSearch(const DecodingSettings& settings);

  // Enough that beams without an end token remain when every other candidate has one.
  int64_t candidates() const override;
  bool needs_log_probs() const override { return true; }
  std::span<const int32_t> tokens(int64_t i) const override {
    return running_[static_cast<size_t>(i)].tokens;
  }
  std::vector<Row> advance(std::span<const int32_t> ids, std::span<const float> log_probs) override;
  Prediction take() override;

 private:
  struct Hypothesis {
    std::vector<int32_t> tokens;
    float score = 0.0f;  // running: summed log probability; finished: with the length penalty
    bool ended = false;
  };
  struct Candidate {
    int64_t row;
    int32_t token;
    float score;
    bool stops;
  };
  std::vector<Candidate> best_candidates(std::span<const int32_t> ids,
                                         std::span<const float> log_probs) const;
  void finish(const std::vector<Candidate>& best, int64_t length);
  // Whether a running hypothesis could still enter the finished ones, by the rule of
  // early_stopping=False: as if it ended now.
  bool can_improve(float best_running, int64_t length) const;
  float penalty(int64_t length) const;

  const DecodingSettings& settings_;
  std::vector<Hypothesis> running_;
  std::vector<Hypothesis> finished_;  // best first, at most `beams`
};

// Throws InputError: a row offers no token.
[[noreturn]] void refuse_no_token();

}  // namespace rankscope
