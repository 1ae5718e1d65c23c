// W's leading singular triples, which all adapters of a base share, kept between runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "experiments/analysis/site_amplification.h"

namespace rankscope {

// How many of the directions of a site's W [out, in] figure 8 sets an update's against: the first
// tenth.
Eigen::Index share_of_base(std::int64_t out, std::int64_t in);
// How many of W's triples an adapter of that rank is set against, and one more, which says whether
// the last cut is determined. By its own rank alone: the last bits depend on how many are asked
// for, and must not depend on which other adapters are analysed along with it.
Eigen::Index triples_for(Eigen::Index share, std::int64_t rank);

class WeightCache {
 public:
  // Files lie in folder/base-HASH/, HASH being the first digits of the base's.
  WeightCache(std::filesystem::path folder, const std::string& base_hash);

  // The norm and `k` triples (or as many as W has) of a site's W: those of the file where there is
  // one of as many, else computed and kept. Both ways they have passed through fp32, so that it
  // makes no difference which. A file that is damaged counts as none.
  WeightFacts facts(const WeightRows& weight, int layer, const std::string& site,
                    Eigen::Index k) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace rankscope
