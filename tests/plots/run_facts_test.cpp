// What a report says of the machines that trained and scored.
#include <catch2/catch.hpp>

#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "results/store.h"
#include "tests/plots/given.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

// Of trials with these environments.
TableSet machines_of(const std::vector<std::map<std::string, std::string>>& environments) {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"s", "name: s\n", "models/tiny", std::string(64, 'c')});
    for (std::size_t i = 0; i < environments.size(); ++i) {
      TrialRecord trial;
      trial.trial = "t" + std::to_string(i);
      trial.sweep = "s";
      trial.state = "done";
      trial.role = "scored";
      trial.environment = environments[i];
      store.put_trial(trial);
    }
  }
  ResultsReader results({folder.path()});
  Findings findings;
  ReportData data(results, findings);
  return environment_tables(data);
}

}  // namespace

TEST_CASE("an adapter that another device trained mixes machines") {
  const std::map<std::string, std::string> base = {{"backend", "cpu"}};
  const std::map<std::string, std::string> here = {{"backend", "cpu"}, {"train_backend", "cpu"}};
  const std::map<std::string, std::string> there = {{"backend", "cpu"}, {"train_backend", "cuda"}};
  CHECK_THAT(machines_of({base, here, here}).tables.at(0).caption,
             Contains("one kind of machine with one kind of arithmetic"));
  const TableSet mixed = machines_of({base, here, there});
  CHECK_THAT(mixed.tables.at(0).caption,
             Contains("These trials mix machines: backend, train_backend differ."));
  CHECK_THAT(shown(mixed), Contains("train_backend | cpu (1), cuda (1) | ✗ mixed | \n"));
  // Half of the seeds before the machine's libraries were replaced, and all scored after it.
  const auto trained_with = [](const std::string& key, const std::string& value) {
    return std::map<std::string, std::string>{{key, "new"}, {"train_" + key, value}};
  };
  for (const std::string key :
       {"processor", "onednn", "compiler", "libraries", "numeric_version"}) {
    CHECK_THAT(
        machines_of({trained_with(key, "new"), trained_with(key, "old")}).tables.at(0).caption,
        Contains("These trials mix machines: " + key + ", train_" + key + " differ."));
    CHECK_THAT(machines_of({trained_with(key, "new")}).tables.at(0).caption,
               Contains("one kind of machine with one kind of arithmetic"));
  }
  CHECK_THAT(machines_of({trained_with("threads", "old")}).tables.at(0).caption,
             Contains("one kind of machine with one kind of arithmetic"));
  // Where all were trained elsewhere, too.
  CHECK_THAT(machines_of({base, there, there}).tables.at(0).caption,
             Contains("These trials mix machines: backend differ."));
}
