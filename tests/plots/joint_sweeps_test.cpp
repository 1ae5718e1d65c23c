// Sweeps that share their trials' names, as where one file was run on two machines, read together:
// each keeps its own.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "plots/figures/makers.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "results/cells.h"
#include "results/store.h"
#include "tests/plots/given.h"
#include "tests/plots/sample.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

// Two ranks of two seeds with all that the figures of adapters show, of which every number is
// another than that of a sweep with another `shift`.
void fill_shifted(const std::filesystem::path& db, const std::string& name, float shift) {
  Store store = Store::open(db);
  store.put_sweep({name, "name: " + name + "\n", "models/" + name, name + std::string(60, 'c')});
  store.put_dataset({"d", "wikisql", "dev", "dev.jsonl", {{"e0", "asked", "right"}}});
  const auto trial_name = [](std::int64_t rank, std::int64_t seed) {
    return "r" + std::to_string(rank) + "-" + std::to_string(seed);
  };
  const auto put_pair = [&](const std::string& one, std::int64_t rows, const std::string& other,
                            const std::string& relation, std::int64_t cols) {
    SimilarityRecord pair{
        .one = one, .other = other, .relation = relation, .stamp = "s", .sites = {}};
    for (const int layer : {0, 1}) {
      SiteSimilarity similarity;
      similarity.layer = layer;
      similarity.site = "Wq";
      similarity.directions = "a";
      similarity.rows = rows;
      similarity.cols = cols;
      similarity.dimension = 32;
      similarity.phi.assign(static_cast<std::size_t>(rows * cols), 0.25F + shift);
      pair.sites.push_back(similarity);
    }
    store.put_similarity(pair);
  };
  for (const std::int64_t rank : {2, 4})
    for (const std::int64_t seed : {1, 2}) {
      TrialRecord t = finished_trial(trial_name(rank, seed));
      t.sweep = name;
      t.group = "g";
      t.method = "lora";
      t.task = "wikisql";
      t.targets = "Wq";
      t.rank = rank;
      t.seed = seed;
      t.trainable_parameters = 100 * rank;
      t.dataset = "d";
      t.config = {{"settings.rank", std::to_string(rank)}, {"seed", std::to_string(seed)}};
      t.predictions = {{"e0", "from " + name, {{"logical_form", 0.0}}}};
      t.metrics = {{"logical_form", 0.5, 0.1, 1, "ok"}};
      store.put_trial(t);
      AdapterFindings record{.trial = t.trial, .stamp = "s", .values = {}, .spectra = {}};
      for (const int layer : {0, 1}) {
        record.values.push_back({layer, "Wq", "effective_rank", 1.0, ""});
        record.spectra.push_back({layer, "Wq", {2.0 + shift, 1.0 + shift}});
      }
      store.put_adapter(record);
      put_pair(t.trial, rank, "base", "base", 4);
    }
  for (const std::int64_t seed : {1, 2})
    put_pair(trial_name(2, seed), 2, trial_name(4, seed), "ranks", 4);
  for (const std::int64_t rank : {2, 4})
    put_pair(trial_name(rank, 1), rank, trial_name(rank, 2), "seeds", rank);
}

// The CSVs of the figures that read stored matrices and spectra, by title; titles end in the sweep.
std::map<std::string, std::string> figures_on(const std::vector<std::filesystem::path>& folders) {
  ResultsReader results(folders);
  const Findings findings = findings_of(results);
  ReportData data(results, findings);
  std::map<std::string, std::string> by_title;
  for (const FigureSet& set :
       {between_ranks_figures(data), between_seeds_figures(data), between_ranks_layer_figures(data),
        between_seeds_layer_figures(data), base_figures(data), spectrum_figures(data)})
    for (const Figure& figure : set.figures) {
      std::string title = figure.title;
      // A report on one base does not name it.
      if (const std::size_t at = title.find(" on models/"); at != std::string::npos)
        title.erase(at, title.find(" (sweep") - at);
      by_title[title] = figure_csv(figure);
    }
  return by_title;
}

std::size_t column_of(const DataGrid& grid, const std::string& name) {
  const auto found = std::ranges::find(grid.columns, name);
  REQUIRE(found != grid.columns.end());
  return static_cast<std::size_t>(found - grid.columns.begin());
}

// What the examples' table shows, by sweep's base.
std::map<std::string, std::vector<std::string>> predictions_on(
    const std::vector<std::filesystem::path>& folders) {
  ResultsReader results(folders);
  const Findings findings = findings_of(results);
  ReportData data(results, findings);
  const DataGrid grid = example_tables(data).tables.at(0).data;
  const std::size_t prediction = column_of(grid, "prediction"), base = column_of(grid, "base");
  std::map<std::string, std::vector<std::string>> by_base;
  for (const Row& row : grid.rows)
    by_base[text_in(row.at(base))].push_back(text_in(row.at(prediction)));
  return by_base;
}

}  // namespace

TEST_CASE("of sweeps whose trials have the same names each figure and example is its own sweep's") {
  TemporaryFolder one, other;
  fill_shifted(one / "results.db", "one", 0);
  fill_shifted(other / "results.db", "two", 0.5F);
  const std::vector<std::filesystem::path> both{one.path(), other.path()};
  const auto together = figures_on(both);
  CHECK(together.size() == 12);
  std::size_t alone = 0;
  for (const std::filesystem::path& folder : both)
    for (const auto& [title, csv] : figures_on({folder})) {
      INFO(title);
      REQUIRE(together.contains(title));
      CHECK(together.at(title) == csv);
      ++alone;
    }
  CHECK(alone == together.size());

  const auto predicted = predictions_on(both);
  CHECK(predicted.size() == 2);
  for (const auto& [base, predictions] : predicted)
    CHECK(predictions == std::vector<std::string>{"from " + base.substr(base.find('/') + 1)});
}

TEST_CASE("Figure 2 tells one setting in two sweeps apart, and draws the base as each scored it") {
  TemporaryFolder one, other;
  fill_shifted(one / "results.db", "one", 0);
  fill_shifted(other / "results.db", "two", 0);
  ResultsReader results({one.path(), other.path()});
  Findings findings;
  for (const char* sweep : {"one", "two"}) {
    const bool first = std::string(sweep) == "one";
    for (ScoreFinding s :
         {score("wikisql", "none", "", {}, 0, first ? 12 : 15),
          score("wikisql", "lora", "Wq", 1, 100, 20), score("wikisql", "lora", "Wq", 8, 800, 30)}) {
      s.sweep = sweep;
      s.train_examples = first ? 1000 : kAllExamples;
      if (first) s.seeds = {1};
      findings.scores.push_back(std::move(s));
    }
  }
  ReportData data(results, findings);
  const Figure figure = parameter_figures(data).figures.at(0);
  const std::size_t source = column_of(figure.data, "source"),
                    sweep = column_of(figure.data, "sweep"),
                    examples = column_of(figure.data, "train_examples"),
                    seeds = column_of(figure.data, "seeds"),
                    method = column_of(figure.data, "method");
  std::map<std::string, int> points;
  std::map<std::string, double> base;  // by sweep
  for (const Row& row : figure.data.rows) {
    if (row.at(source) != Cell("measured")) {
      CHECK(text_in(row.at(sweep)).empty());
      continue;
    }
    if (row.at(method) == Cell("none")) {
      base[text_in(row.at(sweep))] = number_in(row.at(column_of(figure.data, "mean"))).value();
      continue;
    }
    const bool first = text_in(row.at(sweep)) == "one";
    CHECK(row.at(examples) == (first ? Cell(std::int64_t{1000}) : Cell("all")));
    CHECK(integer_in(row.at(seeds)) == (first ? 1 : 3));
    ++points[text_in(row.at(sweep))];
  }
  CHECK(points == std::map<std::string, int>{{"one", 2}, {"two", 2}});
  CHECK(base == std::map<std::string, double>{{"one", 12}, {"two", 15}});
  CHECK_THAT(
      figure.caption,
      Contains("WikiSQL, logical form 12.0 (sweep one) and 15.0 (sweep two).") &&
          Contains("Measured in the sweeps one and two; the CSV has the sweep of each point."));
  CHECK_THAT(figure.script, Contains("first 12 to") && Contains("first 15 to"));
}

TEST_CASE("confusion matrices and examples of several sweeps name theirs") {
  TemporaryFolder one, other;
  for (const TemporaryFolder* folder : {&one, &other})
    fill_report_sample(*folder / "results.db", SampleKind::kWhole);
  for (const bool several : {true, false}) {
    INFO(several);
    std::vector<std::filesystem::path> folders{one.path()};
    if (several) folders.push_back(other.path());
    ResultsReader results(folders);
    const Findings findings = findings_of(results);
    ReportData data(results, findings);
    const Figure confusion = confusion_figures(data).figures.at(0);
    const Table examples = example_tables(data).tables.at(0);
    for (const std::string& caption : {confusion.caption, examples.caption})
      CHECK((caption.find(" (sweep sweep ") != std::string::npos) == several);
    for (const DataGrid* grid : {&confusion.data, &examples.data}) {
      const std::size_t sweep = column_of(*grid, "sweep");
      REQUIRE_FALSE(grid->rows.empty());
      for (const Row& row : grid->rows) CHECK_THAT(text_in(row.at(sweep)), Contains("sweep "));
    }
  }
}
