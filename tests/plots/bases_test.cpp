// What a report on several bases draws of each, what confusion matrices leave out, and how labels
// are cut to their places.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>

#include "plots/figures/makers.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "results/store.h"
#include "tests/plots/sample.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

// The rows of the learning curves and confusion matrices on these folders, by the figures' titles.
std::map<std::string, std::vector<Row>> rows_of_figures(
    const std::vector<std::filesystem::path>& folders) {
  ResultsReader results(folders);
  const Findings findings = findings_of(results);
  ReportData data(results, findings);
  std::map<std::string, std::vector<Row>> rows;
  for (const FigureSet& set : {learning_curve_figures(data), confusion_figures(data)})
    for (const Figure& figure : set.figures) {
      INFO(figure.title);
      // Sweeps of one name are told apart by their folders where they stand together.
      std::vector<Row> cells = figure.data.rows;
      const auto sweep = std::ranges::find(figure.data.columns, "sweep");
      if (sweep != figure.data.columns.end())
        for (Row& row : cells) row.erase(row.begin() + (sweep - figure.data.columns.begin()));
      CHECK(rows.emplace(figure.title, std::move(cells)).second);
    }
  return rows;
}

// Means may have been summed up in another order.
bool nearly_equal(const std::vector<Row>& a, const std::vector<Row>& b) {
  return std::ranges::equal(a, b, [](const Row& x, const Row& y) {
    return std::ranges::equal(x, y, [](const Cell& one, const Cell& other) {
      const double* const number = std::get_if<double>(&one);
      const double* const second = std::get_if<double>(&other);
      if (number == nullptr || second == nullptr) return one == other;
      return std::abs(*number - *second) < 1e-9;
    });
  });
}

}  // namespace

TEST_CASE("each base has learning curves and confusion matrices of its own, as in its own report") {
  TemporaryFolder whole, half;
  fill_report_sample(whole / "results.db", SampleKind::kWhole);
  fill_report_sample(half / "results.db", SampleKind::kHalf);
  const std::pair<std::filesystem::path, std::string> bases[] = {{whole.path(), "models/one"},
                                                                 {half.path(), "models/two"}};
  for (const auto& [folder, base] : bases)
    Store::open(folder / "results.db")
        .put_sweep({"sweep " + kHostile, "name: s\n", base, base + std::string(54, 'c')});
  const auto together = rows_of_figures({whole.path(), half.path()});
  std::size_t expected = 0;
  for (const auto& [folder, base] : bases) {
    const auto alone = rows_of_figures({folder});
    CHECK(alone.contains("Learning curves: MNLI"));
    CHECK(alone.contains("Confusion matrix: MNLI"));
    expected += alone.size();
    for (const auto& [title, rows] : alone) {
      INFO(title + " on " + base);
      REQUIRE(together.contains(title + " on " + base));
      CHECK(nearly_equal(together.at(title + " on " + base), rows));
    }
  }
  CHECK(together.size() == expected);
}

TEST_CASE("a long label of a confusion matrix is cut behind a whole character") {
  // Three bytes each: a cut after seven would fall into the third.
  const std::string entailed = "含意である", opposed = "矛盾である";
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"s", "name: s\n", "models/one", std::string(64, 'c')});
    store.put_dataset({.dataset = "d",
                       .task = "mnli",
                       .split = "dev",
                       .file = "dev.jsonl",
                       .examples = {{"e0", "p", entailed}, {"e1", "p", opposed}}});
    TrialRecord trial;
    trial.trial = "t";
    trial.sweep = "s";
    trial.group = "g";
    trial.state = "done";
    trial.role = "scored";
    trial.method = "none";
    trial.task = "mnli";
    trial.config = {{"method", "none"}};
    trial.dataset = "d";
    trial.predictions = {{"e0", entailed, {{"accuracy", 1.0}}},
                         {"e1", entailed, {{"accuracy", 0.0}}}};
    trial.metrics = {{"accuracy", 0.5, 0.1, 2, "ok"}};
    store.put_trial(trial);
  }
  ResultsReader results({folder.path()});
  const Findings findings = findings_of(results);
  ReportData data(results, findings);
  const FigureSet set = confusion_figures(data);
  REQUIRE(set.figures.size() == 1);
  const Figure& figure = set.figures.front();
  CHECK_THAT(figure.script, Contains("'含意.' 1") && Contains("'矛盾.' 2"));
  // One base needs no name.
  CHECK(figure.title == "Confusion matrix: MNLI");
  // The data has the labels whole.
  const std::string csv = figure_csv(figure);
  CHECK_THAT(csv, Contains(entailed) && Contains(opposed));
}

TEST_CASE("bases of equal folder names have names, curves and costs of their own") {
  TemporaryFolder one, other;
  const std::pair<const TemporaryFolder*, std::string> sweeps[] = {{&one, "/a/x/base"},
                                                                   {&other, "/b/x/base"}};
  for (const auto& [folder, base] : sweeps) {
    fill_report_sample(*folder / "results.db", SampleKind::kWhole);
    Store::open(*folder / "results.db")
        .put_sweep({"sweep " + kHostile, "name: s\n", base, base + std::string(55, 'c')});
  }
  ResultsReader results({one.path(), other.path()});
  const Findings findings;
  ReportData data(results, findings);
  std::set<std::string> titles;
  for (const Figure& figure : learning_curve_figures(data).figures) titles.insert(figure.title);
  CHECK(titles.contains("Learning curves: MNLI on a/x/base"));
  CHECK(titles.contains("Learning curves: MNLI on b/x/base"));
  const Table costs = cost_tables(data).tables.at(0);
  CHECK(costs.columns.front().title == "base");
  std::map<std::string, int> rows;
  for (const auto& row : costs.rows) ++rows[row.front().text];
  CHECK(rows.size() == 2);
  CHECK(rows["a/x/base"] == rows["b/x/base"]);
}

TEST_CASE("a confusion matrix names the methods that it does not draw") {
  TemporaryFolder folder;
  fill_report_sample(folder / "results.db", SampleKind::kWhole);
  ResultsReader results({folder.path()});
  const Findings findings = findings_of(results);
  ReportData data(results, findings);
  const FigureSet set = confusion_figures(data);
  REQUIRE_FALSE(set.figures.empty());
  CHECK_THAT(set.figures.front().caption,
             Contains("Not drawn: BitFit; the view predictions_scored has all."));
}

TEST_CASE("predictions are shown of each base's best, and name the base") {
  TemporaryFolder one, other;
  const std::pair<const TemporaryFolder*, std::string> sweeps[] = {{&one, "models/one"},
                                                                   {&other, "models/two"}};
  for (const auto& [folder, base] : sweeps) {
    fill_report_sample(*folder / "results.db", SampleKind::kWhole);
    Store::open(*folder / "results.db")
        .put_sweep({"sweep " + kHostile, "name: s\n", base, base + std::string(54, 'c')});
  }
  ResultsReader results({one.path(), other.path()});
  const Findings findings = findings_of(results);
  ReportData data(results, findings);
  const Table table = example_tables(data).tables.at(0);
  std::set<std::string> tasks, stored;
  for (const auto& row : table.rows) tasks.insert(row.front().text);
  REQUIRE(table.data.columns.back() == "base");
  for (const Row& row : table.data.rows) stored.insert(std::get<std::string>(row.back()));
  CHECK(stored.size() == 2);
  for (const std::string& base : stored) {
    CHECK(tasks.contains("MNLI on " + base));
    CHECK_THAT(table.caption, Contains(" on " + base + ": "));
  }
}
