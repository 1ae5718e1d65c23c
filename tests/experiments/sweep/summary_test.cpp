// The table at a sweep's end: a line a setting, whatever its settings are called.
#include "experiments/sweep/summary.h"

#include <catch2/catch.hpp>

using namespace rankscope;
using Catch::Contains;

namespace {

class Results {
 public:
  void add(const std::string& method, std::map<std::string, std::string> settings, double score,
           std::uint64_t seed = 1) {
    Trial trial;
    trial.config.method = method;
    trial.config.task.name = "mnli";
    trial.config.task.score.data.task = "mnli";
    trial.config.settings = std::move(settings);
    trial.config.seed = seed;
    trial.train = {{"method", method}, {"seed", std::to_string(seed)}};
    for (const auto& [key, value] : trial.config.settings) trial.train["settings." + key] = value;
    trial.eval = {{"train", "a hash, by the seed too " + std::to_string(seed)},
                  {"score.task", "mnli"}};
    manifest_.trials.push_back(trial);
    results_.push_back({TrialState::kDone, {{"accuracy", {{"value", score}}}}});
  }
  Manifest& manifest() { return manifest_; }
  std::vector<TrialResult>& results() { return results_; }
  std::string table() const { return summary_table(manifest_, results_); }

 private:
  Manifest manifest_;
  std::vector<TrialResult> results_;
};

}  // namespace

TEST_CASE("the summary tells settings of a method apart by what differs between them") {
  Results results;
  results.add("none", {}, 0.3);
  for (const std::uint64_t seed : {1, 2}) {
    const double more = seed == 1 ? 0 : 0.02;
    results.add("lora", {{"rank", "4"}, {"targets", "Wq"}, {"lr", "0.01"}, {"alpha", "8"}},
                0.5 + more, seed);
    results.add("adapter_h", {{"bottleneck", "1"}, {"lr", "0.01"}, {"activation", "gelu"}},
                0.4 + more, seed);
    results.add("adapter_h", {{"bottleneck", "8"}, {"lr", "0.01"}, {"activation", "gelu"}},
                0.6 + more, seed);
  }
  CHECK(results.table() ==
        "task  method     targets  rank  settings      lr    n  metric    score, %\n"
        "mnli  none                                          1  accuracy  30.0\n"
        "mnli  lora       Wq       4                   0.01  2  accuracy  51.0 ± 1.4\n"
        "mnli  adapter_h                 bottleneck 1  0.01  2  accuracy  41.0 ± 1.4\n"
        "mnli  adapter_h                 bottleneck 8  0.01  2  accuracy  61.0 ± 1.4\n");
}

TEST_CASE("the summary has a line for each start and order of data that is given") {
  Results results;
  for (const std::uint64_t seed : {1, 7}) {
    for (const char* given : {"", "init_seed", "data_seed"}) {
      results.add("lora", {{"rank", "4"}, {"targets", "Wq"}, {"lr", "0.01"}}, 0.5, seed);
      Trial& trial = results.manifest().trials.back();
      const std::string key = given;
      if (key == "init_seed") trial.config.init_seed = 7;
      if (key == "data_seed") trial.config.data_seed = 7;
      if (!key.empty() && seed != 7) trial.train[key] = "7";
    }
  }
  CHECK(results.table() ==
        "task  method  targets  rank  settings     lr    n  metric    score, %\n"
        "mnli  lora    Wq       4                  0.01  2  accuracy  50.0 ± 0.0\n"
        "mnli  lora    Wq       4     init_seed 7  0.01  2  accuracy  50.0 ± 0.0\n"
        "mnli  lora    Wq       4     data_seed 7  0.01  2  accuracy  50.0 ± 0.0\n");
}

TEST_CASE("the summary shows ranks by site as the ranks that they are") {
  Results results;
  results.add("lora", {{"ranks", "Wq:3,Wv:5"}, {"targets", "Wq+Wv"}, {"lr", "0.01"}}, 0.5);
  results.add("lora", {{"rank", "8"}, {"ranks", "Wq:3"}, {"targets", "Wq+Wv"}, {"lr", "0.01"}},
              0.6);
  CHECK(results.table() ==
        "task  method  targets  rank       lr    n  metric    score, %\n"
        "mnli  lora    Wq+Wv    Wq:3,Wv:5  0.01  1  accuracy  50.0\n"
        "mnli  lora    Wq+Wv    8,Wq:3     0.01  1  accuracy  60.0\n");
}

TEST_CASE("the summary has no column of settings where none differ, and counts what is not done") {
  Results results;
  results.add("none", {}, 0.3);
  for (const std::uint64_t seed : {1, 2, 3, 4})
    results.add("lora", {{"rank", "4"}, {"targets", "Wq"}, {"lr", "0.01"}}, 0.5, seed);
  results.results()[2] = {TrialState::kDiverged, {}};
  results.results()[3] = {TrialState::kFailed, {}};
  results.results()[4] = {TrialState::kPending, {}};
  CHECK(
      results.table() ==
      "task  method  targets  rank  lr    n  metric    score, %\n"
      "mnli  none                         1  accuracy  30.0\n"
      "mnli  lora    Wq       4     0.01  2  accuracy  40.0 ± 14.1 1 diverged 1 failed 1 to do\n");
}

TEST_CASE("the summary keeps what is scored otherwise apart") {
  Results results;
  results.add("lora", {{"rank", "4"}, {"targets", "Wq"}, {"lr", "0.01"}}, 0.5);
  results.add("lora", {{"rank", "4"}, {"targets", "Wq"}, {"lr", "0.01"}}, 0.6);
  results.manifest().trials[0].eval["decoding.beams"] = "1";
  results.manifest().trials[1].eval["decoding.beams"] = "4";
  CHECK_THAT(results.table(), Contains("decoding.beams 1  0.01  1  accuracy  50.0\n") &&
                                  Contains("decoding.beams 4  0.01  1  accuracy  60.0\n"));
}

TEST_CASE(
    "what diverged counts as the base that is scored alike, wherever and for whichever task it "
    "stands") {
  Results results;
  results.add("lora", {{"rank", "4"}, {"targets", "Wq"}, {"lr", "0.01"}}, 0.5);
  results.add("none", {}, 0.2);
  results.add("none", {}, 0.3);
  results.manifest().trials[0].config.task.name = "mnli_all";
  for (Trial& trial : results.manifest().trials) trial.eval["decoding.beams"] = "1";
  results.manifest().trials[1].eval["decoding.beams"] = "4";
  results.results()[0] = {TrialState::kDiverged, {}};
  CHECK_THAT(results.table(), Contains("0.01  1  accuracy  30.0 1 diverged\n"));
}

TEST_CASE("the summary shows the metric that the sweep asks for, and the rates that tuning chose") {
  Results results;
  for (const std::uint64_t seed : {1, 2}) {
    results.add("lora", {{"rank", "4"}, {"targets", "Wq"}}, 0.5, seed);
    results.manifest().trials.back().config.task.score.data.task = "own";
    results.manifest().trials.back().config.task.score.metric = "rouge1";
    results.manifest().trials.back().config.tuning.emplace();
    results.results().back().metrics = {{"exact", {{"value", 0.0}}}, {"rouge1", {{"value", 0.25}}}};
    results.results().back().rate = 0.005;
  }
  CHECK_THAT(results.table(), Contains("tuned 0.005  2  rouge1  25.0 ± 0.0\n"));
}

TEST_CASE("tasks that are scored on the same data each show the base, which has one trial") {
  Results results;
  results.add("none", {}, 0.3);
  results.add("lora", {{"rank", "4"}, {"targets", "Wq"}, {"lr", "0.01"}}, 0.5);
  results.add("lora", {{"rank", "4"}, {"targets", "Wq"}, {"lr", "0.01"}}, 0.6);
  results.manifest().trials[2].config.task.name = "mnli_40";
  CHECK(results.table() ==
        "task     method  targets  rank  lr    n  metric    score, %\n"
        "mnli     none                         1  accuracy  30.0\n"
        "mnli     lora    Wq       4     0.01  1  accuracy  50.0\n"
        "mnli_40  none                         1  accuracy  30.0\n"
        "mnli_40  lora    Wq       4     0.01  1  accuracy  60.0\n");
}
