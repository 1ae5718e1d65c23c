#include "experiments/pretrain/pretrain_file.h"

#include <fmt/format.h>

#include <optional>

#include "common/error.h"
#include "common/files.h"
#include "common/text.h"
#include "engine/training/trainer.h"
#include "experiments/limits.h"
#include "experiments/training_settings.h"
#include "experiments/yaml/overrides.h"
#include "experiments/yaml/yaml_value.h"

namespace rankscope {
namespace {

namespace fs = std::filesystem;

// Far above what is trained from nothing on processors, and small enough that the sizes of no
// tensor overflow and that a slip of the pen does not ask for all memory.
constexpr std::int64_t kMostDocuments = 100'000'000;
constexpr std::int64_t kMostVocabulary = 1 << 20;
constexpr std::int64_t kMostWidth = 1 << 14;
constexpr std::int64_t kMostTrainedLayers = 256;
constexpr std::int64_t kMostPositions = 1 << 20;

class PretrainReader {
 public:
  PretrainReader(const YamlNode& root, const fs::path& file) : root_(root, ""), file_(file) {}

  PretrainPlan read() {
    refuse_unknown_keys(root_, pretrain_keys("pretrain"));
    plan_.name = printable(file_.stem().native());
    if (const auto seed = root_.find("seed")) plan_.seed = seed_of(*seed);
    read_model(need(root_, "model", "the sizes of the model"));
    read_tokenizer(need(root_, "tokenizer", "its vocabulary"));
    const std::optional<YamlValue> held_out = root_.find("held_out");
    if (held_out) plan_.held_out = held_out->integer(0, kMostDocuments);
    read_documents(
        need(root_, "documents", "{embedded: NUMBER}, or files of {\"text\": ...} lines"));
    plan_.window = plan_.model.n_positions;
    if (const auto window = root_.find("window")) {
      plan_.window = window->integer(2, plan_.model.n_positions);
    }
    if (const auto join = root_.find("join")) {
      plan_.joining = join->flag() ? Joining::kMany : Joining::kOne;
    }
    read_training(need(root_, "training", "at least its steps"));
    if (plan_.documents.embedded > 0 && held_out && plan_.held_out >= plan_.documents.embedded) {
      held_out->fail("leaves no document to train on: there are " +
                     std::to_string(plan_.documents.embedded));
    }
    return std::move(plan_);
  }

 private:
  static YamlValue need(const YamlValue& map, std::string_view key, std::string_view what) {
    if (const auto value = map.find(key)) return *value;
    map.fail(fmt::format("'{}' is missing: {}", key, what));
  }
  static std::uint64_t seed_of(const YamlValue& value) {
    return static_cast<std::uint64_t>(value.integer(0, INT64_MAX));
  }

  void read_documents(const YamlValue& documents) {
    plan_.documents.seed = plan_.seed;
    if (documents.is_scalar() && documents.text() == "embedded") {
      documents.fail("how many? Write {embedded: NUMBER}");
    }
    if (documents.is_scalar() || documents.is_list()) {
      for (const YamlValue& file : documents.one_or_more()) {
        plan_.documents.files.push_back(file.file_path(file_));
      }
      return;
    }
    refuse_unknown_keys(documents, pretrain_keys("documents"));
    plan_.documents.embedded =
        need(documents, "embedded", "how many documents").integer(1, kMostDocuments);
    if (const auto seed = documents.find("seed")) plan_.documents.seed = seed_of(*seed);
  }

  void read_tokenizer(const YamlValue& tokenizer) {
    refuse_unknown_keys(tokenizer, pretrain_keys("tokenizer"));
    // 256 bytes and the end token are always there.
    plan_.tokenizer.vocabulary =
        need(tokenizer, "vocabulary", "how many token ids").integer(257, kMostVocabulary);
    if (const auto pattern = tokenizer.find("pattern")) {
      plan_.tokenizer.pattern = pattern->choice({"gpt2", "llama3", "qwen2"});
    }
    if (const auto from = tokenizer.find("tokens_from")) {
      plan_.tokenizer.tokens_from = from->integer(1, kMostDocuments);
    }
  }

  void read_model(const YamlValue& model) {
    refuse_unknown_keys(model, pretrain_keys("model"));
    PretrainPlan::ModelPlan& sizes = plan_.model;
    sizes.n_embd = need(model, "n_embd", "the width").integer(1, kMostWidth);
    sizes.n_layer = need(model, "n_layer", "the number of layers").integer(1, kMostTrainedLayers);
    const YamlValue heads = need(model, "n_head", "the number of attention heads");
    sizes.n_head = heads.integer(1, kMostWidth);
    if (sizes.n_embd % sizes.n_head != 0) {
      heads.fail(
          fmt::format("is {}, which does not divide n_embd, {}", sizes.n_head, sizes.n_embd));
    }
    sizes.n_positions =
        need(model, "n_positions", "the longest sequence").integer(2, kMostPositions);
    if (const auto range = model.find("initializer_range")) {
      sizes.initializer_range = range->number(0, 100);
    }
    if (const auto positions = model.find("initial_positions")) {
      sizes.sinusoidal_positions = positions->choice({"normal", "sinusoidal"}) == "sinusoidal";
    }
  }

  void read_training(const YamlValue& training) {
    refuse_unknown_keys(training, pretrain_keys("training"));
    need(training, "steps", "optimizer steps").integer(1, kMostSteps);
    plan_.training["seed"] = std::to_string(plan_.seed);
    for (const YamlValue& value : training.entries()) {
      if (value.key() == "eval_every") {
        plan_.eval_every = value.integer(0, kMostSteps);
        if (plan_.eval_every > 0 && plan_.held_out == 0) {
          value.fail("there is no held-out document; give 'held_out'");
        }
        continue;
      }
      const auto setting = training_settings().find(value.key());
      plan_.training[value.key()] =
          value.setting(setting == training_settings().end() ? "0" : setting->second, 0);
      // Each with those before it: what is out of its range, or excluded by another, is refused at
      // its own line.
      value.checked([&] {
        Settings so_far(plan_.training);
        return TrainSettings::from(so_far);
      });
    }
  }

  YamlValue root_;
  fs::path file_;
  PretrainPlan plan_;
};

}  // namespace

std::vector<std::string> pretrain_keys(std::string_view section) {
  if (section == "documents") return {"embedded", "seed"};
  if (section == "tokenizer") return {"vocabulary", "pattern", "tokens_from"};
  if (section == "model") {
    return {"n_embd", "n_layer", "n_head", "n_positions", "initializer_range", "initial_positions"};
  }
  if (section == "training") {
    std::vector<std::string> keys{"steps", "eval_every"};
    for (const auto& [key, fallback] : training_settings()) {
      if (key != "base_dropout") keys.push_back(key);  // the model has no dropout
    }
    return keys;
  }
  return {"documents", "seed", "tokenizer", "model", "window", "join", "held_out", "training"};
}

PretrainPlan read_pretrain_file(const fs::path& file, std::span<const std::string> overrides) {
  const std::string name = printable_path(file);
  YamlNode root = parse_yaml(read_text_file(file, YamlLimits{}.max_bytes), name);
  if (root.kind == YamlNode::Kind::kNull && overrides.empty()) {
    throw InputError(name + ": the file is empty");
  }
  for (const std::string& assignment : overrides) apply_override(root, assignment);
  return PretrainReader(root, fs::absolute(file).lexically_normal()).read();
}

}  // namespace rankscope
