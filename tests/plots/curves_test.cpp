// Learning curves of a sweep of hand-made trials.
#include <catch2/catch.hpp>
#include <map>

#include "plots/figures/makers.h"
#include "plots/report_data.h"
#include "results/cells.h"
#include "results/store.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

// Of one trained trial of each task, of all its examples.
FigureSet curves_of(const std::vector<std::string>& tasks) {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"s", "name: s\n", "models/tiny", std::string(64, 'c')});
    for (const std::string& task : tasks) {
      TrialRecord trial;
      trial.trial = trial.task = task;
      trial.sweep = "s";
      trial.state = "done";
      trial.role = "scored";
      trial.method = "full";
      trial.steps = 2;
      trial.curve = {{1, 3.0, 1e-2, 0.5, 100, 10, {}}, {2, 2.0, 1e-2, 0.5, 100, 10, {}}};
      store.put_trial(trial);
    }
  }
  ResultsReader results({folder.path()});
  Findings findings;
  for (const Row& row : results.rows("SELECT setting, task FROM trials")) {
    ScoreFinding score;
    score.sweep = "s";
    score.setting = text_in(row[0]);
    score.task = text_in(row[1]);
    score.train_examples = kAllExamples;
    findings.scores.push_back(std::move(score));
  }
  ReportData data(results, findings);
  return learning_curve_figures(data);
}

}  // namespace

TEST_CASE("the data of learning curves says \"all\" of trainings on every example") {
  const FigureSet set = curves_of({"mnli"});
  REQUIRE(set.figures.size() == 1);
  const DataGrid& data = set.figures[0].data;
  REQUIRE(data.columns.back() == "examples");
  REQUIRE(data.rows.size() == 2);
  for (const Row& row : data.rows) CHECK(row.back() == Cell("all"));
}

TEST_CASE("tasks whose learning curves are not drawn are named") {
  const FigureSet four = curves_of({"mnli", "samsum", "wikisql", "a"});
  REQUIRE(four.figures.size() == 4);
  CHECK_THAT(four.figures.back().caption, !Contains("Not drawn"));
  const FigureSet six = curves_of({"mnli", "samsum", "wikisql", "a", "b", "c"});
  REQUIRE(six.figures.size() == 4);
  CHECK_THAT(six.figures.back().caption, Contains("Not drawn: b, c; the view learning_curves has"));
}
