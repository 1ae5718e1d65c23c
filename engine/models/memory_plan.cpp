#include "engine/models/memory_plan.h"

#include <algorithm>

namespace rankscope {
namespace {

constexpr int64_t kFloat = sizeof(float);

bool any_of(const SiteSet& sites, std::initializer_list<SiteKind> kinds) {
  return std::any_of(kinds.begin(), kinds.end(), [&](SiteKind k) { return sites.contains(k); });
}

// Floats a token that the backward pass of one layer reads: the residual stream at both norms, all
// that attention and the MLP's activation need, and the inputs of what is trained.
int64_t kept_per_token(const ModelConfig& config, const SiteSet& trained) {
  using enum SiteKind;
  const int64_t q = config.heads * config.head_dim;
  const int64_t kv = config.kv_heads * config.head_dim;
  const bool gated = config.rotary.has_value();
  int64_t kept = 2 * config.width + 2 * q + 2 * kv + config.heads + 4;
  kept += gated ? 2 * config.mlp_width : config.mlp_width;
  if (any_of(trained, {Wq, Wk, Wv})) kept += config.width;
  if (any_of(trained, {W1, W3})) kept += config.width;
  if (any_of(trained, {W2})) kept += config.mlp_width;
  return kept;
}

// Floats a token that live at once inside one layer, forward or backward, beyond what is kept.
int64_t in_flight_per_token(const ModelConfig& config) {
  const int64_t attention = (2 * config.heads + 2 * config.kv_heads) * config.head_dim;
  return 4 * config.width + std::max(attention, 3 * config.mlp_width);
}

// The loss takes blocks of rows whose logits hold ten million floats at most (autograd/loss.cpp).
int64_t logits_floats(const ModelConfig& config, int64_t tokens) {
  constexpr int64_t kBlock = 10'000'000;
  if (config.vocabulary >= kBlock) return config.vocabulary;
  return std::min(kBlock, std::min(tokens, kBlock) * config.vocabulary);
}

}  // namespace

MemoryPlan plan_memory(const ModelShape& shape, const Method& method, int64_t micro_batch_tokens) {
  const ModelConfig& config = shape.config;
  const TrainingReach reach = method.reach(shape);
  const int64_t trainable = method.trainable_parameters(shape);
  const int64_t head = config.vocabulary * config.width;
  MemoryPlan plan;
  plan.packed_weights = kFloat * head * (trainable > 0 ? 2 : 1);
  for (const SiteSpec& spec : shape.sites) {
    const int64_t directions = spec.site.layer >= reach.lowest_layer ? 2 : 1;
    plan.packed_weights += kFloat * directions * spec.in * spec.out;
  }
  for (const TensorSpec& tensor : shape.tensors) {
    const bool table = tensor.shape.size() == 2 && !tensor.name.starts_with(shape.layer_prefix);
    if (table && tensor.name != "lm_head.weight") plan.mapped_tables += kFloat * tensor.size();
  }
  plan.trained = 4 * kFloat * trainable;
  const int64_t recorded =
      config.layers - std::clamp<int64_t>(reach.lowest_layer, 0, config.layers);
  const int64_t per_token =
      recorded * kept_per_token(config, reach.sites) + in_flight_per_token(config);
  // Both factors come from outside, and their product may pass 64 bits.
  plan.activations = static_cast<int64_t>(std::min(
      4e18, static_cast<double>(kFloat * micro_batch_tokens) * static_cast<double>(per_token)));
  plan.logits = kFloat * logits_floats(config, micro_batch_tokens);
  return plan;
}

}  // namespace rankscope
