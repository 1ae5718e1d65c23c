// What a method adds to a forward pass: ratios of times to the base's, as logarithms to the base 2.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/draws.h"
#include "experiments/claims/contrasts.h"
#include "experiments/claims/latency_evidence.h"

namespace rankscope {

namespace {

// A cell that is timed has ten rounds at least; a database may hold anything.
constexpr std::size_t kFewestRounds = 10;

class LatencyContrasts {
 public:
  LatencyContrasts(const Claim& claim, std::vector<LatencySeries> all)
      : claim_(claim), all_(std::move(all)) {
    std::erase_if(all_, [&](const LatencySeries& s) { return s.batch != claim_.batch; });
    length_ = claim_.length;
    for (const LatencySeries& s : all_)
      if (!claim_.length && (!length_ || s.length < *length_)) length_ = s.length;
    std::erase_if(all_, [&](const LatencySeries& s) { return s.length != length_; });
  }

  EvaluatedContrast evaluate(const ClaimContrast& contrast) const {
    const std::string cell = length_ ? fmt::format("batch {} x {} tokens", claim_.batch, *length_)
                                     : fmt::format("batch {}", claim_.batch);
    const LatencySeries* series = nearest(contrast.quantity);
    if (series == nullptr) {
      EvaluatedContrast made =
          begin(contrast, cell + ": " + contrast.quantity + " against the base");
      made.finding.missing = "no sweep has timed " + contrast.quantity + " at " + cell +
                             " (experiments/paper/latency.yaml does)";
      return made;
    }
    EvaluatedContrast made =
        begin(contrast,
              fmt::format("{}: {}{} against the base", cell, contrast.quantity,
                          series->bottleneck > 0 ? fmt::format(" r{}", series->bottleneck) : ""));
    made.finding.rounds = std::ssize(series->log2_ratios);
    if (series->log2_ratios.size() < kFewestRounds) {
      made.finding.missing = fmt::format("{} rounds were timed, {} are needed",
                                         series->log2_ratios.size(), kFewestRounds);
      return made;
    }
    add_estimate(made, latency_estimate(series->log2_ratios), contrast.region);
    made.finding.needed = needed_units_text(made, "rounds");
    made.control = control(contrast, *series, made.finding.name);
    return made;
  }

 private:
  static EvaluatedContrast begin(const ClaimContrast& contrast, const std::string& name) {
    return begin_contrast(contrast, name, "log2", contrast.margin);
  }

  // Of an adapter's widths the one whose parameters are nearest to the claim's share of the base's.
  const LatencySeries* nearest(const std::string& variant) const {
    const LatencySeries* found = nullptr;
    const auto distance = [&](const LatencySeries& s) {
      return std::abs(std::log(static_cast<double>(std::max<std::int64_t>(1, s.parameters)) /
                               (claim_.share * static_cast<double>(s.base_parameters))));
    };
    for (const LatencySeries& s : all_)
      if (s.variant == variant && (found == nullptr || distance(s) < distance(*found))) found = &s;
    return found;
  }

  // Which pass is whose is drawn for each round. Where nothing is claimed to differ, that would
  // change nothing: there the same matrices stand that were not merged, whose cost the test has to
  // see.
  std::optional<Contrast> control(const ClaimContrast& contrast, const LatencySeries& series,
                                  const std::string& name) const {
    std::vector<double> ratios = series.log2_ratios;
    if (contrast.region == Region::kWithin) {
      const LatencySeries* unmerged = nearest("lora");
      if (unmerged == nullptr || unmerged->log2_ratios.size() < kFewestRounds) return std::nullopt;
      ratios = unmerged->log2_ratios;
    } else {
      const Draws draws(0, "null", claim_.id + ": " + name);
      for (std::size_t round = 0; round < ratios.size(); ++round)
        if (draws.uniform(round) < 0.5f) ratios[round] = -ratios[round];
    }
    return Contrast{latency_estimate(ratios), contrast.region, contrast.margin};
  }

  const Claim& claim_;
  std::vector<LatencySeries> all_;
  std::optional<std::int64_t> length_;
};

}  // namespace

std::vector<EvaluatedContrast> latency_contrasts(const Claim& claim, const EvidenceSweep& sweep,
                                                 Evidence& evidence) {
  const LatencyContrasts contrasts(claim, latency_series(evidence.results(), sweep.sweep));
  std::vector<EvaluatedContrast> all;
  for (const ClaimContrast& contrast : claim.contrasts) all.push_back(contrasts.evaluate(contrast));
  return all;
}

}  // namespace rankscope
