#include "engine/methods/dora.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "engine/methods/lora_settings.h"
#include "engine/methods/registry.h"

namespace rankscope {
namespace {

class Dora : public Method {
 public:
  explicit Dora(LoraSettings settings) : settings_(std::move(settings)) {}

  std::string_view name() const override { return "dora"; }
  SavedForm saved_form() const override { return SavedForm::kLowRank; }
  int64_t trainable_parameters(const ModelShape& shape) const override {
    int64_t total = 0;
    for (const auto& [spec, rank] : settings_.sites(shape))
      total += rank * (spec->in + spec->out) + spec->out;
    return total;
  }
  std::string formula() const override {
    return "sum over adapted sites of r (d_in + d_out) + d_out";
  }
  std::map<std::string, std::string> settings() const override { return settings_.canonical(); }
  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t init_seed) const override {
    auto adaptation = std::make_unique<DoraAdaptation>(model, settings_.rate_ratio);
    for (const auto& [spec, rank] : settings_.sites(model.shape())) {
      LowRankAdaptation::Factors& factors =
          adaptation->add_with_magnitude(*spec, rank, settings_.scale_of(rank), settings_.dropout);
      const std::vector<float> a = initial_lora_a(settings_, spec->site, rank, spec->in, init_seed);
      model.backend().upload(a.data(), factors.a.value.matrix());
    }
    adaptation->refresh(model);
    return adaptation;
  }
  // Beside what LoRA keeps, each site's outputs before they are scaled, and the scales.
  TrainingReach reach(const ModelShape& shape) const override {
    TrainingReach reach = settings_.reach(shape);
    for (const auto& [spec, rank] : settings_.sites(shape)) {
      if (spec->site.layer == reach.lowest_layer) reach.kept_per_token += spec->out;
      reach.state += 2 * spec->out;
    }
    return reach;
  }
  std::vector<std::string> places(const ModelShape& shape) const override {
    return settings_.places(shape);
  }

 private:
  LoraSettings settings_;
};

}  // namespace

std::vector<double> squares_of_outputs(const Model& model, const SiteSpec& spec) {
  std::vector<double> squares(static_cast<size_t>(spec.out));
  const TensorSpec& tensor = *model.shape().find_tensor(spec.weight);
  const int64_t stored_rows = spec.stored_transposed ? spec.out : spec.in;
  const int64_t stored_cols = spec.stored_transposed ? spec.in : spec.out;
  const int64_t row0 = spec.stored_transposed ? spec.begin : 0;
  const int64_t col0 = spec.stored_transposed ? 0 : spec.begin;
  std::vector<float> row(static_cast<size_t>(stored_cols));
  for (int64_t i = 0; i < stored_rows; ++i) {
    model.copy_values(spec.weight, (row0 + i) * tensor.shape.back() + col0, stored_cols,
                      row.data());
    for (int64_t j = 0; j < stored_cols; ++j) {
      const double x = row[static_cast<size_t>(j)];
      squares[static_cast<size_t>(spec.stored_transposed ? i : j)] += x * x;
    }
  }
  return squares;
}

LowRankAdaptation::Factors& DoraAdaptation::add_with_magnitude(const SiteSpec& spec, int64_t rank,
                                                               double scale, double dropout) {
  Factors& factors = add(spec, rank, scale, dropout);
  Backend& backend = model().backend();
  auto made = std::make_unique<Magnitude>();
  made->base_squares = squares_of_outputs(model(), spec);
  std::vector<float> norms;
  for (double square : made->base_squares) norms.push_back(static_cast<float>(std::sqrt(square)));
  made->parameter = {spec.site.name() + ".magnitude", backend.zeros(1, spec.out),
                     backend.zeros(1, spec.out)};
  backend.upload(norms.data(), made->parameter.value.matrix());
  made->scale = {&made->parameter, backend.zeros(1, spec.out), backend.zeros(1, spec.out)};
  magnitudes_.emplace(spec.site, std::move(made));
  return factors;
}

std::vector<TrainedParameter> DoraAdaptation::trained() {
  std::vector<TrainedParameter> all = LowRankAdaptation::trained();
  for (const auto& [site, magnitude] : magnitudes_) all.push_back({&magnitude->parameter});
  return all;
}

const ColumnScale* DoraAdaptation::column_scale_at(Site site) const {
  const auto found = magnitudes_.find(site);
  return found == magnitudes_.end() || update_at(site) == nullptr ? nullptr : &found->second->scale;
}

void DoraAdaptation::refresh(Model&) {
  for (const auto& [site, magnitude] : magnitudes_) update_norms(site);
}

// ||W_j + s (B A)_j||^2 = ||W_j||^2 + 2 s B_j . (A W^T)_j + s^2 B_j (A A^T) B_j^T: all that depends
// on W's size is one product with r rows. On a device, A W^T is in its precision.
void DoraAdaptation::update_norms(Site site) {
  Backend& backend = model().backend();
  Magnitude& magnitude = *magnitudes_.at(site);
  const Factors& low_rank = *factors().at(site);
  const int64_t r = low_rank.a.value.rows(), in = low_rank.a.value.cols();
  const int64_t out = low_rank.b.value.rows();
  const std::vector<float> a = backend.to_host(low_rank.a.value.view());
  const std::vector<float> b = backend.to_host(low_rank.b.value.view());
  const std::vector<float> m = backend.to_host(magnitude.parameter.value.view());

  const Tensor left = backend.empty(r, in), product = backend.empty(r, out);
  backend.upload(a.data(), left.matrix());
  const ProductTerm term{left.view(), &model().site(site).forward_packed(backend)};
  backend.product({&term, 1}, {}, product.matrix());
  const std::vector<float> aw = backend.to_host(product.view());

  std::vector<double> gram(static_cast<size_t>(r * r));
  for (int64_t i = 0; i < r; ++i)
    for (int64_t j = i; j < r; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < in; ++k)
        sum += double{a[static_cast<size_t>(i * in + k)]} * a[static_cast<size_t>(j * in + k)];
      gram[static_cast<size_t>(i * r + j)] = gram[static_cast<size_t>(j * r + i)] = sum;
    }
  std::vector<float> inverse, factor;
  for (int64_t j = 0; j < out; ++j) {
    double cross = 0, square = 0;
    for (int64_t i = 0; i < r; ++i) {
      const double bi = b[static_cast<size_t>(j * r + i)];
      cross += bi * aw[static_cast<size_t>(i * out + j)];
      double row = 0;
      for (int64_t k = 0; k < r; ++k)
        row += gram[static_cast<size_t>(i * r + k)] * b[static_cast<size_t>(j * r + k)];
      square += bi * row;
    }
    const double norm =
        std::sqrt(std::max(magnitude.base_squares[static_cast<size_t>(j)] +
                               low_rank.scale * (2 * cross + low_rank.scale * square),
                           1e-60));
    inverse.push_back(static_cast<float>(1 / norm));
    factor.push_back(static_cast<float>(m[static_cast<size_t>(j)] / norm));
  }
  backend.upload(inverse.data(), magnitude.scale.inverse_norm.matrix());
  backend.upload(factor.data(), magnitude.scale.factor.matrix());
}

void DoraAdaptation::merge_into(Model& model) {
  LowRankAdaptation::merge_into(model);
  Backend& backend = model.backend();
  for (const auto& [site, magnitude] : magnitudes_) {
    const SiteSpec& spec = *model.shape().find(site);
    const Tensor& stored = model.parameter(spec.weight).value;
    const std::vector<float> factor = backend.to_host(magnitude->scale.factor.view());
    if (!spec.stored_transposed) {
      const Matrix slice = stored.matrix().columns(spec.begin, spec.begin + spec.out);
      backend.finish_product(slice, magnitude->scale.factor.data(), {}, slice);
      continue;
    }
    const Matrix slice = stored.slice(spec.begin, spec.begin + spec.out).matrix();
    std::vector<float> values = backend.to_host(slice);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] *= factor[i / static_cast<size_t>(spec.in)];
    backend.upload(values.data(), slice);
  }
  model.refresh();
}

std::unique_ptr<Method> make_dora(Settings& settings) {
  LoraSettings read = LoraSettings::read(settings);
  if (read.init == LoraInit::kPissa) {
    throw SettingError("init", "pissa",
                       "method dora starts from the base as it is; use kaiming or gaussian, or "
                       "method lora");
  }
  return std::make_unique<Dora>(std::move(read));
}

}  // namespace rankscope
