#include "experiments/analysis/analysis_plan.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

using namespace rankscope;

TEST_CASE("a rank is set against the largest with its alpha, and with its alpha / r") {
  Manifest manifest;
  const auto add = [&](int rank, double alpha) {
    Trial trial;
    trial.config.method = "lora";
    trial.config.settings = {{"rank", std::to_string(rank)}, {"alpha", std::to_string(alpha)}};
    trial.train = {{"settings.rank", trial.config.settings["rank"]},
                   {"settings.alpha", trial.config.settings["alpha"]}};
    trial.train_hash = "r" + std::to_string(rank) + " a" + std::to_string(std::lround(alpha));
    manifest.trials.push_back(trial);
  };
  const auto pairs = [&] {
    AnalysisSettings settings;
    settings.pairs = {"ranks"};
    std::vector<std::string> found;
    for (const AdapterPair& pair :
         analysis_plan(manifest, settings, [](const Trial&) { return true; }).pairs)
      found.push_back(pair.one->train_hash + " - " + pair.other->train_hash);
    std::ranges::sort(found);
    return found;
  };
  for (const double alpha : {8, 64})
    for (const int rank : {8, 64}) add(rank, alpha);
  CHECK(pairs() ==
        std::vector<std::string>{"r8 a64 - r64 a64", "r8 a8 - r64 a64", "r8 a8 - r64 a8"});
  manifest.trials.clear();
  add(8, 16);
  add(64, 32);
  CHECK(pairs() == std::vector<std::string>{"r8 a16 - r64 a32"});
}

TEST_CASE("seeds are paired within a setting, but for those that begin from one initialisation") {
  Manifest manifest;
  using Given = std::optional<std::uint64_t>;
  const auto add = [&](std::uint64_t seed, Given init_seed, Given data_seed) {
    Trial trial;
    trial.config.method = "lora";
    trial.config.seed = seed;
    trial.config.init_seed = init_seed;
    trial.config.data_seed = data_seed;
    trial.train = {{"seed", std::to_string(seed)}};
    trial.train_hash = std::to_string(seed);
    for (const auto& [key, given] : given_seeds(trial.config)) {
      if (given != trial.train["seed"]) trial.train[key] = given;
      trial.train_hash += " " + key;
    }
    manifest.trials.push_back(trial);
  };
  const auto pairs = [&] {
    AnalysisSettings settings;
    settings.pairs = {"seeds"};
    std::vector<std::string> found;
    for (const AdapterPair& pair :
         analysis_plan(manifest, settings, [](const Trial&) { return true; }).pairs)
      found.push_back(pair.one->train_hash + " - " + pair.other->train_hash);
    return found;
  };
  for (const std::uint64_t seed : {1, 7}) add(seed, 7, {});
  CHECK(pairs().empty());
  add(3, {}, {});
  CHECK(pairs().empty());
  add(4, {}, {});
  CHECK(pairs() == std::vector<std::string>{"3 - 4"});
  // Two starts on one order of the data, of which one's seed is that order's.
  manifest.trials.clear();
  for (const std::uint64_t seed : {1, 9}) add(seed, {}, 9);
  CHECK(pairs() == std::vector<std::string>{"1 data_seed - 9 data_seed"});
}
