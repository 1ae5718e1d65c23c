#include "experiments/analysis/analysis_plan.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "common/draws.h"

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
         AdapterFamilies(manifest, settings).plan([](const Trial&) { return true; }).pairs)
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

TEST_CASE("ranks whose learning rates were searched for apart are set against one another") {
  Manifest manifest;
  for (const char* rank : {"8", "64"}) {
    Trial trial;
    trial.config.method = "lora";
    trial.config.settings = {{"rank", rank}, {"alpha", "8"}};
    trial.train = {{"settings.rank", rank},
                   {"settings.alpha", "8"},
                   {"tuning.rates", "0.001 0.01"},
                   {"tuning.settings.rank", rank},
                   {"tuning.settings.alpha", "8"}};
    trial.train_hash = rank;
    manifest.trials.push_back(trial);
  }
  AnalysisSettings settings;
  settings.pairs = {"ranks"};
  const AnalysisPlan plan =
      AdapterFamilies(manifest, settings).plan([](const Trial&) { return true; });
  REQUIRE(plan.pairs.size() == 1);
  CHECK(plan.pairs[0].one->train_hash == "8");
  CHECK(plan.pairs[0].other->train_hash == "64");
  CHECK(plan.pairs[0].relation == "ranks");
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
         AdapterFamilies(manifest, settings).plan([](const Trial&) { return true; }).pairs)
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

TEST_CASE("whatever order trials end in, each end finds its pairs among its own families") {
  // Ranks and seeds at two learning rates, with controls, and a training that is scored twice.
  Manifest manifest;
  for (const char* rate : {"1e-3", "1e-2"}) {
    for (const bool shuffled : {false, true}) {
      for (const std::uint64_t seed : {1, 2, 3}) {
        for (const char* rank : {"1", "4", "8"}) {
          Trial trial;
          trial.config.method = "lora";
          trial.config.seed = seed;
          trial.config.shuffle_targets = shuffled;
          trial.config.settings = {{"rank", rank}, {"alpha", "8"}};
          trial.train = {{"seed", std::to_string(seed)},
                         {"settings.rank", rank},
                         {"settings.alpha", "8"},
                         {"settings.lr", rate},
                         {"shuffle_targets", shuffled ? "true" : "false"}};
          trial.train_hash = std::to_string(manifest.trials.size());
          trial.eval_hash = "one";
          manifest.trials.push_back(trial);
        }
      }
    }
  }
  Trial again = manifest.trials.front();
  again.eval_hash = "two";
  // A seed that is given is a part of the setting, though it names no other training.
  again.config.init_seed = again.config.seed;
  manifest.trials.push_back(again);
  const AdapterFamilies families(manifest, AnalysisSettings{});
  const auto names = [](const std::vector<AdapterPair>& pairs) {
    std::set<std::string> found;
    for (const AdapterPair& pair : pairs)
      if (pair.relation != "base") found.insert(pair.one->id() + " " + pair.other_id());
    return found;
  };

  for (std::uint64_t round = 0; round < 8; ++round) {
    std::set<const Trial*> ended, asked;
    std::set<std::string> stored;
    const auto has_adapter = [&](const Trial& trial) {
      asked.insert(&trial);
      return ended.contains(&trial);
    };
    // In a round's own order.
    for (const std::uint64_t i :
         Draws(1, "tests", "order of ends", round).permutation(manifest.trials.size())) {
      const Trial& trial = manifest.trials[i];
      ended.insert(&trial);
      asked.clear();
      const std::set<std::string> found = names(families.pairs_after(trial, has_adapter));
      for (const Trial* other : asked)
        CHECK(other->train.at("settings.lr") == trial.train.at("settings.lr"));
      const std::set<std::string> whole = names(families.plan(has_adapter).pairs);
      CHECK(std::ranges::includes(whole, found));
      stored.insert(found.begin(), found.end());
      CHECK(std::ranges::includes(stored, whole));
    }
  }
}
