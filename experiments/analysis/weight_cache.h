// W's leading singular triples, which all adapters of a base share, kept between runs.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/analysis/site_amplification.h"

namespace rankscope {

class WeightCache {
 public:
  // Files lie in folder/base-HASH/, HASH being the first digits of the base's.
  WeightCache(std::filesystem::path folder, const std::string& base_hash);

  // The norm and at least `k` triples (or as many as W has) of a site's W: those of the file where
  // it has as many, else computed and kept. Both ways they have passed through fp32, so that it
  // makes no difference which. A file that is damaged counts as none.
  WeightFacts facts(const WeightRows& weight, int layer, const std::string& site,
                    Eigen::Index k) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace rankscope
