// Trials trained together have the bits that they have alone.
#include <catch2/catch.hpp>

#include "common/draws.h"
#include "engine/backend/devices.h"
#include "engine/training/joint_trainer.h"
#include "tests/engine/cuda/staged_backend.h"
#include "tests/engine/goldens/golden_case.h"
#include "tests/skip.h"

namespace rankscope::tests {
namespace {

struct TrialSettings {
  std::vector<std::string> method;
  int64_t steps;
  int64_t batch;
  int64_t micro_batch_tokens;
  double learning_rate;
  double clip;
  double smoothing;
  uint64_t seed;
};

// Ranks, sites, layers, rates, batches, bounds and lengths that differ.
const std::vector<TrialSettings>& trials() {
  static const std::vector<TrialSettings> all = {
      {{"rank=4", "targets=Wq+Wv"}, 5, 4, 4096, 1e-2, 0, 0, 1},
      {{"rank=1", "targets=Wq+Wk+Wv+Wo+W1+W2", "alpha=3"}, 3, 3, 30, 3e-3, 1.0, 0.1, 2},
      {{"rank=7", "targets=Wv", "layers=1"}, 5, 1, 4096, 1e-2, 0, 0, 3},
      {{"rank=4", "targets=Wq+Wv", "dropout=0.2"}, 4, 5, 40, 1e-2, 1.0, 0, 1},
      {{"rank=2", "targets=W2", "layers=0"}, 5, 2, 4096, 1e-2, 0, 0, 5},
      // Above kSharedRank, one of which no 4 divides.
      {{"rank=66", "targets=Wq+Wv"}, 2, 3, 4096, 1e-2, 0, 0, 6},
      {{"rank=128", "targets=Wq+Wv+W2"}, 2, 2, 4096, 1e-2, 0, 0, 7},
  };
  return all;
}

// Each trial's losses and parameters.
struct Outcome {
  std::vector<double> losses;
  std::vector<double> norms;
  std::vector<double> useful_flops;
  std::vector<float> parameters;
  bool operator==(const Outcome&) const = default;
};

// `ahead`: steps that the first trial has behind it where it joins the others.
std::vector<Outcome> trained(const std::string& name, Backend& backend,
                             const std::vector<TrialSettings>& settings, bool together,
                             int64_t ahead = 0) {
  const GoldenCase c(name);
  const auto model = c.load(backend);
  const std::vector<TokenExample> examples =
      more_examples(c, model->config(), {2, 17, 5, 11}, "joint examples");
  std::vector<std::unique_ptr<Adaptation>> adaptations;
  std::vector<std::unique_ptr<Trainer>> trainers;
  for (const TrialSettings& s : settings) {
    Settings method;
    for (const std::string& m : s.method) method.add(m);
    adaptations.push_back(make_method("lora", method)->adapt(*model, s.seed));
    TrainSettings t;
    t.steps = s.steps;
    t.batch = s.batch;
    t.micro_batch_tokens = s.micro_batch_tokens;
    t.learning_rate = s.learning_rate;
    t.max_gradient_norm = s.clip;
    t.label_smoothing = s.smoothing;
    t.init_seed = t.data_seed = s.seed;
    REQUIRE(JointTrainer::can_join(*adaptations.back(), t));
    trainers.push_back(std::make_unique<Trainer>(*model, *adaptations.back(), examples, t));
  }
  std::vector<Outcome> outcomes(settings.size());
  const auto note = [&](size_t i, const StepReport& report) {
    REQUIRE_FALSE(report.diverged);
    outcomes[i].losses.push_back(report.loss);
    outcomes[i].norms.push_back(report.gradient_norm);
    outcomes[i].useful_flops.push_back(report.useful_flops);
  };
  JointTrainer joint(*model);
  for (size_t i = 0; i < trainers.size() && !together; ++i)
    while (!trainers[i]->finished()) note(i, trainers[i]->step());
  for (int64_t i = 0; i < ahead; ++i) note(0, trainers[0]->step());
  while (together) {
    std::vector<Trainer*> going;
    std::vector<size_t> index;
    for (size_t i = 0; i < trainers.size(); ++i) {
      if (trainers[i]->finished()) continue;
      going.push_back(trainers[i].get());
      index.push_back(i);
    }
    if (going.empty()) break;
    const std::vector<StepReport> reports = joint.step(going);
    for (size_t i = 0; i < reports.size(); ++i) note(index[i], reports[i]);
  }
  for (size_t i = 0; i < trainers.size(); ++i)
    for (const TrainedParameter& p : adaptations[i]->trained())
      for (const float x : backend.to_host(p.parameter->value.view()))
        outcomes[i].parameters.push_back(x);
  return outcomes;
}

void check(Backend& backend) {
  for (const std::string name : {"gpt2_tied", "llama_gqa"}) {
    INFO(name << " on " << backend.instruction_set());
    const std::vector<Outcome> alone = trained(name, backend, trials(), false);
    const std::vector<Outcome> joint = trained(name, backend, trials(), true);
    for (size_t i = 0; i < alone.size(); ++i) {
      INFO("trial " << i);
      CHECK(alone[i].losses.size() == static_cast<size_t>(trials()[i].steps));
      CHECK((joint[i].losses == alone[i].losses));
      CHECK((joint[i].norms == alone[i].norms));
      CHECK((joint[i].useful_flops == alone[i].useful_flops));
      CHECK((joint[i].parameters == alone[i].parameters));
    }
    // Other neighbours, in another order.
    const std::vector<TrialSettings> some = {trials()[3], trials()[5], trials()[0]};
    const std::vector<Outcome> others = trained(name, backend, some, true);
    CHECK((others[0] == alone[3]));
    CHECK((others[1] == alone[5]));
    CHECK((others[2] == alone[0]));
  }
}

TEST_CASE("trials trained together have the bits that they have alone", "[bits]") {
  for (const int threads : {1, 3}) check(*make_cpu_backend(threads));
}

TEST_CASE("trials that stand at different steps draw what they draw alone", "[bits]") {
  const std::vector<TrialSettings> dropping = {
      {{"rank=4", "targets=Wq+Wv", "dropout=0.2"}, 5, 4, 40, 1e-2, 1.0, 0, 1},
      {{"rank=2", "targets=Wv", "dropout=0.3"}, 4, 3, 4096, 1e-2, 0, 0, 2}};
  const auto backend = make_cpu_backend(1);
  const std::vector<Outcome> alone = trained("gpt2_tied", *backend, dropping, false);
  const std::vector<Outcome> joint = trained("gpt2_tied", *backend, dropping, true, 3);
  CHECK((joint[0] == alone[0]));
  CHECK((joint[1] == alone[1]));
}

TEST_CASE("what trains base weights or drops out in the base does not train with others") {
  const GoldenCase c("gpt2_tied");
  const auto backend = make_cpu_backend(1);
  const auto model = c.load(*backend);
  Settings none;
  const auto full = make_method("full", none)->adapt(*model, 0);
  CHECK_FALSE(JointTrainer::can_join(*full, {}));
  const auto lora = make_method("lora", none)->adapt(*model, 0);
  CHECK(JointTrainer::can_join(*lora, {}));
  TrainSettings dropping;
  dropping.base_dropout = true;
  CHECK_FALSE(JointTrainer::can_join(*lora, dropping));
  const std::vector<TokenExample> examples = c.examples();
  TrainSettings settings;
  settings.steps = 1;
  Trainer trainer(*model, *full, examples, settings);
  Trainer* const one[] = {&trainer};
  CHECK_THROWS_AS(JointTrainer(*model).step(one), std::logic_error);
}

TEST_CASE("cuda: trials trained together have the bits that they have alone on the fake device",
          "[slow]") {
  for (const DType precision : {DType::kF32, DType::kBF16}) check(*make_fake_backend(precision));
}

TEST_CASE("cuda: trials trained together have the bits that they have alone on a GPU", "[gpu]") {
  if (usable_gpus(gpus()).empty()) RANKSCOPE_SKIP("no GPU");
  for (const DType precision : {DType::kF32, DType::kBF16}) check(*make_gpu_backend(precision));
}

}  // namespace
}  // namespace rankscope::tests
