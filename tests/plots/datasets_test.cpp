// What a report says of the data that was scored: its files, the tasks' names, and over how many
// examples scores are means.
#include <catch2/catch.hpp>

#include "plots/report_data.h"
#include "plots/scored_datasets.h"
#include "plots/tables/makers.h"
#include "results/cells.h"
#include "results/store.h"
#include "tests/plots/given.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

// Of a file of three examples, and trials that were scored on so many of them by exact match, which
// is what is shown, and on all by ROUGE-1.
std::string datasets_of(const std::vector<std::int64_t>& counts) {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"s", "name: s\n", "models/tiny", std::string(64, 'c')});
    DatasetRecord dataset{"d", "mnli", "dev", "dev.jsonl", {}};
    for (const char* id : {"a", "b", "c"}) dataset.examples.push_back({id, "p", "r"});
    store.put_dataset(dataset);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      TrialRecord trial = finished_trial("t" + std::to_string(i));
      trial.dataset = "d";
      trial.metrics = {{"exact", 0.5, {}, counts[i], "ok"}, {"rouge1", 1.0, {}, 3, "ok"}};
      store.put_trial(trial);
    }
  }
  ResultsReader results({folder.path()});
  Findings findings;
  for (const Row& row : results.rows("SELECT DISTINCT setting FROM trials")) {
    ScoreFinding score;
    score.sweep = "s";
    score.setting = text_in(row[0]);
    score.metric = "exact";
    score.headline = true;
    findings.scores.push_back(score);
    score.metric = "rouge1";
    score.headline = false;
    findings.scores.push_back(score);
  }
  ReportData data(results, findings);
  const std::vector<ScoredDataset> datasets = scored_datasets(data);
  return dataset_label(datasets.at(0), examples_text(datasets[0])) + "\n" +
         shown(dataset_tables(data));
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

TEST_CASE("scored examples are those of the metric that is shown, where others have more") {
  CHECK(datasets_of({3, 3}) ==
        "MNLI (3 examples)\nMNLI | dev | dev.jsonl | 3 | exact match | 3 | \n");
  CHECK(
      datasets_of({2, 2}) ==
      "MNLI (3 examples, 2 scored by exact match)\nMNLI | dev | dev.jsonl | 3 | exact match | 2 | "
      "\n");
  CHECK(datasets_of({3, 2, 3}) ==
        "MNLI (3 examples, 2 to 3 scored by exact match)\nMNLI | dev | dev.jsonl | 3 | exact match "
        "| 2 to 3 | \n");
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

TEST_CASE("numbers in tasks' names count as numbers where they are listed") {
  std::vector<NamedTask> all;
  for (const char* name : {"mnli_1000", "mnli_100", "mnli_500"})
    all.push_back({"d", "mnli", name, "m.jsonl", "m:" + std::string(64, '3')});
  CHECK_THAT(NamedTasks(all).shown_by(&dataset_tables),
             Contains("mnli_100, mnli_500, mnli_1000 (MNLI) | dev | m.jsonl | 1 | "));
}

TEST_CASE("tasks whose scored examples are trained on are named, of a copy of the file too") {
  const std::string one(64, '1'), other(64, '2'), tables = "+" + std::string(64, '3');
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"s", "name: s\n", "models/tiny", std::string(64, 'c')});
    store.put_dataset({"d", "own", "dev", "dev.jsonl", {{"a", "p", "r"}}});
    const auto add = [&](const std::string& task, const std::string& train_file,
                         const std::string& train_range, const std::string& score_range) {
      TrialRecord trial = finished_trial(task);
      trial.task = task;
      trial.dataset = "d";
      const auto read = [&](const std::string& side, const std::string& range) {
        trial.config[side + ".skip"] = range.substr(0, range.find(' '));
        trial.config[side + ".limit"] = range.substr(range.find(' ') + 1);
      };
      read("score", score_range);
      trial.config["score.file"] = "dev:" + one + tables;
      if (!train_file.empty()) {
        read("train", train_range);
        trial.config["train.file"] = train_file;
      }
      store.put_trial(trial);
    };
    add("base", "", "", "0 0");
    add("another", "dev:" + other + tables, "0 0", "0 0");
    add("behind", "dev:" + one + tables, "8 0", "0 8");
    add("before", "dev:" + one + tables, "0 8", "8 4");
    add("copy", "train:" + one + tables, "0 0", "0 8");
    add("part", "dev:" + one + tables, "7 2", "0 8");
  }
  ResultsReader results({folder.path()});
  const Findings findings;
  ReportData data(results, findings);
  CHECK(tasks_scored_on_training(data) ==
        std::vector<std::string>{"copy (sweep s)", "part (sweep s)"});
  CHECK_THAT(dataset_tables(data).tables.at(0).caption,
             Contains("Trained on, too, are examples of copy (sweep s), part (sweep s)."));
}
