// What each of the paper's tables puts beside what.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "common/files.h"
#include "plots/escape.h"
#include "plots/report.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "results/store.h"
#include "tests/plots/given.h"
#include "tests/plots/sample.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

void put_done(const TemporaryFolder& at, const char* trial, const char* sweep,
              std::map<std::string, double> timings,
              std::map<std::string, std::string> environment = {}) {
  Store store = Store::open(at / "results.db");
  TrialRecord record;
  record.trial = trial;
  record.sweep = sweep;
  record.state = "done";
  record.role = "scored";
  record.timings = std::move(timings);
  record.environment = std::move(environment);
  store.put_trial(record);
}

// Of which no trial is finished.
ScoreFinding unscored(ScoreFinding of) {
  of.mean = of.low = of.high = std::nullopt;
  of.seeds.clear();
  of.missing = 3;
  of.note = "no trial is finished";
  return of;
}

}  // namespace

TEST_CASE(
    "Table 4 sets a method's rows beside the paper's where there are as many, and else apart") {
  Given two({score("wikisql", "full", "", {}, 1600000, 80),
             score("wikisql", "lora", "Wv", 2, 1000, 70),
             score("wikisql", "lora", "Wq+Wk+Wv+Wo", 4, 9000, 75),
             score("mnli", "full", "", {}, 1600000, 60)});
  const std::string rows = shown(method_tables(*two.data));
  CHECK_THAT(rows, Contains("full fine-tuning |  | 1,600,000 | 175,256 M | 80.0 ± 1.0 | 73.8 | "
                            "60.0 ± 1.0 | 89.5 | \n"));
  CHECK_THAT(
      rows, Contains("LoRA | Wv, r = 2 | 1,000 | 4.7 M | 70.0 ± 1.0 | 73.4 | not run | 91.7 | \n"));
  CHECK_THAT(
      rows,
      Contains("LoRA | Wq+Wk+Wv+Wo, r = 4 | 9,000 | 37.7 M | 75.0 ± 1.0 | 74.0 | not run | 91.6 "
               "(Wq+Wv, r = 8) | \n"));
  CHECK_THAT(rows, Contains("BitFit |  | – | 14.2 M | not run | 71.3 | not run | 91.0 | \n"));

  Given one(
      {score("wikisql", "full", "", {}, 1600000, 80), score("wikisql", "lora", "Wv", 2, 1000, 70)});
  const std::string apart = shown(method_tables(*one.data));
  CHECK_THAT(apart, Contains("LoRA | Wv, r = 2 | 1,000 | – | 70.0 ± 1.0 | – | \n"));
  CHECK_THAT(apart, Contains("LoRA |  | – | 4.7 M | not run | 73.4 | \n"));
}

TEST_CASE("a setting of which no trial is finished has its row in every table of scores") {
  const ScoreFinding pending = unscored(score("wikisql", "lora", "Wv", 2, 1000, 0));
  Given methods({score("wikisql", "full", "", {}, 1600000, 80), pending,
                 score("wikisql", "lora", "Wq+Wk+Wv+Wo", 4, 9000, 75),
                 score("mnli", "full", "", {}, 1600000, 60),
                 score("mnli", "lora", "Wv", 2, 1000, 55)});
  const TableSet set = method_tables(*methods.data);
  CHECK_THAT(shown(set),
             Contains("LoRA | Wv, r = 2 | 1,000 | 4.7 M | no trial is finished | 73.4 | "
                      "55.0 ± 1.0 | 91.7 | \n") &&
                 Contains("LoRA | Wq+Wk+Wv+Wo, r = 4 | 9,000 | 37.7 M | 75.0 ± 1.0 | 74.0 | "));
  CHECK_THAT(set.tables.at(0).caption, Contains("over n = 3 seeds unless"));
  CHECK_THAT(shown(parameter_tables(*methods.data)),
             Contains("LoRA Wv, r = 2 | 1,000 | 1,000 | no trial is finished |"));

  Given ranks({score("wikisql", "lora", "Wq", 1, 100, 2),
               unscored(score("wikisql", "lora", "Wq", 8, 800, 0)),
               score("wikisql", "lora", "Wk", 8, 800, 7),
               unscored(score("wikisql", "lora", "Wo", 8, 800, 0))});
  CHECK_THAT(rank_tables(*ranks.data).tables.at(0).caption,
             Contains("LoRA Wk, r = 8 on WikiSQL, logical form; LoRA Wo, r = 8 on WikiSQL, logical "
                      "form; the view table6 has those with a score."));
  CHECK_THAT(shown(rank_tables(*ranks.data)),
             Contains("measured | 2.0 ± 1.0 | no trial is finished | \n"));
  CHECK_THAT(shown(matrix_tables(*ranks.data)), Contains("Wq | 8 | no trial is finished | 70.4 |"));

  std::vector<ScoreFinding> few{score("mnli", "lora", "Wq+Wv", 8, 800, 70),
                                unscored(score("mnli", "lora", "Wq+Wv", 8, 800, 0))};
  few[1].train_examples = 100;
  Given fewer(few);
  CHECK_THAT(shown(few_example_tables(*fewer.data)),
             Contains("| 100 | LoRA Wq+Wv, r = 8 | no trial is finished | 63.8 |"));
}

TEST_CASE("settings whose parameters no trial tells keep their order, or a caption names them") {
  ScoreFinding small = score("wikisql", "adapter_h", "", {}, 3848, 40),
               large = unscored(score("wikisql", "adapter_h", "", {}, 0, 0)),
               lora = unscored(score("wikisql", "lora", "Wo", 8, 0, 0));
  small.size = "bottleneck 1";
  large.size = "bottleneck 8";
  large.parameters = lora.parameters = std::nullopt;
  Given given({small, large, lora, score("wikisql", "lora", "Wq", 8, 800, 9),
               score("wikisql", "lora", "Wv", 8, 800, 10)});
  CHECK_THAT(shown(method_tables(*given.data)),
             Contains("| bottleneck 1 | 3,848 | 7.1 M | 40.0 ± 1.0 | 71.9 | \n") &&
                 Contains("| bottleneck 8 | – | 40.1 M | no trial is finished | 73.2 | \n"));
  CHECK_THAT(shown(parameter_tables(*given.data)),
             Contains("LoRA Wo, r = 8 | – | 1,000 | no trial is finished |"));
  CHECK_THAT(matrix_tables(*given.data).tables.at(0).caption,
             Contains(" Not shown: 1 more setting without a result that says how many parameters "
                      "are trained, LoRA Wo, r = 8 on WikiSQL, logical form."));
}

TEST_CASE(
    "Table 5 keeps to one budget, and Table 6 sets the largest rank beside the paper's largest") {
  Given given(
      {score("wikisql", "lora", "Wq", 8, 800, 9), score("wikisql", "lora", "Wq+Wv", 4, 800, 37),
       score("wikisql", "lora", "Wq", 1, 100, 2), score("wikisql", "lora", "Wq", 20, 2000, 10)});
  CHECK(shown(matrix_tables(*given.data)) ==
        "800 | Wq | 8 | 9.0 ± 1.0 | 70.4 | \n | Wq+Wv | 4 | 37.0 ± 1.0 | 73.7 | \n");
  CHECK(shown(rank_tables(*given.data)) ==
        "Wq | WikiSQL, logical form | measured | 2.0 ± 1.0 | 9.0 ± 1.0 | 10.0 ± 1.0 | \n |  | "
        "paper | 68.8 | "
        "70.4 | 70.0 (r = 64) | \n");
}

TEST_CASE(
    "Table 15 and Table 16 find the paper's number of the same configuration and of as many "
    "examples") {
  std::vector<ScoreFinding> scores{score("mnli", "full", "", {}, 1600000, 60),
                                   score("mnli", "lora", "Wq+Wv", 8, 800, 70)};
  scores.push_back(scores[1]);
  scores[2].train_examples = 100;
  scores[2].setting = "few";
  Given given(scores);
  CHECK_THAT(shown(parameter_tables(*given.data)),
             Contains("LoRA Wq+Wv, r = 8 | 800 | 1,000 | 70.0 ± 1.0 | 91.6 | 37.7 M | \n"));
  const std::string few = shown(few_example_tables(*given.data));
  CHECK_THAT(few,
             Contains("MNLI, accuracy | 100 | LoRA Wq+Wv, r = 8 | 70.0 ± 1.0 | 63.8 | \n") &&
                 Contains("MNLI, accuracy | 1,000 | full fine-tuning | 60.0 ± 1.0 | 85.8 | \n") &&
                 Contains("MNLI, accuracy | 392,000 | LoRA | not run | 91.7 | \n"));

  // A file names a task with another number of examples by a suffix.
  scores[0].task = scores[1].task = "mnli_1000";
  scores[2].task = "mnli_100";
  Given named(scores);
  CHECK_THAT(shown(few_example_tables(*named.data)),
             Contains("MNLI, accuracy | 100 | LoRA Wq+Wv, r = 8 | 70.0 ± 1.0 | 63.8 | \n") &&
                 Contains("MNLI, accuracy | 1,000 | full fine-tuning | 60.0 ± 1.0 | 85.8 | \n"));
}

TEST_CASE(
    "a table says how many seeds only where that is unusual, and what diverged or is missing") {
  std::vector<ScoreFinding> scores{
      score("wikisql", "lora", "Wq", 8, 800, 9), score("wikisql", "lora", "Wv", 8, 800, 8),
      score("wikisql", "lora", "Wk", 8, 800, 7), score("wikisql", "lora", "Wo", 8, 800, 6)};
  scores[0].seeds = {1};
  scores[0].low = scores[0].high = std::nullopt;
  scores[1].diverged = 1;
  scores[2].missing = 2;
  scores[3].among_best = true;
  Given given(scores);
  const TableSet set = matrix_tables(*given.data);
  CHECK_THAT(shown(set), Contains("| 9.0 (n = 1) |") && Contains("| 8.0 ± 1.0 (1 diverged) |") &&
                             Contains("| 7.0 ± 1.0 (2 missing) |") && Contains("| 6.0 ± 1.0 |"));
  CHECK_THAT(set.tables.at(0).caption, Contains("over n = 3 seeds unless a cell says otherwise"));
  CHECK(set.tables.at(0).rows.at(3).at(3).style == CellStyle::kStrong);
}

TEST_CASE("a caption says what the untrained base's interval is over, where the base is shown") {
  std::vector<ScoreFinding> scores{score("wikisql", "lora", "Wq", 8, 800, 9),
                                   score("wikisql", "full", "", {}, 90000, 9)};
  const auto caption = [&] {
    Given given(scores);
    return method_tables(*given.data).tables.at(0).caption;
  };
  CHECK_THAT(caption(), !Contains("untrained base"));
  scores.push_back(score("wikisql", "none", "", {}, 0, 1));
  scores.back().seeds = {1};
  CHECK_THAT(caption(), Contains("unless a cell says otherwise") &&
                            Contains("; the untrained base has no seed, and its interval is over "
                                     "examples alone. Bold: "));
}

TEST_CASE("what was not compared with the best is named, with the number of its examples") {
  std::vector<ScoreFinding> scores{score("wikisql", "lora", "Wq", 8, 800, 9),
                                   score("wikisql", "lora", "Wv", 8, 800, 95)};
  scores[0].among_best = true;
  Given given(scores);
  CHECK_THAT(best_tables(*given.data).tables.at(0).caption, !Contains("Not compared"));
  CHECK_THAT(matrix_tables(*given.data).tables.at(0).caption, Contains("is never bold. "));
  scores[1].other_examples = true;
  scores[1].examples = 12;
  Given other(scores);
  CHECK_THAT(best_tables(*other.data).tables.at(0).caption,
             Contains("on other examples than these: LoRA Wv, r = 8 on WikiSQL (95.0, 12 other "
                      "examples)."));
  const TableSet set = matrix_tables(*other.data);
  CHECK_THAT(shown(set), Contains("| 95.0 ± 1.0 (12 other examples) |"));
  CHECK_THAT(set.tables.at(0).caption, Contains("is never bold, nor what was scored on other"));
  const DataGrid& data = set.tables.at(0).data;
  const auto at = std::ranges::find(data.columns, "among_best") - data.columns.begin();
  std::set<Cell> among_best;
  for (const Row& row : data.rows) among_best.insert(row.at(static_cast<std::size_t>(at)));
  CHECK(among_best == std::set<Cell>{Cell(), Cell(std::int64_t{1})});
}

TEST_CASE(
    "scores of controls and of other metrics stand in no table, those that two sweeps share in "
    "each") {
  ScoreFinding a = score("wikisql", "lora", "Wq", 8, 800, 9), twice = a, other = a, control = a;
  twice.sweep = "t";
  other.headline = false;
  control.setting = "shuffled";
  Given given({a, twice, other});
  // A rank curve of either sweep would else lack the point.
  CHECK(given.data->scores().size() == 2);

  TemporaryFolder folder;
  fill_report_sample(folder / "results.db", SampleKind::kWhole);
  {
    Store store = Store::open(folder / "results.db");
    TrialRecord trial;
    trial.trial = "control";
    trial.sweep = "s";
    trial.state = "done";
    trial.role = "scored";
    trial.config = {{"shuffle_targets", "true"}};
    store.put_trial(trial);
  }
  ResultsReader results({folder.path()});
  const std::vector<Row> settings =
      results.rows("SELECT setting FROM trials WHERE trial = 'control'");
  control.setting = std::get<std::string>(settings.at(0).at(0));
  Findings findings;
  findings.scores = {a, control};
  const ReportData data(results, findings);
  CHECK(data.scores().size() == 1);
  CHECK(data.is_control("control"));
}

TEST_CASE("what was measured of a pack of trials stands in no trial's costs") {
  TemporaryFolder folder, other;
  for (const TemporaryFolder* at : {&folder, &other})
    fill_report_sample(*at / "results.db", SampleKind::kEmpty);
  put_done(folder, "alone", "s", {{"train_seconds", 10}, {"checkpoint_bytes", 500}});
  put_done(folder, "packed", "s",
           {{"train_seconds", 70}, {"checkpoint_bytes", 500}, {kTrainedTogether, 7}});
  // Another sweep has a trial of that name that was trained alone.
  put_done(other, "packed", "other", {{"train_seconds", 30}, {"checkpoint_bytes", 500}});
  ResultsReader results({folder.path(), other.path()});
  const Findings findings;
  ReportData data(results, findings);
  const TableSet set = cost_tables(data);
  CHECK_THAT(shown(set), Contains("| 2 | 10.0 | 500 |") && Contains("| 1 | 30.0 | 500 |"));
  CHECK_THAT(set.tables.at(0).caption,
             Contains("1 trial was trained together") && Contains("held on its GPU"));
}

TEST_CASE("what two sweeps or two devices cost is averaged in no line") {
  TemporaryFolder folder, other;
  for (const TemporaryFolder* at : {&folder, &other})
    fill_report_sample(*at / "results.db", SampleKind::kEmpty);
  using Facts = std::map<std::string, std::string>;
  const Facts one_thread{{"processor", "EPYC"}, {"instruction_set", "avx512"}, {"threads", "1"}},
      four{{"processor", "EPYC"}, {"instruction_set", "avx512"}, {"threads", "4"}},
      gpu{{"processor", "Xeon"}, {"instruction_set", "H100, bf16"}, {"threads", "1"}},
      trained_elsewhere{{"processor", "EPYC"},
                        {"instruction_set", "avx512"},
                        {"train_instruction_set", "H100, bf16"},
                        {"threads", "1"}};
  for (const auto& [at, sweep] : {std::pair(&folder, "cpu"), {&other, "gpu"}})
    Store::open(*at / "results.db")
        .put_sweep({sweep, "name: s\n", "models/tiny", std::string(64, 'c')});
  put_done(folder, "a", "cpu", {{"train_tokens_per_second", 100}}, one_thread);
  put_done(folder, "b", "cpu", {{"train_tokens_per_second", 300}}, one_thread);
  {
    ResultsReader results({folder.path()});
    const Findings findings;
    ReportData data(results, findings);
    const Table table = cost_tables(data).tables.at(0);
    CHECK(std::ranges::none_of(table.columns, [](const TableColumn& column) {
      return column.title == "sweep" || column.title == "measured on";
    }));
    CHECK(table.rows.size() == 1);
    CHECK_THAT(shown(cost_tables(data)), Contains("| 2 | 200 |"));
  }
  put_done(folder, "c", "cpu", {{"train_tokens_per_second", 700}}, four);
  put_done(folder, "d", "cpu", {{"train_tokens_per_second", 800}}, trained_elsewhere);
  put_done(other, "a", "gpu", {{"train_tokens_per_second", 9000}}, gpu);
  ResultsReader results({folder.path(), other.path()});
  const Findings findings;
  ReportData data(results, findings);
  const TableSet set = cost_tables(data);
  CHECK(set.tables.at(0).rows.size() == 4);
  CHECK_THAT(shown(set), Contains("| cpu | EPYC, avx512, 1 thread | 1 | 0 | 2 | 200 |") &&
                             Contains("| cpu | EPYC, avx512, 4 threads | 1 | 0 | 1 | 700 |") &&
                             Contains("| cpu | trained on H100, bf16; scored on EPYC, avx512, 1 "
                                      "thread | 1 | 0 | 1 | 800 |") &&
                             Contains("| gpu | Xeon, H100, bf16, 1 thread | 1 | 0 | 1 | 9,000 |"));
  // One setting was run on three devices in one sweep.
  CHECK(set.tables.at(0).data.rows.size() == 4);
  for (const Row& row : set.tables.at(0).data.rows)
    CHECK(row.size() == set.tables.at(0).data.columns.size());
}

TEST_CASE("the bytes of a checkpoint are a whole number, however many") {
  TemporaryFolder folder;
  fill_report_sample(folder / "results.db", SampleKind::kEmpty);
  put_done(folder, "large", "s", {{"checkpoint_bytes", 12345678}});
  ResultsReader results({folder.path()});
  const Findings findings;
  ReportData data(results, findings);
  CHECK_THAT(shown(cost_tables(data)), Contains("| 12,345,678 |"));
}

TEST_CASE("a search's time is that of its runs trained alone, and none where all were packed") {
  TemporaryFolder folder;
  fill_report_sample(folder / "results.db", SampleKind::kEmpty);
  const auto put_run = [&](const char* trial, std::int64_t rank,
                           std::map<std::string, double> timings) {
    Store store = Store::open(folder / "results.db");
    TrialRecord record;
    record.trial = trial;
    record.sweep = "s";
    record.state = "done";
    record.role = "tuning";
    record.method = "lora";
    record.rank = rank;
    record.config = {{"settings.lr", "0.01"}};
    record.timings = std::move(timings);
    store.put_trial(record);
  };
  for (const char* trial : {"one", "two"})
    put_run(trial, 1, {{"train_seconds", 70}, {kTrainedTogether, 2}});
  const auto made = [&] {
    ResultsReader results({folder.path()});
    const Findings findings;
    ReportData data(results, findings);
    return tuning_tables(data);
  };
  CHECK_THAT(shown(made()), Contains("LoRA, r = 1 |") && Contains("| 2 | – |"));
  CHECK_THAT(made().tables.at(0).caption,
             Contains("2 runs in all. 2 runs were trained together with others"));
  put_run("alone", 8, {{"train_seconds", 30}});
  CHECK_THAT(shown(made()), Contains("| 2 | – |") && Contains("| 1 | 30.0 |"));
  CHECK_THAT(made().tables.at(0).caption, Contains("3 runs in all, 30.0 s of training."));
}

TEST_CASE("searches stand in the order of the numbers in their tasks' names") {
  TemporaryFolder folder;
  fill_report_sample(folder / "results.db", SampleKind::kEmpty);
  {
    Store store = Store::open(folder / "results.db");
    for (const std::string task : {"mnli_1000", "mnli_500", "mnli_100"}) {
      TrialRecord record;
      record.trial = task;
      record.task = task;
      record.sweep = "s";
      record.state = "done";
      record.role = "tuning";
      record.method = "lora";
      record.rank = 1;
      record.config = {{"settings.lr", "0.01"}};
      store.put_trial(record);
    }
  }
  ResultsReader results({folder.path()});
  const Findings findings;
  ReportData data(results, findings);
  const std::string text = shown(tuning_tables(data));
  CHECK(text.find("mnli_100 ") < text.find("mnli_500 "));
  CHECK(text.find("mnli_500 ") < text.find("mnli_1000 "));
  CHECK(text.find("mnli_1000 ") != std::string::npos);
}

TEST_CASE("several sweeps in one report are told apart") {
  TemporaryFolder one, two;
  fill_report_sample(one / "results.db", SampleKind::kWhole);
  fill_report_sample(two / "results.db", SampleKind::kHalf);
  ResultsReader results({one.path(), two.path()});
  const ReportSummary summary =
      write_report(results, findings_of(results),
                   {.out = one / "report", .folders = {one.path(), two.path()}, .png = false});
  CHECK(summary.tables == 22);
  const std::string md = read_text_file(one / "report/report.md");
  for (const TemporaryFolder* folder : {&one, &two})
    CHECK_THAT(md, Contains("Sweep's folder: " + markdown_text(folder->path().string()) + "\n"));
  CHECK_THAT(md, Contains("| parameters | matrices | rank | sweep |"));
}

TEST_CASE("Table 6 keeps settings apart that differ in more than the rank") {
  std::vector<ScoreFinding> scores;
  for (const std::int64_t rank : {1, 8}) {
    for (const char* alpha : {"alpha 1", "alpha 64"}) {
      scores.push_back(score("wikisql", "lora", "Wq", rank, 100 * rank,
                             10.0 * static_cast<double>(rank) + (alpha[6] == '1' ? 1 : 2)));
      scores.back().others = scores.back().variant = alpha;
      scores.back().setting += alpha;
      // One rank has more to say of itself.
      if (rank == 8) scores.back().others += ", lr 0.1";
    }
  }
  Given given(scores);
  const std::string rows = shown(rank_tables(*given.data));
  CHECK_THAT(rows, Contains("alpha 1, 1,000 examples | 11.0 ± 1.0 | 81.0 ± 1.0 |"));
  CHECK_THAT(rows, Contains("alpha 64, 1,000 examples | 12.0 ± 1.0 | 82.0 ± 1.0 |"));
}

TEST_CASE(
    "Table 4 shows the most examples of a task that a sweep goes over, and rows by parameters") {
  std::vector<ScoreFinding> scores;
  for (const std::int64_t limit : {std::int64_t{40}, kAllExamples}) {
    const std::string task = limit == 40 ? "mnli_40" : "mnli";
    scores.push_back(score(task, "full", "", {}, 1600000, 60));
    scores.push_back(score(task, "lora", "Wq", 8, 9000, 50));
    scores.push_back(score(task, "lora", "Wq", 1, 1000, 40));
    for (std::size_t i = scores.size() - 3; i < scores.size(); ++i)
      scores[i].train_examples = limit;
    scores[scores.size() - 2].sweep = "a";
    scores.push_back(score(task, "full", "", {}, 1600000, 60));
    scores.back().sweep = "a";
    scores.back().train_examples = limit;
    // Which no number of examples trained.
    scores.push_back(score(task, "none", "", {}, 0, limit == 40 ? 31 : 33));
    scores.back().train_examples = {};
  }
  Given given(scores);
  const TableSet set = method_tables(*given.data);
  for (const TableColumn& column : set.tables.at(0).columns)
    CHECK_THAT(column.title, !Contains("mnli_40"));
  const std::string rows = shown(set);
  REQUIRE(rows.find("Wq, r = 1 | 1,000") != std::string::npos);
  CHECK(rows.find("Wq, r = 1 | 1,000") < rows.find("Wq, r = 8 | 9,000"));
  CHECK_THAT(rows, Contains("33.0 ± 1.0") && !Contains("31.0 ± 1.0"));
  CHECK_THAT(shown(few_example_tables(*given.data)), Contains("MNLI, accuracy | all |"));
}

TEST_CASE(
    "a trial that has not ended counts as pending or running, which the database cannot tell") {
  TemporaryFolder folder;
  fill_report_sample(folder / "results.db", SampleKind::kHalf);
  ResultsReader results({folder.path()});
  const Findings findings;
  ReportData data(results, findings);
  const Table table = trial_tables(data).tables.at(0);
  std::vector<std::string> states;
  for (const TableColumn& column : table.columns) states.push_back(column.title);
  CHECK(states == std::vector<std::string>{"sweep", "base", "role", "done", "diverged", "failed",
                                           "pending or running", "all"});
  std::int64_t pending = 0;
  for (const auto& row : table.rows) pending += std::stoll(row.at(6).text);
  CHECK(pending > 0);
  CHECK(pending == data.sweeps().at(0).pending);
}

TEST_CASE("Table 4 keeps a task whose name begins as another's") {
  std::vector<ScoreFinding> scores;
  for (const char* task : {"wikisql", "wikisql_hard", "wikisql_40"}) {
    scores.push_back(score(task, "full", "", {}, 1600000, 60));
    scores.push_back(score(task, "lora", "Wq", 8, 9000, 50));
    for (std::size_t i = scores.size() - 2; i < scores.size(); ++i)
      scores[i].train_examples = std::string(task) == "wikisql" ? 1000 : 40;
  }
  Given given(scores);
  const Table table = method_tables(*given.data).tables.at(0);
  std::vector<std::string> titles;
  for (const TableColumn& column : table.columns) titles.push_back(column.title);
  const auto has_task = [&](const std::string& task) {
    return std::ranges::any_of(
        titles, [&](const std::string& title) { return title.starts_with(task + ","); });
  };
  CHECK(has_task("WikiSQL"));
  CHECK(has_task("wikisql_hard"));
  CHECK_FALSE(has_task("wikisql_40"));
}

TEST_CASE("what is of one seed, and so told from nothing, is not bold") {
  std::vector<ScoreFinding> scores{score("wikisql", "lora", "Wq", 8, 800, 9),
                                   score("wikisql", "lora", "Wv", 8, 800, 80)};
  for (ScoreFinding& s : scores) s.among_best = true;
  scores[0].seeds = {1};
  Given given(scores);
  const Table table = matrix_tables(*given.data).tables.at(0);
  CHECK(table.rows.at(0).at(3).style == CellStyle::kPlain);
  CHECK(table.rows.at(1).at(3).style == CellStyle::kStrong);
  CHECK_THAT(table.caption, Contains("of one seed, which can be told from nothing, is never bold"));
  CHECK_THAT(best_tables(*given.data).tables.at(0).caption,
             Contains("a configuration can be told from none"));
}

TEST_CASE("tables that show ROUGE say that it is with the stemmer, and others say nothing of it") {
  for (const char* metric : {"rougeL", "exact"}) {
    std::vector<ScoreFinding> scores{score("samsum", "full", "", {}, 1600000, 50),
                                     score("samsum", "lora", "Wq", 8, 800, 52)};
    for (ScoreFinding& s : scores) {
      s.metric = metric;
      s.among_best = true;
    }
    Given given(scores);
    for (const TableSet& set : {method_tables(*given.data), best_tables(*given.data)}) {
      const bool said = set.tables.at(0).caption.find("with Porter's stemmer") != std::string::npos;
      CHECK(said == (metric == std::string("rougeL")));
    }
  }
}
