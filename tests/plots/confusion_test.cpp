// Confusion matrices of hand-made predictions.
#include <catch2/catch.hpp>
#include <map>
#include <regex>

#include "plots/figures/makers.h"
#include "plots/report_data.h"
#include "results/cells.h"
#include "results/store.h"
#include "tests/plots/sample.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

// Of the base's answers, one for each label, of which all but `right` are wrong.
Figure confusion_of(const std::vector<std::string>& labels, const std::vector<std::string>& answers,
                    const std::map<std::string, std::string>& label_words, std::size_t right) {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"s", "name: s\n", "models/one", std::string(64, 'c')});
    DatasetRecord dataset{"d", "mnli", "dev", "dev.jsonl", {}};
    TrialRecord trial;
    trial.trial = "t";
    trial.sweep = "s";
    trial.state = "done";
    trial.role = "scored";
    trial.method = "none";
    trial.task = "mnli";
    trial.config = {{"method", "none"}};
    trial.dataset = "d";
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const std::string id = "e" + std::to_string(i);
      dataset.examples.push_back({id, "p", labels[i]});
      trial.predictions.push_back({id, answers[i], {{"accuracy", i == right ? 1.0 : 0.0}}});
    }
    trial.metrics = {{"accuracy", 0.5, 0.1, 3, "ok"}};
    store.put_dataset(dataset);
    store.put_trial(trial);
  }
  ResultsReader results({folder.path()});
  Findings findings = findings_of(results);
  for (ScoreFinding& score : findings.scores) score.label_words = label_words;
  ReportData data(results, findings);
  return confusion_figures(data).figures.at(0);
}

int panel_width(const Figure& figure) {
  std::smatch left, right;
  REQUIRE(std::regex_search(figure.script, left, std::regex("lmargin at screen ([0-9.]+)")));
  REQUIRE(std::regex_search(figure.script, right, std::regex("rmargin at screen ([0-9.]+)")));
  return static_cast<int>((std::stod(right[1]) - std::stod(left[1])) * figure.width + 0.5);
}

}  // namespace

TEST_CASE("an answer is the label that its word stands for, though none with it is right") {
  const std::map<std::string, std::string> words = {
      {"true", "entailment"}, {"neither", "neutral"}, {"false", "contradiction"}};
  const Figure figure = confusion_of({"entailment", "contradiction", "neutral"},
                                     {" true", " neither", " dunno"}, words, 0);
  std::map<std::pair<std::string, std::string>, std::int64_t> counts;
  const auto column = [&](const char* name) {
    const auto found = std::ranges::find(figure.data.columns, name);
    REQUIRE(found != figure.data.columns.end());
    return static_cast<std::size_t>(found - figure.data.columns.begin());
  };
  for (const Row& row : figure.data.rows)
    if (const auto count = integer_in(row.at(column("predictions"))).value_or(0); count > 0)
      counts[{text_in(row.at(column("expected"))), text_in(row.at(column("predicted")))}] = count;
  CHECK(counts == std::map<std::pair<std::string, std::string>, std::int64_t>{
                      {{"entailment", "entailment"}, 1},
                      {{"contradiction", "neutral"}, 1},
                      {{"neutral", "other"}, 1}});
}

TEST_CASE("the panel of a confusion matrix is as wide as the names of its columns need") {
  const std::vector<std::string> labels = {"entailment", "contradiction", "neutral", "undecided"};
  const auto width_of = [&](std::size_t count) {
    const std::vector<std::string> some(
        labels.begin(),
        labels.begin() + std::ssize(labels) - static_cast<std::ptrdiff_t>(labels.size() - count));
    return panel_width(confusion_of(some, some, {}, 0));
  };
  CHECK(width_of(2) == 200);
  // Nine characters of eight pixels each, and something between the names.
  CHECK(width_of(4) >= 4 * 9 * 8);
}
