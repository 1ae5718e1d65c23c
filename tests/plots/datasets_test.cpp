// What a report says of the data that was scored: its files, the tasks' names, and over how many
// examples scores are means.
#include <catch2/catch.hpp>
#include <optional>

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

// Datasets with a trial of each name of the task.
struct NamedTask {
  std::string dataset, kind, name, file, read;  // read: as score.file
};

struct NamedTasks {
  explicit NamedTasks(const std::vector<NamedTask>& tasks) {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"s", "name: s\n", "models/tiny", std::string(64, 'c')});
    for (const NamedTask& task : tasks) {
      store.put_dataset({task.dataset, task.kind, "dev", task.file, {{"a", "p", "r"}}});
      TrialRecord trial;
      trial.trial = task.dataset + task.name;
      trial.sweep = "s";
      trial.task = task.name;
      trial.state = "done";
      trial.role = "scored";
      trial.method = "full";
      trial.dataset = task.dataset;
      trial.config = {{"score.file", task.read}, {"name", task.name}};
      store.put_trial(trial);
    }
  }
  std::string shown_by(TableSet (*make)(ReportData&)) const {
    ResultsReader results({folder.path()});
    const Findings findings;
    ReportData data(results, findings);
    return shown(make(data));
  }
  TemporaryFolder folder;
};

}  // namespace

TEST_CASE("the table of scored examples says over how many of a file's a score is a mean") {
  CHECK_THAT(datasets_of({3, 3}), Contains("MNLI | dev | dev.jsonl | 3 | 3 | \n"));
  CHECK_THAT(datasets_of({3, 2, 3}), Contains("MNLI | dev | dev.jsonl | 3 | 2 to 3 | \n"));
}

TEST_CASE("hashes are those of the files that were scored, under the tasks' names in the sweep") {
  const NamedTasks tasks({{"d1", "own", "pick", "dev.jsonl", "de:v:" + std::string(64, '1')},
                          {"d2", "own", "tell", "dev.jsonl", "dev:" + std::string(64, '2')},
                          {"d3", "mnli", "few", "m.jsonl", "m:" + std::string(64, '3')},
                          {"d3", "mnli", "mnli", "m.jsonl", "m:" + std::string(64, '3')},
                          // Fewer examples of one file: another dataset.
                          {"d4", "own", "pick", "dev.jsonl", "de:v:" + std::string(64, '1')},
                          {"d5", "wikisql", "wikisql", "dev.jsonl",
                           "dev:" + std::string(64, '4') + "+" + std::string(64, '5')}});
  CHECK(tasks.shown_by(&hash_tables) ==
        "base of sweep s | models/tiny | " + std::string(64, 'c') +
            " | \nscored WikiSQL | dev, dev.jsonl | " + std::string(64, '4') +
            " | \nscored WikiSQL | dev, dev.jsonl, the file beside it | " + std::string(64, '5') +
            " | \nscored few, MNLI | dev, m.jsonl | " + std::string(64, '3') +
            " | \nscored pick (own) | dev, dev.jsonl | " + std::string(64, '1') +
            " | \nscored tell (own) | dev, dev.jsonl | " + std::string(64, '2') + " | \n");
  CHECK_THAT(tasks.shown_by(&dataset_tables), Contains("few, MNLI | dev | m.jsonl | 1 | ") &&
                                                  Contains("pick (own) | dev | dev.jsonl | 1 | ") &&
                                                  Contains("tell (own) | dev | dev.jsonl | 1 | "));
}
