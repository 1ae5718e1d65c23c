// Verdicts on what training costs.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "tests/experiments/claims/planted_results.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;
using Catch::EndsWith;

namespace {

// LoRA against full fine-tuning.
std::string cost_claim(const std::string& quantity) {
  return "claims:\n  - id: D\n    title: t\n    source: s\n    statistic: cost\n    contrasts: "
         "[{quantity: " +
         quantity +
         ", region: above, margin: 1, reason: r}]\n    left: {method: lora}\n    right: {method: "
         "full}\n    control: shuffled\n";
}

}  // namespace

TEST_CASE("costs are compared seed by seed") {
  PlantedResults planted;
  planted.add({.targets = "Wq",
               .rank = 8,
               .parameters = 800,
               .timings = {{"train_peak_memory_mib", 100},
                           {"train_tokens_per_second", 400},
                           {"checkpoint_bytes", 1000}}});
  planted.add({.method = "full",
               .parameters = 100000,
               .timings = {{"train_peak_memory_mib", 400},
                           {"train_tokens_per_second", 100},
                           {"checkpoint_bytes", 64000}}});
  const std::string claim = R"(claims:
  - id: D
    title: t
    source: s
    statistic: cost
    contrasts:
      - {quantity: memory, region: above, margin: 1, reason: r}
      - {quantity: throughput, region: above, margin: 1, reason: r}
      - {quantity: checkpoint, region: above, margin: 5, reason: r}
    left: {method: lora}
    right: {method: full}
    control: shuffled
)";
  const ClaimFinding finding = planted.judge(claim).claims.at(0);
  CHECK(finding.verdict == "holds");
  CHECK(finding.control_verdict != "holds");
  CHECK(finding.control_verdict != "not run");
  // Of seeds whose sides were drawn, some cancel.
  for (const ContrastFinding& contrast : finding.contrasts)
    CHECK(std::abs(*contrast.control_estimate) < *contrast.estimate - 0.1);
  CHECK(*finding.contrasts.at(0).estimate == Approx(2));
  CHECK(*finding.contrasts.at(1).estimate == Approx(2));
  CHECK(*finding.contrasts.at(2).estimate == Approx(6));

  // A pack's memory and speed are no trial's own; its checkpoint is.
  PlantedResults packed;
  for (const std::string method : {"lora", "full"})
    packed.add({.method = method,
                .targets = method == "lora" ? "Wq" : "",
                .parameters = method == "lora" ? 800 : 100000,
                .timings = {{"train_peak_memory_mib", 100},
                            {"train_tokens_per_second", 400},
                            {"checkpoint_bytes", method == "lora" ? 1000.0 : 64000.0},
                            {"trained_together", 4}}});
  const ClaimFinding none = packed.judge(claim).claims.at(0);
  CHECK_FALSE(none.contrasts.at(0).estimate);
  CHECK_FALSE(none.contrasts.at(1).estimate);
  CHECK_THAT(none.contrasts.at(0).missing, Catch::Contains("trained in packs"));
  CHECK(*none.contrasts.at(2).estimate == Approx(6));
}

TEST_CASE("a seed is one unit of cost: it is set against the same seed alone") {
  PlantedResults planted;
  planted.store().put_sweep({"planted", "name: planted\n", "models/tiny", std::string(64, 'c')});
  const auto add = [&](const std::string& method, std::int64_t seed, double memory) {
    TrialRecord trial = unscored_trial("done", method == "lora" ? "Wq" : "", 8, seed);
    trial.trial = method + std::to_string(seed);
    trial.method = trial.config["method"] = method;
    if (method != "lora") trial.rank = {};
    trial.timings = {{"train_peak_memory_mib", memory}};
    planted.store().put_trial(trial);
  };
  // Logarithms of the ratios: 1, 2 and 3.
  add("lora", 1, 100);
  add("lora", 2, 100);
  add("lora", 3, 200);
  add("full", 1, 200);
  add("full", 2, 400);
  add("full", 3, 1600);
  add("full", 4, 6400);  // lora has no such seed
  const ContrastFinding contrast = planted.judge(cost_claim("memory")).claims.at(0).contrasts.at(0);
  CHECK(contrast.seeds_left == 3);
  CHECK(contrast.seeds_right == 3);
  REQUIRE(contrast.estimate);
  CHECK(*contrast.estimate == Approx(2));
  CHECK(*contrast.df == Approx(2));
  // Their standard deviation is 1, and Student's t of 2 degrees of freedom 4.30265 at 97.5 %.
  CHECK(*contrast.low == Approx(2 - 4.30265 / std::sqrt(3)).margin(1e-4));
}

TEST_CASE("a pack on one side alone keeps memory and speed from being compared") {
  for (const char* packed : {"lora", "full"}) {
    INFO(packed);
    PlantedResults planted;
    for (const std::string method : {"lora", "full"}) {
      const bool is_lora = method == "lora";
      std::map<std::string, double> timings{{"train_peak_memory_mib", is_lora ? 100 : 400},
                                            {"train_tokens_per_second", is_lora ? 400 : 100},
                                            {"checkpoint_bytes", is_lora ? 1000 : 4000}};
      if (method == packed) timings[kTrainedTogether] = 4;
      planted.add({.method = method, .targets = is_lora ? "Wq" : "", .timings = timings});
    }
    for (const char* quantity : {"memory", "throughput"}) {
      const ClaimFinding claim = planted.judge(cost_claim(quantity)).claims.at(0);
      CHECK(claim.verdict == "not run");
      CHECK_THAT(claim.contrasts.at(0).missing, Contains("trained in packs"));
    }
    const ClaimFinding checkpoint = planted.judge(cost_claim("checkpoint")).claims.at(0);
    REQUIRE(checkpoint.contrasts.at(0).estimate);
    CHECK(*checkpoint.contrasts.at(0).estimate == Approx(2));
  }
}

TEST_CASE("memory and speed are not compared across devices, checkpoints are") {
  using Environment = std::map<std::string, std::string>;
  const auto judged = [](const std::string& quantity, const Environment& lora,
                         const Environment& full) {
    PlantedResults planted;
    for (const bool is_lora : {true, false})
      planted.add({.method = is_lora ? "lora" : "full",
                   .targets = is_lora ? "Wq" : "",
                   .rank = is_lora ? 8 : 0,
                   .timings = {{"train_peak_memory_mib", is_lora ? 100.0 : 400.0},
                               {"train_tokens_per_second", is_lora ? 400.0 : 100.0},
                               {"checkpoint_bytes", is_lora ? 1000.0 : 4000.0}},
                   .environment = is_lora ? lora : full});
    return planted.judge(cost_claim(quantity)).claims.at(0);
  };
  const auto cpu = [](const std::string& processor, const std::string& threads) {
    return Environment{{"backend", "cpu"},       {"instruction_set", "avx512"},
                       {"processor", processor}, {"threads", threads},
                       {"train_backend", "cpu"}, {"train_instruction_set", "avx512"}};
  };
  const auto gpu = [](const std::string& name, const std::string& precision) {
    return Environment{{"train_backend", "cuda"},
                       {"train_instruction_set", name + ", CUDA 12, kernels 3, " + precision}};
  };
  const auto differing = [&](const Environment& lora, const Environment& full) {
    for (const char* quantity : {"memory", "throughput"}) {
      const ClaimFinding claim = judged(quantity, lora, full);
      CHECK(claim.verdict == "not run");
      CHECK_FALSE(claim.contrasts.at(0).estimate);
      CHECK_THAT(claim.explanation,
                 Contains("not trained on one device") && Contains("in another folder"));
    }
    CHECK(judged("checkpoint", lora, full).verdict == "holds");
    const std::string text = judged("memory", lora, full).contrasts.at(0).missing;
    const std::size_t begin = text.find(": ") + 2;
    return text.substr(begin, text.find("; ") - begin);
  };
  CHECK(differing(gpu("H100", "fp32"), cpu("EPYC", "2")) == "backend cuda against cpu");
  CHECK(differing(gpu("H100", "fp32"), gpu("H200", "fp32")) ==
        "instruction set H100, CUDA 12, kernels 3 against H200, CUDA 12, kernels 3");
  CHECK(differing(cpu("EPYC", "2"), cpu("Xeon", "8")) ==
        "processor EPYC against Xeon and threads 2 against 8");
  // Trained with other threads, scored with the same.
  const auto trained_with = [&](const std::string& processor, const std::string& threads) {
    Environment all = cpu("EPYC", "2");
    all["train_processor"] = processor;
    all["train_threads"] = threads;
    return all;
  };
  CHECK(differing(trained_with("EPYC", "1"), trained_with("EPYC", "2")) == "threads 1 against 2");
  CHECK(differing(trained_with("EPYC", "1"), trained_with("Xeon", "1")) ==
        "processor EPYC against Xeon");
  // An older program recorded the device that scored alone.
  CHECK(differing({{"backend", "cuda"}}, {{"backend", "cpu"}}) == "backend cuda against cpu");

  // Scored elsewhere, whose processor says nothing of the training's.
  Environment scored_elsewhere = cpu("Xeon", "8");
  scored_elsewhere["instruction_set"] = "avx2";
  // Where the training's are known, the scoring's are not asked for.
  Environment scored_later = cpu("Xeon", "8");
  scored_later["train_processor"] = "EPYC";
  scored_later["train_threads"] = "2";
  for (const auto& [lora, full] :
       std::vector<std::pair<Environment, Environment>>{{cpu("EPYC", "2"), cpu("EPYC", "2")},
                                                        {cpu("EPYC", "2"), scored_elsewhere},
                                                        {trained_with("EPYC", "2"), scored_later},
                                                        {cpu("EPYC", "2"), {}},
                                                        {gpu("H100", "fp32"), gpu("H100", "bf16")}})
    for (const char* quantity : {"memory", "throughput"}) {
      const ClaimFinding claim = judged(quantity, lora, full);
      CHECK(claim.verdict == "holds");
      CHECK(*claim.contrasts.at(0).estimate == Approx(2));
    }
}

TEST_CASE("of costs that trials do not have, it is not said that their seeds are not finished") {
  PlantedResults planted;
  planted.add({.targets = "Wq", .rank = 8, .timings = {{"checkpoint_bytes", 1000}}});
  planted.add({.method = "full", .diverged = true});  // which left no checkpoint
  const ClaimFinding claim = planted.judge(cost_claim("checkpoint")).claims.at(0);
  CHECK(claim.verdict == "not run");
  CHECK(claim.contrasts.at(0).missing == "0 seeds have values on both sides, 2 are needed");

  planted.add({.targets = "Wk", .rank = 8, .timings = {{"train_peak_memory_mib", 100}}});
  planted.add({.method = "bitfit", .diverged = true, .timings = {{"train_peak_memory_mib", 400}}});
  std::string memory = cost_claim("memory");
  memory.replace(memory.find("full"), 4, "bitfit");
  memory.replace(memory.find("method: lora"), 12, "method: lora, targets: Wk");
  CHECK_THAT(planted.judge(memory).claims.at(0).explanation,
             Contains("; on wikisql 5 of 5 trials of bitfit diverged: their memory and speed are "
                      "of the steps before, and they left no checkpoint"));
}

TEST_CASE("tasks that score the same trainings have one cost") {
  PlantedResults planted;
  const auto add = [&](const std::string& task, const std::string& trainings) {
    for (const std::string method : {"lora", "full"})
      planted.add({.method = method,
                   .targets = method == "lora" ? "Wq" : "",
                   .task = task,
                   .kind = "mnli",
                   .rank = method == "lora" ? 8 : 0,
                   .timings = {{"train_peak_memory_mib", method == "lora" ? 100.0 : 400.0}},
                   .trainings = trainings});
  };
  const auto contrasts = [&] {
    return planted.judge(cost_claim("memory")).claims.at(0).contrasts.size();
  };
  add("mismatched", "mnli");
  add("mnli", "mnli");
  CHECK(contrasts() == 1);
  add("mnli_100", "fewer");
  CHECK(contrasts() == 2);
}

TEST_CASE("what was computed at once stands below a verdict on memory where it was not the same") {
  PlantedResults planted;
  const std::map<std::string, double> timings{
      {"train_peak_memory_mib", 100}, {"train_tokens_per_second", 400}, {"checkpoint_bytes", 1000}};
  planted.add({.targets = "Wq",
               .rank = 8,
               .steps = 20,
               .settings = {{"batch", "8"}, {"micro_batch_tokens", "128"}},
               .timings = timings});
  planted.add({.method = "full",
               .steps = 60,
               .settings = {{"batch", "64"}, {"micro_batch_tokens", "8192"}},
               .timings = timings});
  const auto explained = [&](const std::string& quantities) {
    return planted
        .judge(
            "claims:\n  - id: D\n    title: t\n    source: s\n    statistic: cost\n"
            "    contrasts:\n" +
            quantities +
            "    left: {method: lora}\n    right: {method: full}\n    control: shuffled\n")
        .claims.at(0)
        .explanation;
  };
  const std::string memory = "      - {quantity: memory, region: above, margin: 1, reason: r}\n",
                    checkpoint =
                        "      - {quantity: checkpoint, region: above, margin: 1, reason: r}\n";
  CHECK_THAT(explained(memory + checkpoint),
             EndsWith("; the two sides were not trained alike: batch 8 against 64 and "
                      "micro_batch_tokens 128 against 8192, in wikisql: memory, lora Wq r8 against "
                      "full"));
  CHECK_THAT(explained(checkpoint), !Contains("trained alike"));
}
