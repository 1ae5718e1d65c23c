// What tables and figures tell apart, where reports on several sweeps would else mix it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "plots/figures/makers.h"
#include "plots/tables/makers.h"
#include "results/cells.h"
#include "tests/plots/given.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;
using Catch::EndsWith;

namespace {

// Two sweeps of one task, of which the first asks for another metric than its own.
std::vector<ScoreFinding> scores_by_two_metrics() {
  std::vector<ScoreFinding> scores;
  for (const char* sweep : {"a", "b"}) {
    for (const std::int64_t rank : {1, 8}) {
      for (const char* targets : {"Wq", "Wv"})
        scores.push_back(
            score("wikisql", "lora", targets, rank, 100 * rank, sweep[0] == 'a' ? 30 : 20));
    }
    scores.push_back(score("wikisql", "full", "", {}, 90000, sweep[0] == 'a' ? 50 : 40));
    for (std::size_t i = scores.size() - 5; i < scores.size(); ++i) {
      scores[i].sweep = sweep;
      scores[i].metric = sweep[0] == 'a' ? "execution" : "logical_form";
      scores[i].setting += sweep;
    }
  }
  return scores;
}

std::vector<std::string> titles(const TableSet& set) {
  std::vector<std::string> titles;
  for (const TableColumn& column : set.tables.at(0).columns) titles.push_back(column.title);
  return titles;
}

}  // namespace

TEST_CASE("one task by two metrics has a column and a row of panels for each, beside the paper's") {
  Given given(scores_by_two_metrics());
  const TableSet methods = method_tables(*given.data), matrices = matrix_tables(*given.data);
  for (const TableSet* set : {&methods, &matrices})
    CHECK_THAT(titles(*set), Catch::VectorContains(std::string("WikiSQL, execution")) &&
                                 Catch::VectorContains(std::string("WikiSQL, logical form")));
  // The paper has no execution accuracy. What the sweep asks for by another metric is no gap.
  CHECK_THAT(shown(methods), Contains("LoRA | Wq, r = 8 | 800 | – | 30.0 ± 1.0 | – | – | – | \n"));
  CHECK_THAT(shown(methods), Contains("LoRA | Wq, r = 8 | 800 | – | – | – | 20.0 ± 1.0 | – | \n"));
  CHECK_THAT(shown(matrices), Contains("800 | Wq | 8 | 30.0 ± 1.0 | – | – | 70.4 | \n") &&
                                  Contains(" | Wv | 8 | – | – | 20.0 ± 1.0 | 73.0 | \n"));
  const std::string ranks = shown(rank_tables(*given.data));
  CHECK_THAT(ranks, Contains("Wq | WikiSQL, execution | measured | 30.0 ± 1.0 | 30.0 ± 1.0 | \n"
                             "Wq | WikiSQL, logical form | measured | 20.0 ± 1.0 | 20.0 ± 1.0 | \n"
                             " |  | paper | 68.8 | 70.4 | \n"));

  for (const FigureSet& set : {rank_figures(*given.data), parameter_figures(*given.data)}) {
    REQUIRE(set.figures.size() == 1);
    CHECK_THAT(set.figures[0].script, Contains("'execution, %'") && Contains("'logical form, %'"));
    for (const Row& row : set.figures[0].data.rows) {
      const bool by_execution = std::ranges::find(row, Cell("execution")) != row.end();
      // 30 and 50 were measured by execution, 20 and 40 by logical form.
      if (std::ranges::find(row, Cell("measured")) != row.end())
        CHECK(by_execution == (row[2] == Cell(30.0) || row[2] == Cell(50.0)));
      else
        CHECK_FALSE(by_execution);
    }
  }
}

TEST_CASE("Table 5 names what tells settings of one budget apart, and pairs tasks by it") {
  std::vector<ScoreFinding> scores;
  for (const char* task : {"wikisql", "mnli"}) {
    for (const char* targets : {"Wq", "Wq+Wv"}) {
      for (const char* alpha : {"alpha 8", "alpha 64"}) {
        // One setting has no score yet.
        if (std::string(task) == "wikisql" && std::string(alpha) == "alpha 8") continue;
        const bool large = std::string(alpha) == "alpha 64";
        scores.push_back(score(task, "lora", targets, std::string(targets) == "Wq" ? 8 : 4, 800,
                               large ? 64 : 8));
        scores.back().others = scores.back().variant = alpha;
        scores.back().setting += alpha;
      }
    }
  }
  Given given(scores);
  CHECK(shown(matrix_tables(*given.data)) ==
        "800 | Wq, alpha 8 | 8 | not run | 70.4 | 8.0 ± 1.0 | 91.0 | \n"
        " | Wq, alpha 64 | 8 | 64.0 ± 1.0 | 70.4 | 64.0 ± 1.0 | 91.0 | \n"
        " | Wq+Wv, alpha 8 | 4 | not run | 73.7 | 8.0 ± 1.0 | 91.3 | \n"
        " | Wq+Wv, alpha 64 | 4 | 64.0 ± 1.0 | 73.7 | 64.0 ± 1.0 | 91.3 | \n");
}

TEST_CASE("the figure of ranks counts the lines that it does not draw") {
  std::vector<ScoreFinding> scores;
  for (int alpha = 1; alpha <= 12; ++alpha) {
    for (const std::int64_t rank : {1, 8}) {
      scores.push_back(score("wikisql", "lora", "Wq", rank, 100 * rank, 10 * alpha));
      scores.back().others = scores.back().variant = "alpha " + std::to_string(alpha);
    }
  }
  Given given(scores);
  CHECK_THAT(rank_figures(*given.data).figures.at(0).caption,
             Contains(" 2 more lines are not drawn; table6.csv has all."));
  scores.resize(20);
  Given few(scores);
  CHECK_THAT(rank_figures(*few.data).figures.at(0).caption, !Contains("not drawn"));
}

TEST_CASE("settings of one rank are named below Table 6 and its figure, which leave them out") {
  std::vector<ScoreFinding> scores{score("wikisql", "lora", "Wq", 1, 100, 5),
                                   score("wikisql", "lora", "Wq", 8, 800, 6)};
  const auto captions = [&] {
    Given given(scores);
    return std::pair(rank_tables(*given.data).tables.at(0).caption,
                     rank_figures(*given.data).figures.at(0).caption);
  };
  CHECK_THAT(captions().first, !Contains("Not shown"));
  CHECK_THAT(captions().second, !Contains("Not shown"));
  scores.push_back(score("wikisql", "lora", "Wv", 8, 800, 7));
  const auto [table, figure] = captions();
  for (const std::string& caption : {table, figure})
    CHECK_THAT(caption, EndsWith(" Not shown: 1 more setting of one rank alone, LoRA Wv, r = 8 on "
                                 "WikiSQL, logical form; the view table6 has all."));
  // A second rank without a score is no point of a line.
  scores.push_back(score("wikisql", "lora", "Wv", 1, 100, 7));
  scores.back().mean = std::nullopt;
  const auto [whole, partly] = captions();
  CHECK_THAT(whole, !Contains("Not shown"));
  CHECK_THAT(partly, Contains(" Not shown: 1 more setting of one rank alone, LoRA Wv, r = 8 on "));
}

TEST_CASE("settings with ranks by site are named below Tables 5 and 6 and the figure of ranks") {
  std::vector<ScoreFinding> scores{
      score("wikisql", "lora", "Wq", 1, 100, 5), score("wikisql", "lora", "Wq", 8, 800, 6),
      score("wikisql", "lora", "Wv", 1, 100, 5), score("wikisql", "lora", "Wv", 8, 800, 6)};
  const auto captions = [&] {
    Given given(scores);
    return std::map<std::string, std::string>{
        {"table5", matrix_tables(*given.data).tables.at(0).caption},
        {"table6", rank_tables(*given.data).tables.at(0).caption},
        {"table6 ", rank_figures(*given.data).figures.at(0).caption}};
  };
  for (const auto& [view, caption] : captions()) CHECK_THAT(caption, !Contains("Not shown"));
  scores.push_back(score("wikisql", "lora", "Wq+Wv", {}, 600, 7));
  scores.back().size = "ranks Wq:4,Wv:8";
  for (const auto& [view, caption] : captions())
    CHECK_THAT(caption, EndsWith(" Not shown: 1 more setting with ranks by site, LoRA Wq+Wv, ranks "
                                 "Wq:4,Wv:8 on WikiSQL, logical form; the view " +
                                 view.substr(0, 6) + " has all."));
}

TEST_CASE("no two lines of the figure of ranks look alike, and matrices keep their colours") {
  std::vector<ScoreFinding> scores;
  const auto add = [&](const std::string& targets, const std::string& variant) {
    for (const std::int64_t rank : {1, 8}) {
      scores.push_back(score("mnli", "lora", targets, rank, 100 * rank, 50));
      scores.back().others = scores.back().variant = variant;
    }
  };
  add("Wq", "");
  for (const char* alpha : {"alpha 2", "alpha 4", "alpha 8", "alpha 16", "alpha 32", "alpha 64"})
    add("Wq", alpha);
  add("Wv", "");
  add("Wq+Wv", "");
  Given given(scores);
  const std::string script = rank_figures(*given.data).figures.at(0).script;
  // Of each line of the legend all but its label.
  std::map<std::string, int> looks;
  for (std::size_t at = 0; (at = script.find("1/0 with ", at)) != std::string::npos; ++at)
    ++looks[script.substr(at, script.find(" title", at) - at)];
  // The paper's panel has one set of matrices more.
  CHECK(looks.size() == 10);
  for (const auto& [look, lines] : looks) {
    INFO(look);
    CHECK(lines == 1);
  }
  CHECK_THAT(script, Contains("lc rgb '#0072B2' lw 2 pt 7 ps 0.9 title 'Wq'") &&
                         Contains("lc rgb '#D55E00' lw 2 pt 7 ps 0.9 title 'Wq+Wv'") &&
                         Contains("lc rgb '#009E73' lw 2 pt 7 ps 0.9 title 'Wv'"));
}

TEST_CASE(
    "the figure of ranks says which lines are the paper's where measured ones say their own") {
  const auto figure_of = [](const std::string& variant) {
    std::vector<ScoreFinding> scores;
    for (const std::int64_t rank : {1, 8}) {
      scores.push_back(score("mnli", "lora", "Wq+Wv", rank, 100 * rank, 50));
      scores.back().others = scores.back().variant = variant;
    }
    Given given(scores);
    return rank_figures(*given.data).figures.at(0);
  };
  const Figure plain = figure_of(""), pissa = figure_of("init pissa");
  CHECK_THAT(plain.script, Contains("title 'Wq+Wv'") && !Contains("(paper)"));
  CHECK_THAT(pissa.script, Contains("title 'Wq+Wv, init pissa'") && !Contains("title 'Wq+Wv'"));
  // In the colours that these matrices have everywhere.
  CHECK_THAT(pissa.script, Contains("lc rgb '#D55E00' lw 2 pt 7 ps 0.9 title 'Wq+Wv (paper)'"));
  for (const Row& row : pissa.data.rows) CHECK_THAT(text_in(row.back()), !Contains("(paper)"));
}

TEST_CASE("the paper's scores by rank have the fluctuation that it states either way") {
  Given given(
      {score("mnli", "lora", "Wq+Wv", 1, 100, 50), score("mnli", "lora", "Wq+Wv", 8, 800, 50)});
  const Figure figure = rank_figures(*given.data).figures.at(0);
  int found = 0;
  for (const Row& row : figure.data.rows) {
    if (text_in(row[5]) != "paper" || text_in(row[8]) != "Wq+Wv" || number_in(row[1]) != 8)
      continue;
    ++found;
    // 91.6 +- 0.1 on MNLI.
    CHECK(number_in(row[2]).value_or(0) == Approx(91.6));
    CHECK(number_in(row[3]).value_or(0) == Approx(91.5));
    CHECK(number_in(row[4]).value_or(0) == Approx(91.7));
  }
  CHECK(found == 1);
}

TEST_CASE("the figure of ranks names what makes of LoRA another method though all lines have it") {
  std::vector<ScoreFinding> scores;
  const auto add = [&](const std::string& task, const std::string& variant) {
    for (const std::int64_t rank : {1, 8}) {
      scores.push_back(score(task, "lora", "Wq+Wv", rank, 100 * rank, 50));
      scores.back().others = scores.back().variant = variant;
    }
  };
  // Of the lines of the measured panels, each of which the legend has.
  const auto names = [&] {
    Given given(scores);
    const Figure figure = rank_figures(*given.data).figures.at(0);
    std::set<std::string> series;
    for (const Row& row : figure.data.rows)
      if (std::ranges::find(row, Cell("measured")) != row.end())
        series.insert(std::get<std::string>(row.back()));
    for (const std::string& name : series)
      CHECK_THAT(figure.script, Contains("title '" + name + "'"));
    return series;
  };
  add("mnli", "init pissa");
  CHECK(names() == std::set<std::string>{"Wq+Wv, init pissa"});
  // Each panel has one line, and one legend names both.
  add("wikisql", "lr_ratio 16");
  CHECK(names() == std::set<std::string>{"Wq+Wv, init pissa", "Wq+Wv, lr_ratio 16"});
  scores.clear();
  add("mnli", "");
  add("wikisql", "lr_ratio 16");
  CHECK(names() == std::set<std::string>{"Wq+Wv", "Wq+Wv, lr_ratio 16"});
  scores.clear();
  for (const char* task : {"mnli", "wikisql"}) add(task, "alpha 8");
  CHECK(names() == std::set<std::string>{"Wq+Wv"});
  scores.resize(2);
  add("wikisql", "alpha 64");
  CHECK(names() == std::set<std::string>{"Wq+Wv, alpha 8", "Wq+Wv, alpha 64"});
}

TEST_CASE("Figure 2's data tell the paper's ranks apart") {
  Given given(
      {score("wikisql", "lora", "Wq", 1, 100, 9), score("wikisql", "lora", "Wq", 8, 800, 10)});
  const Figure figure = parameter_figures(*given.data).figures.at(0);
  int ranks = 0;
  for (const Row& row : figure.data.rows) {
    if (std::ranges::find(row, Cell("paper")) == row.end() ||
        std::ranges::find(row, Cell("lora")) == row.end())
      continue;
    ++ranks;
    const auto configuration = std::ranges::find(figure.data.columns, "configuration");
    REQUIRE(configuration != figure.data.columns.end());
    CHECK_THAT(std::get<std::string>(
                   row.at(static_cast<std::size_t>(configuration - figure.data.columns.begin()))),
               Contains(" r"));
  }
  CHECK(ranks > 0);
}
