#include "experiments/latency/forward_pass.h"

#include <time.h>

#include <algorithm>

#include "common/draws.h"

namespace rankscope {

namespace {

// Times do not depend on what is drawn.
constexpr std::uint64_t kWeightsSeed = 0;

std::unique_ptr<Method> method_of(const LatencyVariant& variant) {
  Settings settings(variant.settings);
  return make_method(variant.method, settings);
}

// As far as training moves it, about: B of LoRA and the bottlenecks' way up begin at zero.
void disturb(Adaptation& adaptation, Model& model) {
  constexpr float kDeviation = 0.02f;
  Backend& backend = model.backend();
  for (const TrainedParameter& trained : adaptation.trained()) {
    const Parameter& parameter = *trained.parameter;
    std::vector<float> values = backend.to_host(parameter.value.view());
    const Draws draws(kWeightsSeed, "latency", parameter.name);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += kDeviation * draws.normal(i);
    backend.upload(values.data(), parameter.value.matrix());
  }
  adaptation.refresh(model);
}

// Block by block, as scoring computes them, so that a large vocabulary fits the memory.
void compute_logits(const Model& model, const Tensor& hidden) {
  Backend& backend = model.backend();
  const LinearWeight& head = model.head();
  const std::int64_t width = logits_width(head.out());
  const std::int64_t rows = hidden.rows();
  const std::int64_t block = std::clamp<std::int64_t>(backend.logits_at_once() / width, 1, rows);
  const Tensor memory = backend.floats(block, width);
  std::vector<float> last(static_cast<std::size_t>(width));
  for (std::int64_t begin = 0; begin < rows; begin += block) {
    const std::int64_t count = std::min(block, rows - begin);
    const ProductTerm term{hidden.slice(begin, begin + count).view(),
                           &head.forward_packed(backend)};
    backend.product({&term, 1}, {.bias = head.bias()},
                    memory.slice(0, count).matrix().columns(0, head.out()));
  }
  // Waits for a GPU: its kernels and this copy run in order.
  backend.download(memory.slice(0, 1).view(), last.data());
}

}  // namespace

Batch latency_batch(std::int64_t batch, std::int64_t length, std::int64_t vocabulary) {
  const Draws draws(kWeightsSeed, "latency", "tokens");
  std::vector<TokenExample> examples(static_cast<std::size_t>(batch));
  std::vector<const TokenExample*> pointers;
  std::uint64_t drawn = 0;
  for (TokenExample& example : examples) {
    for (std::int64_t i = 0; i < length; ++i)
      example.prompt.push_back(
          static_cast<std::int32_t>(draws.below(drawn++, static_cast<std::uint64_t>(vocabulary))));
    pointers.push_back(&example);
  }
  Batch packed = pack_batch(pointers, std::vector<std::uint64_t>(examples.size(), 0));
  packed.loss_rows = [&] {
    std::vector<std::int32_t> rows(static_cast<std::size_t>(packed.rows()));
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int32_t>(i);
    return std::make_shared<const Indices>(std::move(rows));
  }();
  packed.loss_positions = packed.positions;
  packed.loss_begin = packed.sequence_begin;
  packed.loss_row_ids = packed.row_ids;
  packed.loss_layout = packed.full_layout;
  return packed;
}

LatencyModels::LatencyModels(const std::filesystem::path& base, const LatencySettings& settings,
                             Backend& backend)
    : backend_(backend),
      one_thread_(backend.in_host_memory() && backend.threads() == 1),
      variants_(latency_variants(settings)),
      base_(load_model(base, backend)),
      merged_(load_model(base, backend)) {
  for (const LatencyVariant& variant : variants_) {
    adaptations_.emplace_back();
    if (variant.method == "none") continue;
    Model& model = variant.merged ? *merged_ : *base_;
    std::unique_ptr<Adaptation> adaptation = method_of(variant)->adapt(model, kWeightsSeed);
    disturb(*adaptation, model);
    if (variant.merged) {
      adaptation->merge_into(model);
    } else {
      adaptations_.back() = std::move(adaptation);
    }
  }
}

std::int64_t LatencyModels::trainable_parameters(std::size_t variant) const {
  return method_of(variants_[variant])->trainable_parameters(shape());
}

const Model& LatencyModels::model_of(std::size_t variant) const {
  return variants_[variant].merged ? *merged_ : *base_;
}

Tensor LatencyModels::hidden_states(std::size_t variant, const Batch& batch) const {
  Tape tape(backend_, false);
  const ForwardContext context{tape, batch, adaptations_[variant].get(), std::nullopt, 0.0};
  return model_of(variant).forward(context).value;
}

double LatencyModels::time_pass(std::size_t variant, const Batch& batch) const {
  const std::int64_t start = nanoseconds();
  compute_logits(model_of(variant), hidden_states(variant, batch));
  return 1e-6 * static_cast<double>(nanoseconds() - start);
}

std::string_view LatencyModels::clock_name() const { return one_thread_ ? "thread" : "wall"; }

std::int64_t LatencyModels::nanoseconds() const {
  timespec time{};
  clock_gettime(one_thread_ ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace rankscope
