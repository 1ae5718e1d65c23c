// A base in all the variants whose forward passes are compared, ready to run.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "engine/methods/method.h"
#include "engine/models/model.h"
#include "experiments/latency/latency_settings.h"

namespace rankscope {

// `batch` sequences of `length` drawn tokens, with logits wanted at every position.
Batch latency_batch(std::int64_t batch, std::int64_t length, std::int64_t vocabulary);

class LatencyModels {
 public:
  // Loads the base twice: merged LoRA has weights of its own. What methods train is moved off its
  // first values, so that no update is zero and nothing could be left out. The backend must outlive
  // it.
  LatencyModels(const std::filesystem::path& base, const LatencySettings& settings,
                Backend& backend);

  const std::vector<LatencyVariant>& variants() const { return variants_; }
  const ModelShape& shape() const { return base_->shape(); }
  std::int64_t trainable_parameters(std::size_t variant) const;

  // [rows, width] after the final norm, at every position.
  Tensor hidden_states(std::size_t variant, const Batch& batch) const;
  // Hidden states and logits at every position, as one pass of the paper's GPT-2 gives, until the
  // host has read a row of them. Milliseconds by clock_name().
  double time_pass(std::size_t variant, const Batch& batch) const;
  // "thread": of one thread on the CPU its processor time, which is the time that passes on a
  // machine that does nothing else: what other processes take meanwhile is no part of a pass.
  // "wall": of several threads, which wait for one another, and of a GPU, for which the host waits.
  std::string_view clock_name() const;

 private:
  const Model& model_of(std::size_t variant) const;
  std::int64_t nanoseconds() const;

  Backend& backend_;
  bool one_thread_;
  std::vector<LatencyVariant> variants_;
  std::unique_ptr<Model> base_, merged_;
  // By variant. None where the pass is a plain model's: the base's, and that of merged LoRA, whose
  // weights a server would load as any other checkpoint's.
  std::vector<std::unique_ptr<Adaptation>> adaptations_;
};

}  // namespace rankscope
