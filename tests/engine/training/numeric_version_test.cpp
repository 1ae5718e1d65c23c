// A change of arithmetic cannot pass unnoticed: the bits of a ten-step adapter of each method, and
// of what is predicted with it, are recorded for each instruction set of the CPU and numeric
// version.
#include <bit>
#include <catch2/catch.hpp>
#include <cstdio>
#include <utility>

#include "common/hash.h"
#include "common/instruction_set.h"
#include "engine/backend/cpu/cpu_backend.h"
#include "engine/decoding/generator.h"
#include "engine/decoding/ranking.h"
#include "engine/training/numeric_version.h"
#include "tests/engine/decoding/decoding_case.h"
#include "tests/engine/goldens/golden_case.h"
#include "tests/engine/methods/every_method.h"

namespace rankscope::tests {
namespace {

std::vector<MethodSettings> watched_methods() {
  std::vector<MethodSettings> all = every_method();
  all.push_back({"none", {}});
  all.push_back({"lora", {"rank=4", "targets=all", "dropout=0.1"}});
  return all;
}

std::string with_settings(const MethodSettings& about) {
  std::string text = about.method;
  for (const std::string& s : about.settings) text += " " + s;
  return text;
}

void train_ten_steps(Model& model, Adaptation& adaptation,
                     const std::vector<TokenExample>& examples) {
  TrainSettings t;
  t.steps = 10;
  t.batch = 4;
  t.micro_batch_tokens = 32;
  t.learning_rate = 1e-2;
  t.max_gradient_norm = 1;
  t.label_smoothing = 0.1;
  Trainer trainer(model, adaptation, examples, t);
  while (!trainer.finished()) REQUIRE_FALSE(trainer.step().diverged);
}

// The tokens of greedy and of beam search, the scores of the beams, and the log-likelihoods.
void add_predictions(const Model& model, const Adaptation& adaptation, Sha256& hash) {
  const auto prompts = drawn_prompts(6, 12, model.config().vocabulary);
  for (const int64_t beams : {1, 3}) {
    DecodingSettings settings;
    settings.max_new = 6;
    settings.beams = beams;
    std::vector<Prediction> predictions(prompts.size());
    generate(model, &adaptation, prompts, settings, {},
             [&](size_t index, Prediction p) { predictions[index] = std::move(p); });
    std::vector<RankedPrompt> ranked;
    for (size_t i = 0; i < prompts.size(); ++i)
      ranked.push_back({prompts[i], {predictions[i].ids}});
    rank_choices(model, &adaptation, ranked, 1024,
                 [&](size_t index, std::span<const double> log_likelihoods) {
                   const Prediction& p = predictions[index];
                   hash.update(std::as_bytes(std::span(p.ids)));
                   hash.update_u64(std::bit_cast<uint64_t>(p.score));
                   hash.update_u64(std::bit_cast<uint64_t>(log_likelihoods[0]));
                 });
  }
}

// Of what was trained, and of what is predicted with it.
std::string two_hashes(const MethodSettings& about, std::string_view instruction_set) {
  Sha256 trained, predicted;
  for (const std::string name : {"gpt2_tied", "llama_gqa"}) {
    // LLaMA has no biases.
    if (about.method == "bitfit" && name == "llama_gqa") continue;
    const GoldenCase c(name);
    const auto backend = make_cpu_backend(2, instruction_set);
    const auto model = c.load(*backend);
    const auto adaptation = about.make()->adapt(*model, 1);
    if (about.method != "none") train_ten_steps(*model, *adaptation, c.examples());
    for (const TrainedParameter& p : adaptation->trained())
      trained.update(std::as_bytes(p.parameter->value.values()));
    add_predictions(*model, *adaptation, predicted);
  }
  return trained.hex().substr(0, 16) + " " + predicted.hex().substr(0, 16);
}

TEST_CASE("the bits of every method's ten-step adapter and predictions are this numeric version's",
          "[bits]") {
  const Json file = read_json_file(std::string(RANKSCOPE_SOURCE_DIR) +
                                   "/tests/engine/training/numeric_version.json");
  Json found = file;
  Json& hashes = found["cpu"][std::to_string(kNumericVersion)];
  for (const std::string_view set : available_instruction_sets()) {
    const Json recorded = std::exchange(hashes[std::string(set)], Json::object());
    for (const MethodSettings& about : watched_methods()) {
      const std::string method = with_settings(about), now = two_hashes(about, set);
      INFO("cpu " << set << ", numeric version " << kNumericVersion << ", " << method);
      CHECK(now == (recorded.contains(method) ? recorded.at(method).get<std::string>() : ""));
      hashes[std::string(set)][method] = now;
    }
  }
  CHECK((found == file));
  if (found == file) return;
  std::printf(
      "Where the arithmetic was changed on purpose, raise kNumericVersion "
      "(engine/training/numeric_version.h) and make tests/engine/training/numeric_version.json\n"
      "%s\n",
      found.dump(2).c_str());
  std::fflush(stdout);
}

}  // namespace
}  // namespace rankscope::tests
