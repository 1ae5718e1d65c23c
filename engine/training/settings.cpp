// TrainSettings from KEY=VALUE settings.
#include <algorithm>
#include <array>
#include <cmath>

#include "common/error.h"
#include "common/settings.h"
#include "engine/training/trainer.h"

namespace rankscope {

namespace {

constexpr double kLargest = 1e18;
constexpr int64_t kMostSteps = 1'000'000'000;

Warmup read_warmup(Settings& settings) {
  constexpr std::array<std::pair<const char*, Warmup::Unit>, 3> kKeys{{
      {"warmup_steps", Warmup::Unit::kSteps},
      {"warmup_tokens", Warmup::Unit::kTokens},
      {"warmup_ratio", Warmup::Unit::kRatio},
  }};
  Warmup warmup;
  std::string given;
  for (const auto& [key, unit] : kKeys) {
    const bool has = settings.has(key);
    const double amount = settings.number(key, 0, 0, unit == Warmup::Unit::kRatio ? 1 : kLargest);
    if (!has) continue;
    // transformers reads a number below 1 there as a share of the steps.
    if (unit == Warmup::Unit::kSteps && amount != std::floor(amount)) {
      throw InputError("setting 'warmup_steps=" + setting_text(amount) +
                       "' is no whole number of steps; a share of all steps is a warmup_ratio");
    }
    if (!given.empty())
      throw InputError("settings '" + given + "' and '" + key + "' exclude each other; give one");
    given = key;
    warmup = {unit, amount};
  }
  return warmup;
}

// In the order of Schedule.
constexpr std::array<std::string_view, 3> kSchedules{"linear", "cosine", "constant"};
static_assert(static_cast<size_t>(Schedule::kConstant) + 1 == kSchedules.size());

}  // namespace

TrainSettings TrainSettings::from(Settings& settings) {
  TrainSettings t;
  t.batch = settings.integer("batch", t.batch, 1, 1 << 20);
  t.micro_batch_tokens =
      settings.integer("micro_batch_tokens", t.micro_batch_tokens, 1, int64_t{1} << 30);
  t.learning_rate = settings.number("lr", t.learning_rate, 0, kLargest);
  const std::string schedule = settings.choice("schedule", "linear", kSchedules);
  t.schedule = static_cast<Schedule>(std::ranges::find(kSchedules, schedule) - kSchedules.begin());
  t.warmup = read_warmup(settings);
  t.adamw.beta1 = settings.number("beta1", t.adamw.beta1, 0, 0.9999999);
  t.adamw.beta2 = settings.number("beta2", t.adamw.beta2, 0, 0.9999999);
  t.adamw.epsilon = settings.number("epsilon", t.adamw.epsilon, 0, 1);
  t.adamw.weight_decay = settings.number("weight_decay", t.adamw.weight_decay, 0, 1000);
  t.max_gradient_norm = settings.number("clip", 0, 0, kLargest);
  t.label_smoothing = settings.number("label_smoothing", 0, 0, 1);
  t.base_dropout = settings.flag("base_dropout", false);
  const int64_t seed = settings.integer("seed", 0, 0, INT64_MAX);
  t.init_seed = static_cast<uint64_t>(settings.integer("init_seed", seed, 0, INT64_MAX));
  t.data_seed = static_cast<uint64_t>(settings.integer("data_seed", seed, 0, INT64_MAX));
  t.steps = settings.integer("steps", 0, 0, kMostSteps);
  return t;
}

std::map<std::string, std::string> TrainSettings::canonical() const {
  constexpr const char* kWarmups[] = {"steps", "tokens", "ratio"};
  return {{"steps", std::to_string(steps)},
          {"batch", std::to_string(batch)},
          {"micro_batch_tokens", std::to_string(micro_batch_tokens)},
          {"lr", setting_text(learning_rate)},
          {"schedule", std::string(kSchedules.at(static_cast<size_t>(schedule)))},
          {"warmup", setting_text(warmup.amount) + " " + kWarmups[static_cast<int>(warmup.unit)]},
          {"beta1", setting_text(adamw.beta1)},
          {"beta2", setting_text(adamw.beta2)},
          {"epsilon", setting_text(adamw.epsilon)},
          {"weight_decay", setting_text(adamw.weight_decay)},
          {"clip", setting_text(max_gradient_norm)},
          {"label_smoothing", setting_text(label_smoothing)},
          {"base_dropout", base_dropout ? "true" : "false"},
          {"init_seed", std::to_string(init_seed)},
          {"data_seed", std::to_string(data_seed)}};
}

}  // namespace rankscope
