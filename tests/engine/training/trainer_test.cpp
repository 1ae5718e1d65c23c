// What a training counts: steps and tokens of its warm-up, and the tokens of a step.
#include <catch2/catch.hpp>

#include "engine/training/trainer.h"
#include "tests/engine/goldens/golden_case.h"

namespace rankscope::tests {
namespace {

struct CountedTraining {
  std::vector<StepReport> reports;
  std::vector<int64_t> tokens;  // of each step's examples
};

CountedTraining counted_training(const std::string& method, const std::vector<std::string>& keys,
                                 int64_t steps, const Warmup& warmup) {
  const GoldenCase c("gpt2_tied");
  const auto backend = make_cpu_backend(1);
  const auto model = c.load(*backend);
  Settings given;
  for (const std::string& key : keys) given.add(key);
  const auto adaptation = make_method(method, given)->adapt(*model, 1);
  const std::vector<TokenExample> examples =
      more_examples(c, model->config(), {5, 12, 20, 9}, "trainer examples");
  TrainSettings settings;
  settings.steps = steps;
  settings.batch = 2;
  settings.learning_rate = 1e-3;
  settings.schedule = Schedule::kConstant;
  settings.warmup = warmup;
  Trainer trainer(*model, *adaptation, examples, settings);
  CountedTraining all;
  while (!trainer.finished()) {
    int64_t tokens = 0;
    for (const int64_t i : trainer.step_examples(trainer.steps_done()))
      tokens += examples[static_cast<size_t>(i)].tokens();
    all.tokens.push_back(tokens);
    all.reports.push_back(trainer.step());
  }
  return all;
}

// The factor of the learning rate at each step.
std::vector<double> rate_factors(const CountedTraining& all) {
  std::vector<double> found;
  for (const StepReport& report : all.reports) found.push_back(report.learning_rate / 1e-3);
  return found;
}

TEST_CASE("a warm-up's ratio of the steps is rounded up to whole ones, as in transformers") {
  // 0.15 x 10 = 1.5: the rate is reached behind two steps.
  const CountedTraining all =
      counted_training("lora", {"rank=1"}, 10, {Warmup::Unit::kRatio, 0.15});
  std::vector<double> expected(10, 1);
  expected[0] = 0;
  expected[1] = 0.5;
  CHECK_THAT(rate_factors(all), Catch::Matchers::Approx(expected));
}

TEST_CASE("special tokens count neither as a step's tokens nor towards a warm-up in tokens") {
  const std::vector<std::pair<std::string, std::vector<std::string>>> methods = {
      {"lora", {"rank=1"}}, {"prefix_embed", {"prefix=3", "infix=2"}}};
  const CountedTraining first = counted_training("lora", {"rank=1"}, 2, {});
  // One token more than two steps have: a third has to reach it.
  const Warmup warmup{Warmup::Unit::kTokens,
                      static_cast<double>(first.tokens[0] + first.tokens[1] + 1)};
  for (const auto& [method, keys] : methods) {
    INFO(method);
    const CountedTraining all = counted_training(method, keys, 4, warmup);
    for (size_t i = 0; i < all.reports.size(); ++i) CHECK(all.reports[i].tokens == all.tokens[i]);
    CHECK_THAT(rate_factors(all),
               Catch::Matchers::Approx(std::vector<double>{0, 1.0 / 3, 2.0 / 3, 1}));
  }
}

}  // namespace
}  // namespace rankscope::tests
