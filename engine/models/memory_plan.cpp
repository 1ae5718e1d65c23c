#include "engine/models/memory_plan.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace rankscope {
namespace {

constexpr int64_t kFloat = sizeof(float);
// What `micro_batch_tokens` may be set to.
constexpr int64_t kMostTokens = int64_t{1} << 30;

bool any_of(const SiteSet& sites, std::initializer_list<SiteKind> kinds) {
  return std::any_of(kinds.begin(), kinds.end(), [&](SiteKind k) { return sites.contains(k); });
}

// Numbers a token: those of activations, and those that are fp32 in every precision.
struct PerToken {
  int64_t activations = 0;
  int64_t floats = 0;
};

// Of what the backward pass of one layer reads: the residual stream at both norms, all that
// attention and the MLP's activation need, and the inputs of what is trained; in fp32 the sums of
// attention's softmax and the norms' statistics.
PerToken kept_per_token(const ModelConfig& config, const SiteSet& trained) {
  using enum SiteKind;
  const int64_t q = config.heads * config.head_dim;
  const int64_t kv = config.kv_heads * config.head_dim;
  const bool gated = config.rotary.has_value();
  PerToken kept{2 * config.width + 2 * q + 2 * kv, config.heads + 4};
  kept.activations += gated ? 2 * config.mlp_width : config.mlp_width;
  if (any_of(trained, {Wq, Wk, Wv})) kept.activations += config.width;
  if (any_of(trained, {W1, W3})) kept.activations += config.width;
  if (any_of(trained, {W2})) kept.activations += config.mlp_width;
  return kept;
}

int64_t layers_from(const ModelConfig& config, int lowest) {
  return config.layers - std::clamp<int64_t>(lowest, 0, config.layers);
}

// What lives at once inside one layer, forward or backward, beyond what is kept.
int64_t in_flight_per_token(const ModelConfig& config) {
  const int64_t attention = (2 * config.heads + 2 * config.kv_heads) * config.head_dim;
  return 4 * config.width + std::max(attention, 3 * config.mlp_width);
}

// The loss takes blocks of rows whose logits hold so many floats at most
// (Backend::logits_at_once, autograd/loss.cpp).
int64_t logits_floats(const ModelConfig& config, int64_t tokens, bool gpu) {
  const int64_t block = gpu ? kGpuLogitsAtOnce : kLogitsAtOnce;
  if (config.vocabulary >= block) return config.vocabulary;
  return std::min(block, std::min(tokens, block) * config.vocabulary);
}

bool is_layers(const ModelShape& shape, const TensorSpec& tensor) {
  return tensor.name.starts_with(shape.layer_prefix);
}

// Whether a tensor of this layer is itself trained.
bool is_trained(const TrainingReach& reach, int layer) {
  return reach.base_from && layer >= *reach.base_from;
}

// The matrices of sites that hold one which `chosen` says (GPT-2's c_attn holds three).
template <typename Chosen>
std::set<std::string_view> tensors_of(const ModelShape& shape, Chosen&& chosen) {
  std::set<std::string_view> tensors;
  for (const SiteSpec& spec : shape.sites)
    if (chosen(spec.site)) tensors.insert(spec.weight);
  return tensors;
}

std::set<std::string_view> trained_tensors(const ModelShape& shape, const TrainingReach& reach) {
  return tensors_of(shape, [&](Site site) { return is_trained(reach, site.layer); });
}

// Frozen, with a trained update beside them.
std::set<std::string_view> adapted_tensors(const ModelShape& shape, const TrainingReach& reach) {
  return tensors_of(shape, [&](Site site) {
    return site.layer >= reach.lowest_layer && reach.sites.contains(site.kind) &&
           !is_trained(reach, site.layer);
  });
}

struct Elements {
  int64_t all = 0;
  int64_t largest = 0;  // of one tensor
};

Elements elements_of(const ModelShape& shape, const std::set<std::string_view>& tensors) {
  Elements elements;
  for (const TensorSpec& tensor : shape.tensors) {
    if (!tensors.contains(tensor.name)) continue;
    elements.all += tensor.size();
    elements.largest = std::max(elements.largest, tensor.size());
  }
  return elements;
}

// Whether every tensor of the model is trained.
bool trains_all(const TrainingReach& reach) { return reach.base_from && *reach.base_from < 0; }

// A tensor that is adapted in some part (GPT-2's c_attn holds three sites) is an fp32 copy and its
// packed form when the adapter is merged for evaluation. PiSSA writes it before the training, which
// packs it in both directions.
void plan_cpu_weights(const ModelShape& shape, const TrainingReach& reach, int64_t trainable,
                      DType stored, MemoryPlan& plan) {
  const auto each = static_cast<int64_t>(dtype_size(stored));
  const int64_t both = shape.packed_once() ? 1 : 2;
  const int64_t head = shape.config.vocabulary * shape.config.width;
  // And a byte of each of the head's elements, which greedy predictions look at first.
  plan.packed_weights =
      ((trains_all(reach) ? kFloat : each) * (trainable > 0 ? both : 1) + 1) * head;
  const std::set<std::string_view> trained = trained_tensors(shape, reach);
  const std::set<std::string_view> adapted = adapted_tensors(shape, reach);
  const int64_t packed_adapted = reach.rewrites_sites ? both : 1;
  for (const SiteSpec& spec : shape.sites) {
    const bool reached = spec.site.layer >= reach.lowest_layer;
    const int64_t bytes = trained.contains(spec.weight)   ? both * kFloat
                          : adapted.contains(spec.weight) ? (1 + packed_adapted) * kFloat
                          : reached                       ? both * each
                                                          : each;
    plan.packed_weights += bytes * spec.in * spec.out;
  }
  for (const TensorSpec& tensor : shape.tensors) {
    const bool table = tensor.shape.size() == 2 && !is_layers(shape, tensor);
    if (table && tensor.name != "lm_head.weight") plan.mapped_tables += each * tensor.size();
  }
}

// A matrix lies there once, in the precision, and is multiplied by where it lies. One that is
// itself trained is fp32; for products in another precision it is copied for both directions.
void plan_gpu_weights(const ModelShape& shape, const TrainingReach& reach, DType precision,
                      MemoryPlan& plan) {
  const auto each = static_cast<int64_t>(dtype_size(precision));
  const bool all_trained = trains_all(reach);
  const int64_t copy = precision == DType::kF32 ? 0 : each;
  const std::set<std::string_view> trained = trained_tensors(shape, reach);
  for (const TensorSpec& tensor : shape.tensors) {
    const bool matrix = tensor.shape.size() == 2;
    const bool multiplied = is_layers(shape, tensor) || tensor.name == "lm_head.weight";
    if (!matrix) {
      if (!all_trained) plan.packed_weights += kFloat * tensor.size();
    } else if (multiplied || (all_trained && tensor.name == shape.head())) {
      const bool is_fp32 = all_trained || trained.contains(tensor.name);
      plan.packed_weights += (is_fp32 ? 2 * copy : each) * tensor.size();
    } else if (!all_trained) {
      plan.mapped_tables += each * tensor.size();
    }
  }
}

// Frozen weights that were written are fp32, as those that are trained are: PiSSA's when it starts,
// an adapter's when it is merged, which is multiplied by forwards alone. While one tensor is copied
// it lies there twice.
void plan_written_weights(const ModelShape& shape, const TrainingReach& reach,
                          const PlanTarget& target, int64_t trainable, MemoryPlan& plan) {
  const std::set<std::string_view> adapted = adapted_tensors(shape, reach);
  if (adapted.empty()) return;
  const auto each = static_cast<int64_t>(dtype_size(target.precision));
  const int64_t copy = target.precision == DType::kF32 ? 0 : each;
  const auto [written, largest] = elements_of(shape, adapted);
  if (reach.rewrites_sites) plan.trained += (kFloat + 2 * copy - each) * written + each * largest;
  if (!target.merged) return;
  plan.merged = (kFloat + copy - each) * written;
  plan.predicting = each * largest + 2 * kFloat * trainable;
}

}  // namespace

MemoryPlan plan_memory(const ModelShape& shape, const Method& method, int64_t micro_batch_tokens,
                       const PlanTarget& target) {
  const ModelConfig& config = shape.config;
  const TrainingReach reach = method.reach(shape);
  const int64_t trainable = method.trainable_parameters(shape);
  const auto each = static_cast<int64_t>(dtype_size(target.gpu ? target.precision : DType::kF32));
  MemoryPlan plan;
  if (target.gpu) {
    plan_gpu_weights(shape, reach, target.precision, plan);
  } else {
    plan_cpu_weights(shape, reach, trainable, target.stored, plan);
  }
  // On a GPU fp32 weights are multiplied by where they lie.
  const bool packs = !target.gpu || target.precision != DType::kF32;
  plan.trained = kFloat * (4 * trainable + reach.state) + (packs ? 2 * each : 0) * reach.packed;
  if (target.gpu) plan_written_weights(shape, reach, target, trainable, plan);
  const int64_t recorded = layers_from(config, reach.lowest_layer);
  const int64_t of_base = reach.base_from ? layers_from(config, *reach.base_from) : 0;
  const PerToken adapted = kept_per_token(config, reach.sites);
  const PerToken trained = kept_per_token(config, SiteSet::parse("all"));
  const int64_t activations = (recorded - of_base) * adapted.activations +
                              of_base * trained.activations + recorded * reach.kept_per_token +
                              in_flight_per_token(config);
  const int64_t floats = recorded * (adapted.floats + reach.floats_per_token);
  // All factors come from outside, and their product may pass 64 bits.
  const auto of_all_tokens = [&](double bytes_per_token) {
    return static_cast<int64_t>(
        std::min(2e18, static_cast<double>(micro_batch_tokens) * bytes_per_token));
  };
  plan.activations = of_all_tokens(static_cast<double>(each) * static_cast<double>(activations) +
                                   static_cast<double>(kFloat) * static_cast<double>(floats));
  if (plan.predicting > 0)
    plan.predicting +=
        of_all_tokens(static_cast<double>(each) * static_cast<double>(in_flight_per_token(config)));
  plan.logits = kFloat * logits_floats(config, micro_batch_tokens, target.gpu);
  return plan;
}

int64_t largest_micro_batch(const ModelShape& shape, const Method& method, const PlanTarget& target,
                            int64_t bytes) {
  const auto fits = [&](int64_t tokens) {
    return plan_memory(shape, method, tokens, target).total() <= bytes;
  };
  int64_t low = 0, high = kMostTokens;  // the answer is within [low, high]
  while (low < high) {
    const int64_t middle = low + (high - low + 1) / 2;
    if (fits(middle)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace rankscope
