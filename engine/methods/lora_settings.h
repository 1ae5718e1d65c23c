// What lora and the methods that build on it are set to: W + scale B A on chosen sites (Hu et al.,
// arXiv 2106.09685, section 4.1).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/methods/method.h"
#include "engine/models/site.h"

namespace rankscope {

// The largest rank that settings take.
inline constexpr int64_t kMaxRank = 65536;

// How A is drawn; B starts at zero.
enum class LoraInit {
  kKaiming,   // uniform in +-1/sqrt(d_in): kaiming_uniform(a = sqrt 5), as loralib and PEFT do
  kGaussian,  // normal with standard deviation 1/r: the paper says Gaussian and states no
              // deviation; this is what PEFT calls "gaussian"
  kPissa,     // no draw: A and B begin as W's principal part, which is taken out of W (pissa.h)
};

struct RankedSite {
  const SiteSpec* spec = nullptr;
  int64_t rank = 0;
};

// Settings, as KEY=VALUE:
//   rank=8         r, 1 to 65536
//   alpha=RANK     the update is scaled by alpha / r. Left out, alpha is each site's own r, a scale
//                  of 1 (of adalora, which divides by the rank that training begins with, its r at
//                  the end); the paper keeps alpha constant while r varies
//   rslora=false   true: scaled by alpha / sqrt(r) (Kalajdzievski, arXiv 2312.03732)
//   dropout=0      on the input of A, in training
//   targets=Wq+Wv  sites; "all" leaves out W3 where the model has none
//   layers=all     or a list of layers and ranges, from 0: 0-5+8
//   ranks=         ranks of single sites, Wq:4,Wv:8, in place of `rank`; 0: not adapted. Each
//                  site's scale has its own r
//   lr_ratio=1     B's learning rate over A's: LoRA+ (Hayou et al., arXiv 2402.12354), which
//                  recommends 16
//   init=kaiming   or gaussian, or pissa, whose r is at most min(d_in, d_out)
struct LoraSettings {
  int64_t rank = 8;
  std::optional<double> alpha;  // none: each site's own rank
  bool rslora = false;
  double dropout = 0;
  SiteSet targets;
  std::vector<std::pair<int64_t, int64_t>> layers;  // inclusive ranges, rising; empty: all
  std::map<SiteKind, int64_t> ranks;
  double rate_ratio = 1;
  LoraInit init = LoraInit::kKaiming;

  static LoraSettings read(Settings& settings);
  // As Method::settings. Without `rank` where `ranks` gives every target its own, and without
  // `alpha` where it is that of each site.
  std::map<std::string, std::string> canonical() const;
  // Where updates stand on this model, by layer and kind. Throws InputError where the settings do
  // not fit it.
  std::vector<RankedSite> sites(const ModelShape& shape) const;
  TrainingReach reach(const ModelShape& shape) const;
  std::vector<std::string> places(const ModelShape& shape) const;
  int64_t rank_of(SiteKind kind) const;
  double alpha_of(int64_t r) const;
  double scale_of(int64_t r) const { return scale_of(r, r); }
  // Of a site that ends with rank r and begins with another, which the scale goes by.
  double scale_of(int64_t r, int64_t first) const;
};

// A [rank, d_in] as training at `site` begins with it.
std::vector<float> initial_lora_a(const LoraSettings& settings, Site site, int64_t rank,
                                  int64_t d_in, uint64_t init_seed);

}  // namespace rankscope
