// Learning curves of sweeps of hand-made trials, their searches and what failed.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <regex>
#include <set>
#include <string_view>

#include "plots/figures/makers.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
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

namespace {

// A trained setting of one task, its learning curve a line of two steps.
struct TrainedSetting {
  std::string sweep, method, size;
  std::optional<std::int64_t> rank;
};

Figure curves_of_settings(const std::vector<TrainedSetting>& settings) {
  std::map<std::string, TemporaryFolder> folders;  // by sweep
  std::map<std::pair<std::string, std::string>, std::string> sizes;
  for (const TrainedSetting& s : settings) {
    Store store = Store::open(folders[s.sweep] / "results.db");
    store.put_sweep({s.sweep, "name: s\n", "models/tiny", std::string(64, 'c')});
    TrialRecord trial;
    trial.trial = s.sweep + s.method + s.size + std::to_string(s.rank.value_or(0));
    trial.task = "mnli";
    trial.sweep = s.sweep;
    trial.state = "done";
    trial.role = "scored";
    trial.method = s.method;
    trial.rank = s.rank;
    trial.config = {{"method", s.method}, {"size", s.size}, {"of", s.sweep}};
    if (s.rank) trial.config["settings.rank"] = std::to_string(*s.rank);
    trial.steps = 2;
    trial.curve = {{1, 3.0, 1e-2, 0.5, 100, 10, {}}, {2, 2.0, 1e-2, 0.5, 100, 10, {}}};
    store.put_trial(trial);
    sizes[{s.sweep, trial.trial}] = s.size;
  }
  std::vector<std::filesystem::path> paths;
  for (const auto& [sweep, folder] : folders) paths.push_back(folder.path());
  ResultsReader results(paths);
  Findings findings;
  for (const Row& row : results.rows("SELECT setting, sweep, trial FROM trials")) {
    ScoreFinding score;
    score.setting = text_in(row[0]);
    score.sweep = text_in(row[1]);
    score.size = sizes.at({score.sweep, text_in(row[2])});
    findings.scores.push_back(std::move(score));
  }
  ReportData data(results, findings);
  return learning_curve_figures(data).figures.at(0);
}

// The colours of the lines in the order in which they are drawn, bands left out.
std::vector<std::string> line_colours(const std::string& script) {
  constexpr std::string_view kLine = "with lines lw 1.7 lc rgb '";
  std::vector<std::string> colours;
  for (std::size_t at = 0; (at = script.find(kLine, at)) != std::string::npos; at += kLine.size())
    colours.push_back(script.substr(at + kLine.size(), 7));
  return colours;
}

}  // namespace

TEST_CASE("learning curves of one method in several sizes have colours, a legend and a column") {
  const Figure sizes = curves_of_settings({{"s", "adapter_h", "bottleneck 8", {}},
                                           {"s", "adapter_h", "bottleneck 1", {}},
                                           {"s", "adapter_h", "bottleneck 64", {}}});
  const std::vector<std::string> colours = line_colours(sizes.script);
  REQUIRE(colours.size() == 3);
  CHECK(std::set<std::string>(colours.begin(), colours.end()).size() == 3);
  const std::size_t first = sizes.script.find("title 'bottleneck 1'"),
                    second = sizes.script.find("title 'bottleneck 8'"),
                    third = sizes.script.find("title 'bottleneck 64'");
  CHECK((first < second && second < third && third != std::string::npos));
  const auto at = std::ranges::find(sizes.data.columns, "size");
  REQUIRE(at != sizes.data.columns.end());
  std::set<std::string> stored;
  for (const Row& row : sizes.data.rows)
    stored.insert(text_in(row[static_cast<std::size_t>(at - sizes.data.columns.begin())]));
  CHECK(stored == std::set<std::string>{"bottleneck 1", "bottleneck 64", "bottleneck 8"});

  const Figure ranks = curves_of_settings({{"s", "dora", "", 1}, {"s", "dora", "", 8}});
  const std::vector<std::string> of_ranks = line_colours(ranks.script);
  REQUIRE(of_ranks.size() == 2);
  CHECK(of_ranks[0] != of_ranks[1]);
  CHECK_THAT(ranks.script, Contains("title 'r = 1'") && Contains("title 'r = 8'"));
}

TEST_CASE("the legend of learning curves names the method where two have one size") {
  const Figure figure = curves_of_settings({{"s", "prefix_embed", "prefix 8, infix 8", {}},
                                            {"s", "prefix_embed", "prefix 64, infix 8", {}},
                                            {"s", "prefix_layer", "prefix 8, infix 8", {}},
                                            {"s", "lora", "", 8}});
  for (const char* label : {"PrefixEmbed, prefix 8, infix 8", "PrefixEmbed, prefix 64, infix 8",
                            "PrefixLayer, prefix 8, infix 8", "r = 8"})
    CHECK_THAT(figure.script, Contains("title '" + std::string(label) + "'"));
  CHECK_THAT(figure.script, !Contains("title 'prefix"));
}

TEST_CASE("learning curves of two sweeps have panels of their own, which name them") {
  const Figure figure = curves_of_settings({{"a", "lora", "", 8}, {"b", "lora", "", 8}});
  CHECK_THAT(figure.script, Contains("'LoRA (a)'") && Contains("'LoRA (b)'"));
  std::set<std::pair<std::int64_t, std::string>> panels;
  const auto at = std::ranges::find(figure.data.columns, "sweep") - figure.data.columns.begin();
  REQUIRE(at < std::ssize(figure.data.columns));
  for (const Row& row : figure.data.rows)
    panels.emplace(integer_in(row[0]).value_or(-1), text_in(row[static_cast<std::size_t>(at)]));
  CHECK(panels == std::set<std::pair<std::int64_t, std::string>>{{0, "a"}, {1, "b"}});
}

TEST_CASE("where learning curves have too many panels every method has one before any a second") {
  std::vector<TrainedSetting> settings;
  const std::vector<std::string> methods = {"full",         "bitfit",    "prefix_embed",
                                            "prefix_layer", "adapter_h", "lora"};
  for (const char* sweep : {"a", "b", "c"})
    for (const std::string& method : methods) settings.push_back({sweep, method, "", {}});
  const Figure figure = curves_of_settings(settings);
  std::map<std::int64_t, std::pair<std::string, std::string>> panels;  // method and sweep
  const auto column = [&](const char* name) {
    return static_cast<std::size_t>(std::ranges::find(figure.data.columns, name) -
                                    figure.data.columns.begin());
  };
  for (const Row& row : figure.data.rows)
    panels[integer_in(row[0]).value_or(-1)] = {text_in(row.at(column("method"))),
                                               text_in(row.at(column("sweep")))};
  CHECK(panels.size() == 9);
  std::map<std::string, int> of_method;
  for (const auto& [at, panel] : panels) ++of_method[panel.first];
  // LoRA and full fine-tuning are the first to have a second.
  CHECK(of_method.size() == methods.size());
  CHECK(of_method["lora"] == 2);
  CHECK(of_method["full"] == 2);
  CHECK_THAT(figure.caption, Contains("9 of 18 panels are drawn, LoRA's first one, then"));
  settings.resize(9);
  CHECK_THAT(curves_of_settings(settings).caption, !Contains("panels are drawn"));
}

namespace {

TrialRecord trial_of_one_step(const std::string& method, const std::string& targets, double loss) {
  TrialRecord trial;
  trial.trial = method + std::to_string(loss);
  trial.task = "mnli";
  trial.sweep = "s";
  trial.state = "done";
  trial.role = "scored";
  trial.method = method;
  trial.targets = targets;
  trial.steps = 1;
  trial.curve = {{1, loss, 1e-2, 0.5, 100, 10, {}}};
  return trial;
}

}  // namespace

TEST_CASE("the band over seeds lies within the frame of learning curves") {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"s", "name: s\n", "models/tiny", std::string(64, 'c')});
    for (const double loss : {0.01, 1.0, 100.0})
      store.put_trial(trial_of_one_step("full", "", loss));
  }
  ResultsReader results({folder.path()});
  const Findings findings;
  ReportData data(results, findings);
  const std::string script = learning_curve_figures(data).figures.at(0).script;
  std::smatch range;
  REQUIRE(std::regex_search(script, range, std::regex("yrange \\[([^:]+):([^\\]]+)\\]")));
  CHECK(std::stod(range[1]) < 0.01);
  CHECK(std::stod(range[2]) > 100);
}

TEST_CASE("panels of learning curves are as wide as their titles need") {
  const auto width_with = [](const std::string& method, const std::string& targets) {
    TemporaryFolder folder;
    {
      Store store = Store::open(folder / "results.db");
      store.put_sweep({"s", "name: s\n", "models/tiny", std::string(64, 'c')});
      store.put_trial(trial_of_one_step(method, targets, 0.5));
    }
    ResultsReader results({folder.path()});
    const Findings findings;
    ReportData data(results, findings);
    return learning_curve_figures(data).figures.at(0).width;
  };
  CHECK(width_with("lora+prefix_embed", "Wq+Wk+Wv+Wo+W1+W2+W3") > width_with("lora", "Wq"));
}

TEST_CASE("what failed or diverged is named with its size, and its attempts where it was tried") {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"s", "name: s\n", "models/tiny", std::string(64, 'c')});
    TrialRecord trial;
    trial.trial = trial.task = "t";
    trial.sweep = "s";
    trial.state = "failed";
    trial.role = "tuning";
    trial.method = "adapter_h";
    trial.config = {{"settings.bottleneck", "64"}};
    store.put_trial(trial);
    trial.trial = "tried";
    trial.attempts = 3;
    store.put_trial(trial);
  }
  ResultsReader results({folder.path()});
  const Findings findings;
  ReportData data(results, findings);
  const Table table = failure_tables(data).tables.at(0);
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0].at(1).text == "Adapter(H), bottleneck 64 (tuning)");
  CHECK(table.rows[0].at(4).text == "failed");
  CHECK(table.rows[1].at(4).text == "failed after 3 attempts");
}

TEST_CASE("a search names its sweep in a report on several") {
  TemporaryFolder folders[2];
  const std::string sweeps[] = {"a", "b"};
  for (std::size_t i = 0; i < 2; ++i) {
    Store store = Store::open(folders[i] / "results.db");
    store.put_sweep({sweeps[i], "name: s\n", "models/tiny", std::string(64, 'c')});
    TrialRecord trial;
    trial.trial = trial.task = "t";
    trial.sweep = sweeps[i];
    trial.state = "done";
    trial.role = "tuning";
    trial.method = "lora";
    trial.rank = 8;
    trial.config = {{"settings.lr", "0.01"}};
    store.put_trial(trial);
  }
  ResultsReader results({folders[0].path(), folders[1].path()});
  const Findings findings;
  ReportData data(results, findings);
  const Table table = tuning_tables(data).tables.at(0);
  REQUIRE(table.rows.size() == 2);
  CHECK(table.columns.back().title == "sweep");
  CHECK(table.rows[0].back().text == "a");
  CHECK(table.rows[1].back().text == "b");
}
