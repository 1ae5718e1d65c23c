// The claims of a paper, as experiments/paper/claims.yaml states them (CLAIMS.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/verdict.h"

namespace rankscope {

// Which trials of a sweep a side of a comparison consists of.
struct GroupSelector {
  std::string method;
  std::string group;                 // its name in the sweep file; empty: any
  std::string targets;               // empty: any
  std::optional<std::int64_t> rank;  // none: any
  bool largest_rank = false;
  std::optional<double> share_below;  // trainable parameters, of full fine-tuning's
  // Where several settings fit: the first by targets, rank and variant, the plain method before its
  // variants; or that with the most parameters, or that with the next fewer.
  enum class Take { kFirst, kMostParameters, kSecondMostParameters } take = Take::kFirst;
};

struct ClaimContrast {
  GroupSelector left, right;  // of statistics of scores
  std::string quantity;       // of the others
  Region region = Region::kAbove;
  double margin = 0;
  std::string reason;
};

struct Claim {
  std::string id, title, source, published;
  std::string
      statistic;  // score, shared_directions, shared_between_seeds, amplification, cost, latency
  std::string control;  // base, shuffled, random_adapters
  std::vector<ClaimContrast> contrasts;
  // Of scores: the margin for each task, in points of 100.
  std::map<std::string, double> margins;
  bool equal_parameters = false;
  bool fewest_examples = false;
  // Of adapters.
  std::vector<std::string> sites;
  std::string targets;
  std::vector<std::optional<std::int64_t>> ranks;  // none: the largest
  std::int64_t seeds = 0;                          // with fewer nothing is estimated
  GroupSelector left, right;                       // of costs
  // Of latencies.
  std::int64_t batch = 1;
  std::optional<std::int64_t> length;  // none: the shortest
  double share = 0;  // an adapter's parameters, of the base's: the nearest is taken
};

struct ClaimsFile {
  double alpha = 0.05;
  std::vector<Claim> claims;
  std::string name;     // of a file that was given; empty: the program's own
  std::string hash;     // SHA-256 of its text
  std::string changed;  // the day of its last commit, where it is the program's own; else empty
};

// InputError with file, line and key for what is not as CLAIMS.md says.
ClaimsFile parse_claims(std::string_view text, const std::string& where);
// The file, or where the path is empty the one that the program was built with.
ClaimsFile read_claims(const std::string& path);

}  // namespace rankscope
