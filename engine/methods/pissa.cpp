#include "engine/methods/pissa.h"

#include <algorithm>
#include <cmath>

#include "engine/methods/principal_factors.h"

namespace rankscope {
namespace {

constexpr int kIterations = 16;

}  // namespace

std::unique_ptr<PissaAdaptation> start_pissa(const LoraSettings& settings, Model& model,
                                             uint64_t init_seed) {
  Backend& backend = model.backend();
  auto adaptation = std::make_unique<PissaAdaptation>(model, settings.rate_ratio);
  LowRankAdaptation principal(model);
  for (const auto& [spec, rank] : settings.sites(model.shape())) {
    const double scale = settings.scale_of(rank);
    LowRankAdaptation::Factors& factors = adaptation->add(*spec, rank, scale, settings.dropout);
    PrincipalFactors start = principal_factors(model, *spec, rank, kIterations, init_seed);
    for (std::vector<float>* factor : {&start.a, &start.b})
      for (float& x : *factor) x = static_cast<float>(x / std::sqrt(scale));
    backend.upload(start.a.data(), factors.a.value.matrix());
    backend.upload(start.b.data(), factors.b.value.matrix());
    // Taken out of W by the arithmetic that merges an update into it.
    LowRankAdaptation::Factors& taken = principal.add(*spec, rank, -scale, 0);
    backend.upload(start.a.data(), taken.a.value.matrix());
    backend.upload(start.b.data(), taken.b.value.matrix());
    adaptation->started[spec->site] = {std::move(start.a), std::move(start.b)};
  }
  principal.merge_into(model);
  return adaptation;
}

std::unique_ptr<LowRankAdaptation> PissaAdaptation::as_plain_lora() const {
  Backend& backend = model().backend();
  auto plain = std::make_unique<LowRankAdaptation>(model());
  for (const auto& [site, factors] : factors()) {
    const SiteSpec& spec = *model().shape().find(site);
    const auto& [a0, b0] = started.at(site);
    const int64_t rank = factors->a.value.rows();
    std::vector<float> a = backend.to_host(factors->a.value.view());
    a.insert(a.end(), a0.begin(), a0.end());
    const std::vector<float> now = backend.to_host(factors->b.value.view());
    std::vector<float> b;
    for (int64_t row = 0; row < spec.out; ++row) {
      const auto begin = row * rank;
      b.insert(b.end(), now.begin() + begin, now.begin() + begin + rank);
      std::transform(b0.begin() + begin, b0.begin() + begin + rank, std::back_inserter(b),
                     [](float x) { return -x; });
    }
    Factors& stacked = plain->add(spec, 2 * rank, factors->scale, factors->dropout);
    backend.upload(a.data(), stacked.a.value.matrix());
    backend.upload(b.data(), stacked.b.value.matrix());
  }
  return plain;
}

}  // namespace rankscope
