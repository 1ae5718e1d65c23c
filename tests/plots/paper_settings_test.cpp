// The paper's numbers beside scores of another setting than theirs.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "plots/figures/makers.h"
#include "plots/tables/makers.h"
#include "tests/plots/given.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

TableSet tables_of_scores(TableSet (*make)(ReportData&), std::vector<ScoreFinding> scores) {
  Given given(std::move(scores));
  return make(*given.data);
}

}  // namespace

TEST_CASE("Table 4 says of which setting a number of the paper is where that is another") {
  std::vector<ScoreFinding> scores{score("wikisql", "full", "", {}, 1600000, 80),
                                   score("wikisql", "prefix_embed", "", {}, 11520, 1),
                                   score("wikisql", "prefix_layer", "", {}, 10240, 2),
                                   score("wikisql", "lora", "Wq", 1, 1000, 70),
                                   score("wikisql", "lora", "Wq+Wk+Wv+Wo", 4, 9000, 75),
                                   score("samsum", "lora", "Wq", 1, 1000, 20)};
  scores[1].size = "prefix 64, infix 8";
  scores[2].size = "prefix 8, infix 8";
  scores.back().metric = "rouge1";
  const TableSet set = tables_of_scores(&method_tables, scores);
  const std::string rows = shown(set);
  CHECK_THAT(rows, Contains("prefix 64, infix 8 | 11,520 | 3.2 M | 1.0 ± 1.0 | 63.1 (prefix 256, "
                            "infix 8) |") &&
                       Contains("prefix 8, infix 8 | 10,240 | 20.2 M | 2.0 ± 1.0 | 70.1 |"));
  // Two settings of Table 15 have 73.4 with 4.7 M; of SAMSum's numbers none is known.
  CHECK_THAT(rows, Contains("Wq, r = 1 | 1,000 | 4.7 M | 70.0 ± 1.0 | 73.4 (Wv, r = 2) | 20.0 ± "
                            "1.0 | 53.8 |") &&
                       Contains("Wq+Wk+Wv+Wo, r = 4 | 9,000 | 37.7 M | 75.0 ± 1.0 | 74.0 |"));
  CHECK_THAT(set.tables.at(0).caption, Contains("its SAMSum numbers are, the paper does not say"));

  // Another start is another setting, another alpha none that the paper tells apart.
  scores.pop_back();
  scores[3] = score("wikisql", "lora", "Wv", 2, 1000, 70);
  scores[3].others = "init pissa";
  CHECK_THAT(shown(tables_of_scores(&method_tables, scores)), Contains("| 73.4 (Wv, r = 2) |"));
  scores[3].others = "alpha 64";
  CHECK_THAT(shown(tables_of_scores(&method_tables, scores)),
             Contains("Wv, r = 2, alpha 64 |") && !Contains("73.4 (Wv, r = 2)"));
}

TEST_CASE("Table 15 has no number of the paper for another start than LoRA's") {
  std::vector<ScoreFinding> scores{score("mnli", "lora", "Wq+Wv", 4, 800, 70),
                                   score("mnli", "lora", "Wq+Wv", 8, 1600, 71)};
  scores[0].others = "init pissa";
  scores[1].others = "alpha 64";
  CHECK_THAT(shown(tables_of_scores(&parameter_tables, scores)),
             Contains("Wq+Wv, r = 4, init pissa | 800 | 1,000 | 70.0 ± 1.0 | – | – |") &&
                 Contains("Wq+Wv, r = 8, alpha 64 | 1,600 | 1,000 | 71.0 ± 1.0 | 91.6 | 37.7 M |"));
}

TEST_CASE("Tables 5 and 6 set the paper's numbers beside plain LoRA alone, whatever its alpha") {
  const auto scores = [](const std::string& others) {
    std::vector<ScoreFinding> all;
    for (const std::int64_t rank : {4, 8}) {
      for (const char* targets : {"Wq", "Wq+Wv"}) {
        const std::int64_t width = std::string(targets) == "Wq" ? 100 : 200;
        all.push_back(score("wikisql", "lora", targets, rank, width * rank, 50));
        all.back().others = all.back().variant = others;
      }
    }
    return all;
  };
  // Wq at rank 8 and Wq+Wv at rank 4 are of one budget.
  CHECK(shown(tables_of_scores(&matrix_tables, scores("init pissa"))) ==
        "800 | Wq, init pissa | 8 | 50.0 ± 1.0 | – | \n"
        " | Wq+Wv, init pissa | 4 | 50.0 ± 1.0 | – | \n");
  CHECK_THAT(shown(tables_of_scores(&matrix_tables, scores("alpha 64"))),
             Contains("800 | Wq, alpha 64 | 8 | 50.0 ± 1.0 | 70.4 | \n"));
  CHECK(shown(tables_of_scores(&rank_tables, scores("init pissa"))) ==
        "Wq | WikiSQL, logical form | measured | init pissa, 1,000 examples | 50.0 ± 1.0 | 50.0 ± "
        "1.0 | \n"
        "Wq+Wv | WikiSQL, logical form | measured | init pissa, 1,000 examples | 50.0 ± 1.0 | 50.0 "
        "± 1.0 | \n");
  CHECK_THAT(shown(tables_of_scores(&rank_tables, scores("alpha 64"))), Contains(" | paper | "));
}

TEST_CASE("Table 16 says which prefix the paper trained, and knows a training on all of MNLI") {
  std::vector<ScoreFinding> scores;
  for (const std::int64_t examples : {std::int64_t{100}, std::int64_t{10000}, kAllExamples}) {
    scores.push_back(score("mnli", "prefix_embed", "", {}, 11520, 50));
    scores.back().size = "prefix 64, infix 8";
    scores.push_back(score("mnli", "lora", "Wq+Wv", 8, 800, 70));
    for (std::size_t i = scores.size() - 2; i < scores.size(); ++i)
      scores[i].train_examples = examples;
  }
  const TableSet set = tables_of_scores(&few_example_tables, scores);
  const std::string rows = shown(set);
  CHECK_THAT(rows,
             Contains("| 100 | PrefixEmbed, prefix 64, infix 8 | 50.0 ± 1.0 | 37.6 (prefix 16, "
                      "infix 8) |") &&
                 Contains("| 10,000 | PrefixEmbed, prefix 64, infix 8 | 50.0 ± 1.0 | 79.5 |") &&
                 Contains("| all | PrefixEmbed, prefix 64, infix 8 | 50.0 ± 1.0 | 88.6 (prefix "
                          "256, infix 8, 392,000 examples) |") &&
                 Contains("| 100 | LoRA Wq+Wv, r = 8 | 70.0 ± 1.0 | 63.8 |") &&
                 Contains("| all | LoRA Wq+Wv, r = 8 | 70.0 ± 1.0 | 91.7 (392,000 examples) |"));
  CHECK_THAT(rows, !Contains("| 392,000 | LoRA | not run |"));
  // All of MNLI is 392,000: their number tells no other setting.
  CHECK_THAT(
      set.tables.at(0).caption,
      Contains("Its setting stands with a number where that is another; beside a training on "
               "all examples stands how many the paper's were."));
}

TEST_CASE("Table 16 knows a task of the paper by its kind, and others by their names") {
  std::vector<ScoreFinding> scores;
  for (const char* task : {"mnli", "few", "mnli_hard"}) {
    scores.push_back(score(task, "lora", "Wq+Wv", 8, 800, 50));
    scores.back().kind = "mnli";
    scores.back().train_examples = 400 / std::ssize(scores);
  }
  CHECK_THAT(shown(tables_of_scores(&few_example_tables, scores)),
             Contains("MNLI, accuracy (mnli_hard) | 133 | LoRA Wq+Wv, r = 8 |") &&
                 Contains("MNLI, accuracy (few) | 200 | LoRA Wq+Wv, r = 8 |") &&
                 Contains("MNLI, accuracy | 400 | LoRA Wq+Wv, r = 8 |"));
  // Two tasks of one's own are two tasks.
  for (ScoreFinding& s : scores) s.kind = "own";
  CHECK_THAT(tables_of_scores(&few_example_tables, scores).missing,
             Contains("no task was trained with two numbers of examples"));
}

TEST_CASE("Table 16 speaks of MNLI's chance level beside MNLI alone") {
  std::vector<ScoreFinding> scores;
  for (const std::int64_t examples : {100, 1000}) {
    scores.push_back(score("mnli", "lora", "Wq", 1, 100, 50));
    scores.back().train_examples = examples;
  }
  CHECK_THAT(tables_of_scores(&few_example_tables, scores).tables.at(0).caption, Contains("33.3"));
  for (ScoreFinding& s : scores) s.task = "sst";
  CHECK_THAT(tables_of_scores(&few_example_tables, scores).tables.at(0).caption, !Contains("33.3"));
}

TEST_CASE("captions say of the paper's curves what its tables have") {
  Given given({score("wikisql", "lora", "Wq", 1, 100, 9),
               score("wikisql", "lora", "Wq", 8, 800, 10), score("mnli", "lora", "Wq", 1, 100, 9),
               score("mnli", "lora", "Wq", 8, 800, 10)});
  constexpr double kHalf = 0.5 + 1e-9;
  std::map<std::string, double> full;  // by task
  for (const PublishedNumber& n : published_numbers())
    if (n.source == "table15" && n.method == "full") full[n.task] = n.value.value();
  int points = 0;
  for (const PublishedNumber& n : published_numbers()) {
    if (n.source != "table15" || n.method != "lora") continue;
    INFO(n.task + ", " + n.setting);
    CHECK((n.task == "mnli" ? *n.value > full.at(n.task)
                            : std::abs(*n.value - full.at(n.task)) <= kHalf));
    ++points;
  }
  CHECK(points > 10);
  // Of each method and task the prefixes from the smallest on, as the file has them.
  std::map<std::pair<std::string, std::string>, std::vector<const PublishedNumber*>> prefixes;
  for (const PublishedNumber& n : published_numbers())
    if (n.source == "table15" && n.method.starts_with("prefix_"))
      prefixes[{n.method, n.task}].push_back(&n);
  std::map<std::pair<std::string, std::string>, std::string> best;
  for (const auto& [line, sizes] : prefixes) {
    INFO(line.first + " on " + line.second);
    const auto most =
        std::ranges::max_element(sizes, {}, [](const PublishedNumber* n) { return *n->value; });
    best[line] = published_size(**most);
    CHECK(most != sizes.begin());
    CHECK(most + 1 != sizes.end());
    for (auto at = most; at + 1 != sizes.end(); ++at) CHECK((*(at + 1))->value < (*at)->value);
  }
  CHECK(best == std::map<std::pair<std::string, std::string>, std::string>{
                    {{"prefix_embed", "mnli"}, "prefix 256, infix 8"},
                    {{"prefix_embed", "wikisql"}, "prefix 256, infix 8"},
                    {{"prefix_layer", "mnli"}, "prefix 32, infix 4"},
                    {{"prefix_layer", "wikisql"}, "prefix 8, infix 8"}});
  CHECK_THAT(
      parameter_figures(*given.data).figures.at(0).caption,
      Contains("within half a point of full fine-tuning (far right) on WikiSQL and above it "
               "on MNLI, while prefixes fall beyond a size: PrefixEmbed is best with 256 + 8 "
               "tokens, PrefixLayer with 8 + 8 on WikiSQL and 32 + 4 on MNLI."));

  std::map<std::string, std::pair<double, double>> ranges;  // by task and matrices
  for (const PublishedNumber& n : published_numbers()) {
    const std::string targets = published_setting(n, "targets");
    if (n.source != "table6" || targets.find("Wv") == std::string::npos) continue;
    auto& [low, high] =
        ranges.try_emplace(n.task + " " + targets, *n.value, *n.value).first->second;
    low = std::min(low, *n.value);
    high = std::max(high, *n.value);
  }
  CHECK(ranges.size() == 4);
  for (const auto& [line, range] : ranges) {
    INFO(line);
    CHECK(range.second - range.first <= kHalf);
  }
  CHECK_THAT(rank_figures(*given.data).figures.at(0).caption,
             Contains("the paper's lines keep within half a point from rank 1 on"));
}
