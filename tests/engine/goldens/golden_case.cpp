#include "tests/engine/goldens/golden_case.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "common/draws.h"
#include "engine/training/token_file.h"

namespace rankscope::tests {

namespace {

std::string reference_folder() { return std::string(RANKSCOPE_SOURCE_DIR) + "/tests/reference"; }

Json read_settings(const std::string& folder) {
  const std::string file = folder + "/golden.json";
  return std::filesystem::exists(file) ? read_json_file(file) : Json::object();
}

}  // namespace

GoldenCase::GoldenCase(const std::string& name)
    : folder_(reference_folder() + "/goldens/" + name),
      settings_(read_settings(folder_)),
      golden_(folder_ + "/golden.safetensors"),
      examples_(read_token_file(folder_ + "/batch.jsonl", read_model_shape(folder_).config)) {}

std::unique_ptr<Model> GoldenCase::load(Backend& backend) const {
  return load_model(folder_, backend);
}

std::vector<float> GoldenCase::tensor(const std::string& name) const {
  const TensorEntry& entry = golden_.at(name);
  const auto bytes = golden_.bytes(entry);
  std::vector<float> values(static_cast<size_t>(entry.elements()));
  if (entry.dtype == DType::kF64) {
    for (size_t i = 0; i < values.size(); ++i) {
      double x;
      std::memcpy(&x, bytes.data() + i * sizeof x, sizeof x);
      values[i] = static_cast<float>(x);
    }
  } else {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  }
  return values;
}

std::vector<std::string> GoldenCase::names(const std::string& prefix) const {
  std::vector<std::string> found;
  for (const TensorEntry& entry : golden_.entries())
    if (entry.name.starts_with(prefix)) found.push_back(entry.name.substr(prefix.size()));
  return found;
}

std::vector<TokenExample> more_examples(const GoldenCase& c, const ModelConfig& config,
                                        const std::vector<int64_t>& lengths,
                                        const std::string& key) {
  std::vector<TokenExample> examples = c.examples();
  const Draws draws(7, "test", key);
  uint64_t drawn = 0;
  const auto ids = [&](int64_t count) {
    std::vector<int32_t> list;
    for (int64_t i = 0; i < count; ++i)
      list.push_back(
          static_cast<int32_t>(draws.below(drawn++, static_cast<uint64_t>(config.vocabulary))));
    return list;
  };
  for (const int64_t length : lengths)
    examples.push_back({ids(std::min(length, config.context - 8)), ids(1 + length % 4)});
  return examples;
}

std::vector<TokenExample> examples_that_begin_alike(const GoldenCase& c,
                                                    const ModelConfig& config) {
  std::vector<TokenExample> examples =
      more_examples(c, config, {1, 3, 9, 14, 2, 7, 3, 1}, "examples");
  for (size_t i = 1; i < examples.size(); ++i) {
    const std::vector<int32_t>& before = examples[i - 1].prompt;
    std::vector<int32_t>& prompt = examples[i].prompt;
    const size_t common = i % 4 == 0 ? 0 : before.size() - before.size() / 4 * (i % 3);
    prompt.insert(prompt.begin(), before.begin(),
                  before.begin() + static_cast<std::ptrdiff_t>(common));
    if (i % 5 == 0) prompt = before;
    prompt.resize(std::min<size_t>(prompt.size(), static_cast<size_t>(config.context - 8)));
  }
  return examples;
}

const std::vector<std::string>& golden_cases() {
  static const std::vector<std::string> names{"gpt2_tied",      "gpt2_untied", "llama_gqa",
                                              "llama_mqa_bias", "llama3_rope", "llama_linear_rope",
                                              "qwen2",          "mistral"};
  return names;
}

double relative_error(std::span<const float> actual, std::span<const float> expected) {
  if (actual.size() != expected.size()) return INFINITY;
  double difference = 0, norm = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double d = double{actual[i]} - double{expected[i]};
    difference += d * d;
    norm += double{expected[i]} * double{expected[i]};
  }
  if (norm == 0) return difference == 0 ? 0 : INFINITY;
  return std::sqrt(difference / norm);
}

double largest_error(std::span<const float> actual, std::span<const float> expected) {
  if (actual.size() != expected.size()) return INFINITY;
  double difference = 0, largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    difference = std::max(difference, std::abs(double{actual[i]} - double{expected[i]}));
    if (!(actual[i] == actual[i])) return INFINITY;
    largest = std::max(largest, std::abs(double{expected[i]}));
  }
  return difference / largest;
}

std::vector<float> all_logits(const Model& model, const Adaptation* adaptation,
                              const std::vector<TokenExample>& examples) {
  // A target of one more token makes every real position a predicting one.
  std::vector<TokenExample> shifted;
  for (const TokenExample& e : examples) {
    TokenExample s;
    s.prompt = e.prompt.empty() ? std::vector<int32_t>{e.target.front()}
                                : std::vector<int32_t>{e.prompt.front()};
    for (size_t i = 1; i < e.prompt.size(); ++i) s.target.push_back(e.prompt[i]);
    for (size_t i = e.prompt.empty() ? 1 : 0; i < e.target.size(); ++i)
      s.target.push_back(e.target[i]);
    s.target.push_back(0);
    shifted.push_back(std::move(s));
  }
  std::vector<const TokenExample*> pointers;
  for (const TokenExample& e : shifted) pointers.push_back(&e);
  const std::vector<uint64_t> ids(shifted.size());
  const Batch batch = pack_batch(pointers, ids);
  Backend& backend = model.backend();
  Tape tape(backend, false);
  const Var hidden = model.forward({tape, batch, adaptation, std::nullopt, 0.0});
  Tensor logits = backend.floats(hidden.value.rows(), model.head().out());
  const ProductTerm term{hidden.value.view(), &model.head().forward_packed(backend)};
  backend.product({&term, 1}, {.bias = model.head().bias()}, logits.matrix());
  return backend.to_host(logits.view());
}

std::unique_ptr<Adaptation> golden_lora(const GoldenCase& c, Model& model,
                                        const std::string& targets, bool with_b) {
  Settings settings;
  settings.add("rank=3");
  settings.add("alpha=6");
  settings.add("targets=" + targets);
  std::unique_ptr<Adaptation> lora = make_method("lora", settings)->adapt(model, 0);
  for (const TrainedParameter& t : lora->trained()) {
    const std::string name = golden_name(t.parameter->name);
    if (name.back() == 'B' && !with_b) continue;
    const std::vector<float> values = c.tensor("init.lora." + name);
    model.backend().upload(values.data(), t.parameter->value.matrix());
  }
  return lora;
}

std::string golden_name(const std::string& lora_parameter) {
  const std::string rest = lora_parameter.substr(std::string("layers.").size());
  const size_t at = rest.rfind(".lora_");
  return rest.substr(0, at) + "." + rest.substr(at + 6);
}

}  // namespace rankscope::tests
