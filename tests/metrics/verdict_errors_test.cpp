// How often any of ten claims gets a wrong verdict where their truths lie on the edges of their
// regions: on the edge a claim is false, and a hair inside it is true.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "metrics/crossed_design.h"
#include "metrics/verdict.h"
#include "tests/metrics/synthetic_outcomes.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

constexpr std::size_t kClaims = 10;
constexpr double kMargin = 0.05, kBase = 0.5;

struct Design {
  Eigen::Index seeds = 5, examples = 100;
  double share = 0.4;
  bool shared_base = true;    // one base group for all claims
  std::size_t clear = 0;      // of the claims, how many lie far inside their regions
  std::size_t contrasts = 1;  // of each claim, the first of them on the edge, the rest far inside
};

Region region_of(std::size_t claim) {
  return std::vector{Region::kAbove, Region::kWithin, Region::kNotBelow}[claim % 3];
}

// The difference on the region's edge, kWithin's on both.
double edge_of(std::size_t claim) {
  const Region region = region_of(claim);
  return region == Region::kNotBelow || (region == Region::kWithin && claim % 2 == 1) ? -kMargin
                                                                                      : kMargin;
}

// Shares of the sets in which any claim outside `clear` holds, any is contradicted, or either of
// which half the claims would be wrong about.
struct Errors {
  double holds = 0, contradicted = 0, mixed = 0;
};

Errors errors_of(const Design& design, const std::string& name, int sets) {
  const double variance = seed_variance(design.share, kBase * (1 - kBase), design.examples);
  int holds = 0, contradicted = 0, mixed = 0;
  for (int n = 0; n < sets; ++n) {
    const SyntheticExamples set("verdicts " + name, static_cast<std::uint64_t>(n), design.examples);
    RealMatrix base = set.binary("base", design.seeds, kBase, variance);
    std::vector<std::vector<Contrast>> claims(kClaims);
    for (std::size_t i = 0; i < kClaims; ++i) {
      const std::string claim = std::to_string(i);
      if (!design.shared_base) base = set.binary("base " + claim, design.seeds, kBase, variance);
      for (std::size_t k = 0; k < design.contrasts; ++k) {
        const bool inside = i < design.clear || k > 0;
        // kWithin has no inside far from both edges unless its margin is wide.
        const bool widened = inside && region_of(i) == Region::kWithin;
        const double difference = !inside ? edge_of(i) : widened ? 0 : kMargin + 0.35;
        const RealMatrix group =
            set.binary(claim + "." + std::to_string(k), design.seeds, kBase + difference, variance);
        claims[i].push_back({.estimate = difference_estimate(group, base),
                             .region = region_of(i),
                             .margin = widened ? 0.4 : kMargin});
      }
    }
    const std::vector<ClaimVerdict> verdicts = judge(claims, 0.05);
    bool any_holds = false, any_contradicted = false, any_mixed = false;
    for (std::size_t i = design.clear; i < kClaims; ++i) {
      const bool held = verdicts[i] == ClaimVerdict::kHolds;
      const bool fell = verdicts[i] == ClaimVerdict::kContradicted;
      any_holds = any_holds || held;
      any_contradicted = any_contradicted || fell;
      any_mixed = any_mixed || (i % 2 == 0 ? held : fell);
    }
    // The clear ones are true whatever the rest.
    for (std::size_t i = 0; i < design.clear; ++i)
      any_contradicted = any_contradicted || verdicts[i] == ClaimVerdict::kContradicted;
    holds += any_holds;
    contradicted += any_contradicted;
    mixed += any_mixed;
  }
  const auto share = [&](int count) { return static_cast<double>(count) / sets; };
  return {.holds = share(holds), .contradicted = share(contradicted), .mixed = share(mixed)};
}

void check_design(const Design& design, const std::string& name, int sets) {
  const Errors errors = errors_of(design, name, sets);
  INFO(name << ": holds " << errors.holds << ", contradicted " << errors.contradicted << ", mixed "
            << errors.mixed);
  const double most = 0.05 + 3 * std::sqrt(0.05 * 0.95 / sets);
  CHECK(errors.holds <= most);
  CHECK(errors.contradicted <= most);
  CHECK(errors.mixed <= most);
}

void check_designs(int sets) {
  check_design({}, "one base", sets);
  check_design({.shared_base = false}, "a base each", sets);
  check_design({.clear = 7}, "seven clear", sets);
  check_design({.contrasts = 2}, "two contrasts", sets);
}

}  // namespace

TEST_CASE("any wrong verdict on ten claims is as rare as alpha says, in a few sets") {
  check_designs(300);
}

TEST_CASE("any wrong verdict on ten claims is as rare as alpha says", "[.simulation]") {
  check_designs(6000);
  for (const Eigen::Index seeds : {2, 3, 10})
    for (const double share : {0.0, 0.4, 0.8})
      check_design({.seeds = seeds, .share = share},
                   "S=" + std::to_string(seeds) + " share=" + std::to_string(share), 3000);
  check_design({.seeds = 10, .examples = 1000, .clear = 5}, "ten seeds, 1000 examples", 1500);
}
