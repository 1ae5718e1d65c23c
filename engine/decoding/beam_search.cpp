#include "engine/decoding/beam_search.h"

#include <algorithm>
#include <cmath>

namespace rankscope {

BeamSearch::BeamSearch(const DecodingSettings& settings) : settings_(settings), running_(1) {}

int64_t BeamSearch::candidates() const {
  return settings_.beams * std::max<int64_t>(2, 1 + static_cast<int64_t>(settings_.end_ids.size()));
}

float BeamSearch::penalty(int64_t length) const {
  return static_cast<float>(std::pow(static_cast<double>(length), settings_.length_penalty));
}

std::vector<BeamSearch::Candidate> BeamSearch::best_candidates(
    std::span<const int32_t> ids, std::span<const float> log_probs) const {
  const auto length = static_cast<int64_t>(running_[0].tokens.size()) + 1;
  const auto offered = static_cast<size_t>(candidates());
  std::vector<Candidate> all;
  for (size_t row = 0; row < running_.size(); ++row) {
    for (size_t i = row * offered; i < (row + 1) * offered && ids[i] >= 0; ++i) {
      if (std::isnan(log_probs[i])) refuse_no_token();
      const bool stops = length == settings_.max_new ||
                         std::ranges::find(settings_.end_ids, ids[i]) != settings_.end_ids.end();
      all.push_back({static_cast<int64_t>(row), ids[i], running_[row].score + log_probs[i], stops});
    }
  }
  if (all.empty()) refuse_no_token();
  // A row's candidates come in the order of their scores, equal ones by id.
  std::ranges::stable_sort(
      all, [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  if (all.size() > offered) all.resize(offered);
  return all;
}

void BeamSearch::finish(const std::vector<Candidate>& best, int64_t length) {
  // Only the `beams` best candidates may finish; the others are there to go on from.
  const size_t top = std::min(best.size(), static_cast<size_t>(settings_.beams));
  for (size_t i = 0; i < top; ++i) {
    if (!best[i].stops) continue;
    Hypothesis done = running_[static_cast<size_t>(best[i].row)];
    done.tokens.push_back(best[i].token);
    done.score = best[i].score / penalty(length);
    done.ended = std::ranges::find(settings_.end_ids, best[i].token) != settings_.end_ids.end();
    finished_.push_back(std::move(done));
  }
  std::ranges::stable_sort(
      finished_, [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
  if (finished_.size() > static_cast<size_t>(settings_.beams))
    finished_.resize(static_cast<size_t>(settings_.beams));
}

bool BeamSearch::can_improve(float best_running, int64_t length) const {
  if (finished_.size() < static_cast<size_t>(settings_.beams)) return true;
  return best_running / penalty(length) > finished_.back().score;
}

std::vector<Search::Row> BeamSearch::advance(std::span<const int32_t> ids,
                                             std::span<const float> log_probs) {
  const auto length = static_cast<int64_t>(running_[0].tokens.size()) + 1;
  const std::vector<Candidate> best = best_candidates(ids, log_probs);
  finish(best, length);
  std::vector<Row> rows;
  std::vector<Hypothesis> next;
  for (const Candidate& c : best) {
    if (c.stops || rows.size() == static_cast<size_t>(settings_.beams)) continue;
    Hypothesis longer{running_[static_cast<size_t>(c.row)].tokens, c.score};
    longer.tokens.push_back(c.token);
    next.push_back(std::move(longer));
    rows.push_back({c.row, c.token});
  }
  running_ = std::move(next);
  if (!running_.empty() && !can_improve(running_[0].score, length)) rows.clear();
  return rows;
}

Prediction BeamSearch::take() {
  Hypothesis& best = finished_.front();
  return {std::move(best.tokens), best.ended, static_cast<double>(best.score)};
}

}  // namespace rankscope
