#include "engine/checkpoint/peft_prompt.h"

#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/json.h"
#include "common/safetensors.h"
#include "common/text.h"
#include "engine/checkpoint/peft_adapter.h"
#include "engine/checkpoint/peft_config.h"
#include "engine/checkpoint/stored_tensor.h"
#include "engine/checkpoint/trained_tensors.h"
#include "engine/methods/special_tokens.h"

namespace rankscope {
namespace {

constexpr const char* kTensor = "prompt_embeddings";
constexpr const char* kPrefixTuning = "PREFIX_TUNING";
constexpr const char* kPromptTuning = "PROMPT_TUNING";

// Fields that tell how the rows began, or how they were trained.
const std::set<std::string> kHarmlessOfPrompts = {"auto_mapping",
                                                  "base_model_name_or_path",
                                                  "encoder_hidden_size",
                                                  "inference_mode",
                                                  "init_weights",
                                                  "peft_version",
                                                  "revision",
                                                  "prefix_projection",
                                                  "prompt_tuning_init",
                                                  "task_type",
                                                  "prompt_tuning_init_text",
                                                  "tokenizer_kwargs",
                                                  "runtime_config",
                                                  "tokenizer_name_or_path"};

// The widths of one row's parts: what a method trains for each token, in the order of trained().
int64_t row_width(Adaptation& adaptation) {
  int64_t width = 0;
  for (const TrainedParameter& trained : adaptation.trained()) {
    width += trained.parameter->value.cols();
  }
  return width;
}

// A field that is the model's own; where it is absent PEFT takes it from there.
void check_field(JsonObject& json, const char* key, int64_t expected) {
  const int64_t value = json.get_int_or(key, expected);
  if (value == expected) return;
  json.fail(key, "is " + std::to_string(value) + ", but this model calls for " +
                     std::to_string(expected) + "; check that the adapter belongs to the model");
}

// The method and its settings that the config means.
std::pair<std::string, std::map<std::string, std::string>> read_config(
    const std::filesystem::path& path, const ModelConfig& model) {
  const Json parsed = read_json_file(path, {.max_bytes = uint64_t{16} << 20});
  JsonObject json(parsed, printable_path(path), JsonObject::Nulls::kAbsent);
  const bool prefix = json.get_string("peft_type") == kPrefixTuning;
  const int64_t tokens = json.get_int("num_virtual_tokens", 1, kMostSpecialTokens);
  check_field(json, "token_dim", prefix ? model.kv_heads * model.head_dim : model.width);
  check_field(json, "num_layers", model.layers);
  check_field(json, "num_transformer_submodules", 1);
  // Not used where whole embeddings are stored.
  if (prefix) check_field(json, "num_attention_heads", model.kv_heads);
  const std::set<std::string> read = {
      "peft_type",  "num_virtual_tokens",         "token_dim",
      "num_layers", "num_transformer_submodules", "num_attention_heads"};
  for (const auto& [key, value] : parsed.items()) {
    if (read.contains(key) || kHarmlessOfPrompts.contains(key) || !peft_field_in_use(value))
      continue;
    json.fail(printable(key),
              "is " + json_excerpt(value) +
                  ": this feature of PEFT is not supported; save the adapter without it");
  }
  return {prefix ? "prefix_kv" : "prefix_embed",
          {{"prefix", std::to_string(tokens)}, {"init", "random"}}};
}

}  // namespace

void write_peft_prompt(const std::filesystem::path& folder, const Model& model,
                       Adaptation& adaptation, AdapterRecord& record) {
  const ModelConfig& c = model.config();
  const bool prefix = record.method == "prefix_kv";
  const int64_t tokens = adaptation.special_tokens().count(), width = row_width(adaptation);
  std::vector<float> rows(static_cast<size_t>(tokens * width));
  int64_t first = 0;
  for (const TrainedParameter& trained : adaptation.trained()) {
    const std::vector<float> part = model.backend().to_host(trained.parameter->value.view());
    const int64_t cols = trained.parameter->value.cols();
    for (int64_t t = 0; t < tokens; ++t)
      std::copy_n(part.begin() + t * cols, cols, rows.begin() + t * width + first);
    first += cols;
  }
  write_safetensors(folder / kPeftWeightsFile,
                    {{kTensor, DType::kF32, {tokens, width}, rows.data()}}, {{"format", "pt"}});

  Json config;
  config["peft_type"] = prefix ? kPrefixTuning : kPromptTuning;
  config["task_type"] = "CAUSAL_LM";
  config["base_model_name_or_path"] = model.folder().string();
  config["inference_mode"] = true;
  config["num_virtual_tokens"] = tokens;
  config["num_layers"] = c.layers;
  config["num_transformer_submodules"] = 1;
  // PEFT cuts a row of keys and values into heads by these; they are the key-value heads.
  config["token_dim"] = prefix ? c.kv_heads * c.head_dim : c.width;
  config["num_attention_heads"] = prefix ? c.kv_heads : c.heads;
  if (prefix) {
    config["prefix_projection"] = false;
    config["encoder_hidden_size"] = c.width;
  } else {
    config["prompt_tuning_init"] = "RANDOM";
  }
  write_file_atomically(folder / kPeftConfigFile, json_text(config, 2) + "\n");
  record.weights_file = kPeftWeightsFile;
}

bool is_peft_prompt(const std::filesystem::path& folder) {
  const Json config = read_json_file(folder / kPeftConfigFile, {.max_bytes = uint64_t{16} << 20});
  if (!config.is_object() || !config.contains("peft_type")) return false;
  return config["peft_type"] == kPrefixTuning || config["peft_type"] == kPromptTuning;
}

std::unique_ptr<Adaptation> read_peft_prompt(const std::filesystem::path& folder, Model& model,
                                             const AdapterRecord* record) {
  const std::string where = printable_path(folder / (record ? kRecordFile : kPeftConfigFile));
  const auto [method, settings] = record ? std::pair(record->method, record->settings)
                                         : read_config(folder / kPeftConfigFile, model.config());
  std::unique_ptr<Adaptation> adaptation = begin_adaptation(where, method, settings, model);
  Settings same(settings);
  if (make_method(method, same)->saved_form() != SavedForm::kPrompt) {
    throw InputError(where + ": field 'weights_file' is " + kPeftWeightsFile + ", which method " +
                     printable(method) + " has not; restore the file");
  }
  const SafetensorsFile file(folder / kPeftWeightsFile);
  const TensorEntry& entry = file.at(kTensor);
  const int64_t tokens = adaptation->special_tokens().count(), width = row_width(*adaptation);
  check_stored_tensor(file, entry, {tokens, width});
  if (file.entries().size() > 1) {
    throw InputError(file.source_name() + ": holds tensors beside " + kTensor +
                     ", which are no part of a prompt; check that the two files belong together");
  }
  const std::vector<float> rows = stored_values(file, entry);
  int64_t first = 0;
  for (const TrainedParameter& trained : adaptation->trained()) {
    Parameter& p = *trained.parameter;
    const int64_t cols = p.value.cols();
    std::vector<float> part;
    for (int64_t t = 0; t < tokens; ++t) {
      const auto from = rows.begin() + t * width + first;
      part.insert(part.end(), from, from + cols);
    }
    model.backend().upload(part.data(), p.value.matrix());
    first += cols;
  }
  return adaptation;
}

}  // namespace rankscope
