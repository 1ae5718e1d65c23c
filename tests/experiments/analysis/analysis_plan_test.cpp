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

TEST_CASE("seeds that begin from one initialisation are no pair") {
  Manifest manifest;
  const auto add = [&](std::uint64_t seed, std::optional<std::uint64_t> init_seed) {
    Trial trial;
    trial.config.method = "lora";
    trial.config.seed = seed;
    trial.config.init_seed = init_seed;
    trial.train = {{"seed", std::to_string(seed)}};
    if (init_seed) trial.train["init_seed"] = std::to_string(*init_seed);
    trial.train_hash = std::to_string(seed);
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
  for (const std::uint64_t seed : {1, 2}) add(seed, 7);
  CHECK(pairs().empty());
  add(3, {});
  CHECK(pairs() == std::vector<std::string>{"1 - 3", "2 - 3"});
}
