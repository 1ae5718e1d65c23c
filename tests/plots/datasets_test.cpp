// Over how many examples scores are means.
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

// Of a file of three examples, and trials that were scored on so many of them.
std::string datasets_of(const std::vector<std::int64_t>& counts) {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"s", "name: s\n", "models/tiny", std::string(64, 'c')});
    DatasetRecord dataset{"d", "mnli", "dev", "dev.jsonl", {}};
    for (const char* id : {"a", "b", "c"}) dataset.examples.push_back({id, "p", "r"});
    store.put_dataset(dataset);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      TrialRecord trial;
      trial.trial = "t" + std::to_string(i);
      trial.sweep = "s";
      trial.task = "mnli";
      trial.state = "done";
      trial.role = "scored";
      trial.method = "full";
      trial.dataset = "d";
      trial.metrics = {{"accuracy", 0.5, {}, counts[i], "ok"}, {"parsed", 1.0, {}, 1, "ok"}};
      store.put_trial(trial);
    }
  }
  ResultsReader results({folder.path()});
  Findings findings;
  ReportData data(results, findings);
  return shown(dataset_tables(data));
}

}  // namespace

TEST_CASE("the table of scored examples says over how many of a file's a score is a mean") {
  CHECK_THAT(datasets_of({3, 3}), Contains("MNLI | dev | dev.jsonl | 3 | 3 | \n"));
  CHECK_THAT(datasets_of({3, 2, 3}), Contains("MNLI | dev | dev.jsonl | 3 | 2 to 3 | \n"));
}
