#include "engine/methods/low_rank.h"

#include <stdexcept>

namespace rankscope {

LowRankAdaptation::Factors& LowRankAdaptation::add(const SiteSpec& spec, int64_t rank, double scale,
                                                   double dropout) {
  Backend& backend = model_.backend();
  auto factors = std::make_unique<Factors>();
  factors->a = {a_name(spec.site), backend.zeros(rank, spec.in), backend.zeros(rank, spec.in)};
  factors->b = {b_name(spec.site), backend.zeros(spec.out, rank), backend.zeros(spec.out, rank)};
  factors->scale = scale;
  factors->dropout = dropout;
  const LowRankUpdate update{&factors->a, &factors->b, static_cast<float>(scale),
                             static_cast<float>(dropout)};
  if (!updates_.emplace(spec.site, update).second) {
    throw std::logic_error("a second low-rank update for " + spec.site.name());
  }
  return *factors_.emplace(spec.site, std::move(factors)).first->second;
}

std::vector<TrainedParameter> LowRankAdaptation::trained() {
  std::vector<TrainedParameter> all;
  for (const auto& [site, factors] : factors_) {
    all.push_back({&factors->a});
    all.push_back({&factors->b, b_rate_factor_});
  }
  return all;
}

const LowRankUpdate* LowRankAdaptation::update_at(Site site) const {
  const auto found = updates_.find(site);
  return found == updates_.end() ? nullptr : &found->second;
}

void LowRankAdaptation::merge_into(Model& model) {
  Backend& backend = model.backend();
  for (const auto& [site, update] : updates_) {
    const SiteSpec& spec = *model.shape().find(site);
    model.make_writable(spec.weight);
    const Tensor& stored = model.parameter(spec.weight).value;
    const ConstMatrix a = update.a->value.view(), b = update.b->value.view();
    // Stored [out, in] the update is B A; stored [in, out] it is A^T B^T.
    const PackedMatrix right =
        backend.pack(spec.stored_transposed ? WeightView::of(a) : WeightView::of(b).transposed());
    Tensor left = update.b->value;
    if (!spec.stored_transposed) {
      const std::vector<float> values = backend.to_host(a);
      std::vector<float> transposed(values.size());
      for (int64_t i = 0; i < a.cols; ++i)
        for (int64_t j = 0; j < a.rows; ++j)
          transposed[static_cast<size_t>(i * a.rows + j)] =
              values[static_cast<size_t>(j * a.cols + i)];
      left = backend.floats(a.cols, a.rows);
      backend.upload(transposed.data(), left.matrix());
    }
    const Matrix slice = spec.stored_transposed
                             ? stored.slice(spec.begin, spec.begin + spec.out).matrix()
                             : stored.matrix().columns(spec.begin, spec.begin + spec.out);
    const ProductTerm term{left.view(), &right};
    backend.product({&term, 1}, {.scale = update.scale, .accumulate = true}, slice);
  }
  updates_.clear();
  model.refresh();
}

int LowRankAdaptation::lowest_trained_layer() const {
  // Sites are ordered by layer.
  return updates_.empty() ? static_cast<int>(model_.config().layers)
                          : updates_.begin()->first.layer;
}

int64_t LowRankAdaptation::update_rank(Site site) const {
  const LowRankUpdate* update = update_at(site);
  return update == nullptr ? 0 : update->a->value.rows();
}

}  // namespace rankscope
