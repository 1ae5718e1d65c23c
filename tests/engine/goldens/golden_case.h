// A folder of tests/reference/goldens: a small random model, a batch, and what PyTorch,
// transformers and PEFT make of them (make_goldens.py).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/json.h"
#include "common/safetensors.h"
#include "engine/methods/method.h"
#include "engine/models/model.h"
#include "engine/training/trainer.h"

namespace rankscope::tests {

class GoldenCase {
 public:
  explicit GoldenCase(const std::string& name);

  const std::string& folder() const { return folder_; }
  const std::vector<TokenExample>& examples() const { return examples_; }
  const Json& settings() const { return settings_; }
  std::unique_ptr<Model> load(Backend& backend) const;
  bool has(const std::string& tensor) const { return golden_.find(tensor) != nullptr; }
  std::vector<float> tensor(const std::string& name) const;
  // Names of golden tensors that begin with `prefix`, without it.
  std::vector<std::string> names(const std::string& prefix) const;

 private:
  std::string folder_;
  Json settings_;
  SafetensorsFile golden_;
  std::vector<TokenExample> examples_;
};

// The case's examples and others, of so many prompt tokens each, drawn under `key`.
std::vector<TokenExample> more_examples(const GoldenCase& c, const ModelConfig& config,
                                        const std::vector<int64_t>& lengths,
                                        const std::string& key);

// The same, most of which begin as the one before does.
std::vector<TokenExample> examples_that_begin_alike(const GoldenCase& c, const ModelConfig& config);

// Names of the cases with weights, losses and gradients.
const std::vector<std::string>& golden_cases();

// Frobenius norm of the difference over that of `expected`.
double relative_error(std::span<const float> actual, std::span<const float> expected);
// Largest difference over the largest magnitude of `expected`.
double largest_error(std::span<const float> actual, std::span<const float> expected);

// Logits at every position of every example, packed end to end.
std::vector<float> all_logits(const Model& model, const Adaptation* adaptation,
                              const std::vector<TokenExample>& examples);

// LoRA on `targets` with the golden's initial A and, if asked, its B (else B = 0).
std::unique_ptr<Adaptation> golden_lora(const GoldenCase& c, Model& model,
                                        const std::string& targets, bool with_b);
// "layers.0.Wq.lora_A" -> "0.Wq.A", the goldens' spelling.
std::string golden_name(const std::string& lora_parameter);

}  // namespace rankscope::tests
