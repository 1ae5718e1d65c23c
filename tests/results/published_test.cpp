// The paper's published numbers against sums typed from the paper, and against one another.
#include "results/published.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <vector>

using namespace rankscope;

namespace {

constexpr std::string_view kAnyTask = "*";

// A column of a table of the paper, over its rows from the first on. A sum over places (the first
// number, twice the second, ...) also changes where two numbers change places.
struct Column {
  std::string_view source, task, metric;
  std::size_t rows = 0;
  double sum = 0, by_place = 0;
  // By place, too; of parameters in thousands.
  double spreads_by_place = 0, parameters_by_place = 0;
};

const std::vector<Column>& columns() {
  static const std::vector<Column> all{
      {"table1", "", "latency_ms", 12, 7359.4, 24843.7, 124.3, 421500},
      {"table1", "", "latency_increase", 6, 69.6, 342.1, 0, 199500},
      {"table2", "mnli", "accuracy", 14, 1250.2, 9476, 21.9, 21942200},
      {"table2", "sst2", "accuracy", 14, 1340.6, 10105, 27.5, 21942200},
      {"table2", "mrpc", "accuracy", 14, 1262.4, 9480.3, 100.1, 21942200},
      {"table2", "cola", "matthews", 14, 930.1, 7141.7, 158.8, 21942200},
      {"table2", "qnli", "accuracy", 14, 1319.4, 9956.6, 18.2, 21942200},
      {"table2", "qqp", "accuracy", 14, 1275.7, 9634.2, 9.7, 21942200},
      {"table2", "rte", "accuracy", 14, 1162.4, 8923.1, 148.9, 21942200},
      {"table2", "stsb", "pearson", 14, 1283.2, 9660.9, 44.2, 21942200},
      {"table2", "glue", "average", 14, 1228, 9296.4, 0, 21942200},
      {"table3", "e2e", "bleu", 12, 826.1, 5405.2, 8.2, 7011660},
      {"table3", "e2e", "nist", 12, 104.39, 682.72, 1.33, 7011660},
      {"table3", "e2e", "meteor", 12, 553.6, 3608.2, 5.6, 7011660},
      {"table3", "e2e", "rougeL", 12, 853.1, 5559.8, 7.7, 7011660},
      {"table3", "e2e", "cider", 12, 29.54, 192.46, 0.62, 7011660},
      {"table4", "wikisql", "accuracy", 8, 570.8, 2590.6, 18, 175985200},
      {"table4", "mnli", "accuracy", 8, 723.2, 3268, 3.6, 175985200},
      {"table4", "samsum", "rouge1", 8, 415.8, 1890.7, 7.2, 175985200},
      {"table4", "samsum", "rouge2", 8, 223.8, 1025.3, 7.2, 175985200},
      {"table4", "samsum", "rougeL", 8, 352.9, 1603.7, 3.6, 175985200},
      {"table5", "wikisql", "accuracy", 7, 505.4, 2037.3, 14, 504000},
      {"table5", "mnli", "accuracy", 7, 638.4, 2557, 2.8, 504000},
      {"table6", "wikisql", "accuracy", 15, 1086.7, 8799.4, 60},
      {"table6", "mnli", "accuracy", 15, 1368.6, 10966.2, 12},
      {"table7", "", "frobenius", 9, 134.38, 895.54},
      {"table7", "", "amplification", 2, 23.38, 25.26},
      {"table8", "mnli", "accuracy", 2, 130.1, 219.6},
      {"table8", "rte", "accuracy", 2, 154.4, 239.8},
      {"table13", "dart", "bleu", 11, 502.3, 3053.2, 4, 6135800},
      {"table13", "dart", "meteor", 11, 4.17, 25.22, 0, 6135800},
      {"table13", "dart", "ter", 11, 5.15, 30.5, 0, 6135800},
      {"table14", "webnlg", "bleu", 33, 1727.2, 30571.9, 46, 51653730},
      {"table14", "webnlg", "meteor", 33, 13.14, 229.76, 0, 51653730},
      {"table14", "webnlg", "ter", 33, 14.73, 235.3, 0, 51653730},
      {"table15", "wikisql", "accuracy", 30, 2108.7, 33795.1, 0, 225556200},
      {"table15", "mnli", "accuracy", 30, 2703.3, 42248.8, 0, 225556200},
      {"table16", "mnli", "accuracy", 16, 1241.9, 10873.8, 28.8},
      {"table18", "e2e", "loss", 11, 12.92, 76.94},
      {"table18", "e2e", "bleu", 11, 761.82, 4566.18},
      {"table18", "e2e", "nist", 11, 96.0969, 575.8832},
      {"table18", "e2e", "meteor", 11, 5.0955, 30.6214},
      {"table18", "e2e", "rougeL", 11, 7.848, 47.136},
      {"table18", "e2e", "cider", 11, 27.498, 165.3971},
      {"table9", kAnyTask, "warmup_ratio", 2, 0.12, 0.18},
      {"table9", kAnyTask, "seeds", 2, 10, 15},
      {"table9", kAnyTask, "batch", 21, 348, 3920},
      {"table9", kAnyTask, "epochs", 56, 1085, 23860},
      {"table9", kAnyTask, "lr", 42, 0.01279, 0.24915},
      {"table9", kAnyTask, "rank", 3, 24, 48},
      {"table9", kAnyTask, "alpha", 3, 40, 88},
      {"table9", kAnyTask, "sequence", 14, 4096, 26880},
      {"table9", kAnyTask, "bottleneck", 4, 152, 320},
      {"table10", kAnyTask, "warmup_ratio", 1, 0.1, 0.1},
      {"table10", kAnyTask, "seeds", 1, 5, 5},
      {"table10", kAnyTask, "batch", 8, 74, 274},
      {"table10", kAnyTask, "epochs", 8, 101, 430},
      {"table10", kAnyTask, "lr", 8, 0.00106, 0.00532},
      {"table10", kAnyTask, "weight_decay", 8, 0.15, 1.03},
      {"table10", kAnyTask, "cls_dropout", 8, 0.95, 5.25},
      {"table10", kAnyTask, "rank", 1, 8, 8},
      {"table10", kAnyTask, "alpha", 1, 8, 8},
      {"table10", kAnyTask, "sequence", 8, 1856, 8896},
      {"table11", kAnyTask, "seeds", 1, 3, 3},
      {"table11", kAnyTask, "weight_decay", 3, 0.02, 0.03},
      {"table11", kAnyTask, "dropout", 3, 0.2, 0.3},
      {"table11", kAnyTask, "batch", 1, 8, 8},
      {"table11", kAnyTask, "epochs", 1, 5, 5},
      {"table11", kAnyTask, "warmup_steps", 1, 500, 500},
      {"table11", kAnyTask, "label_smoothing", 3, 0.2, 0.3},
      {"table11", kAnyTask, "lr", 1, 0.0002, 0.0002},
      {"table11", kAnyTask, "rank", 1, 4, 4},
      {"table11", kAnyTask, "alpha", 1, 32, 32},
      {"table11", kAnyTask, "beams", 1, 10, 10},
      {"table11", kAnyTask, "length_penalty", 3, 2.5, 4.9},
      {"table11", kAnyTask, "no_repeat_ngram", 1, 4, 4},
      {"table12", kAnyTask, "lr", 6, 0.002505, 0.009405},
      {"table12", kAnyTask, "batch", 1, 128, 128},
      {"table12", kAnyTask, "epochs", 1, 2, 2},
      {"table12", kAnyTask, "warmup_tokens", 1, 250000, 250000},
      {"table12", kAnyTask, "weight_decay", 1, 0.1, 0.1},
      {"table12", kAnyTask, "sequence", 3, 3200, 8064},
      {"table17", kAnyTask, "warmup_tokens", 1, 250000, 250000},
      {"table17", kAnyTask, "batch", 4, 268, 872},
      {"table17", kAnyTask, "epochs", 4, 86, 140},
      {"table17", kAnyTask, "lr", 10, 0.001755, 0.009055},
      {"table17", kAnyTask, "prefix", 5, 376, 1336},
      {"table17", kAnyTask, "infix", 2, 16, 24},
      {"table17", kAnyTask, "rank", 1, 8, 8},
      {"figure2", kAnyTask, "special_tokens", 2, 288, 320},
      {"figure3", kAnyTask, "phi", 2, 1, 1.5},
      {"figure8", kAnyTask, "phi", 1, 0.2, 0.2},
  };
  return all;
}

std::vector<PublishedNumber> numbers_of(std::string_view source, std::string_view task,
                                        std::string_view metric) {
  std::vector<PublishedNumber> found;
  for (const PublishedNumber& n : published_numbers())
    if (n.source == source && (task == kAnyTask || n.task == task) && n.metric == metric)
      found.push_back(n);
  return found;
}

// By task, method and setting, of a table that has one number for each.
double value_of(std::string_view source, std::string_view task, std::string_view method,
                std::string_view setting, std::string_view metric = "accuracy") {
  INFO(source << " " << task << " " << method << " " << setting << " " << metric);
  std::vector<double> found;
  for (const PublishedNumber& n : numbers_of(source, task, metric))
    if (n.method == method && n.setting == setting) found.push_back(n.value.value());
  REQUIRE(found.size() == 1);
  return found.front();
}

std::string lora_setting(int rank, std::string_view targets) {
  return "rank=" + std::to_string(rank) + ";targets=" + std::string(targets);
}

}  // namespace

TEST_CASE("every column of published numbers adds up as the paper prints it") {
  std::size_t all = 0;
  for (const Column& column : columns()) {
    INFO(column.source << " " << column.task << " " << column.metric);
    const std::vector<PublishedNumber> numbers =
        numbers_of(column.source, column.task, column.metric);
    REQUIRE(numbers.size() == column.rows);
    all += numbers.size();
    double sum = 0, by_place = 0, spreads = 0, parameters = 0, place = 0;
    for (const PublishedNumber& n : numbers) {
      ++place;
      sum += n.value.value();
      by_place += place * n.value.value();
      spreads += place * n.spread.value_or(0);
      parameters += place * n.parameters.value_or(0) / 1000;
    }
    CHECK(std::abs(sum - column.sum) < 1e-8);
    CHECK(std::abs(by_place - column.by_place) < 1e-8);
    CHECK(std::abs(spreads - column.spreads_by_place) < 1e-8);
    // Those of tables of hyperparameters are of the runs that Table 2 has scores of.
    if (column.task != kAnyTask) CHECK(std::abs(parameters - column.parameters_by_place) < 1e-3);
  }
  CHECK(all == published_numbers().size());
  for (const PublishedNumber& n : published_numbers()) CHECK(std::stod(n.printed) == n.value);
  for (const PublishedNumber& n : published_numbers()) {
    if (n.source != "table9" || !n.parameters) continue;
    CHECK(std::ranges::any_of(published_numbers(), [&](const PublishedNumber& score) {
      return score.source == "table2" && score.model == n.model && score.method == n.method &&
             score.parameters == n.parameters;
    }));
  }
}

TEST_CASE("the rows of the published tables are of the methods that the paper has them of") {
  const auto methods = [](std::string_view source, std::string_view task, std::string_view metric) {
    std::vector<std::pair<std::string, int>> runs;
    for (const PublishedNumber& n : numbers_of(source, task, metric)) {
      if (runs.empty() || runs.back().first != n.method) runs.emplace_back(n.method, 0);
      ++runs.back().second;
    }
    return runs;
  };
  using Runs = std::vector<std::pair<std::string, int>>;
  for (const char* task : {"wikisql", "mnli"}) {
    CHECK(methods("table4", task, "accuracy") == Runs{{"full", 1},
                                                      {"bitfit", 1},
                                                      {"prefix_embed", 1},
                                                      {"prefix_layer", 1},
                                                      {"adapter_h", 2},
                                                      {"lora", 2}});
    CHECK(methods("table15", task, "accuracy") == Runs{{"full", 1},
                                                       {"prefix_embed", 5},
                                                       {"prefix_layer", 5},
                                                       {"adapter_h", 5},
                                                       {"lora", 10},
                                                       {"lora+prefix_embed", 3},
                                                       {"lora+prefix_layer", 1}});
  }
  CHECK(methods("table16", "mnli", "accuracy") ==
        Runs{{"full", 4}, {"prefix_embed", 4}, {"prefix_layer", 4}, {"lora", 4}});
}

TEST_CASE("a published average is the mean of its eight tasks") {
  const std::map<std::string, std::string> metrics{
      {"mnli", "accuracy"}, {"sst2", "accuracy"}, {"mrpc", "accuracy"}, {"cola", "matthews"},
      {"qnli", "accuracy"}, {"qqp", "accuracy"},  {"rte", "accuracy"},  {"stsb", "pearson"}};
  const std::vector<PublishedNumber> averages = numbers_of("table2", "glue", "average");
  REQUIRE(averages.size() == 14);
  for (std::size_t row = 0; row < averages.size(); ++row) {
    double sum = 0;
    for (const auto& [task, metric] : metrics)
      sum += numbers_of("table2", task, metric).at(row).value.value();
    INFO("row " << row + 1);
    CHECK(averages[row].value.value() == Approx(sum / 8).margin(0.0501));
  }
}

TEST_CASE("a published slowdown is that of the published times") {
  int slowdowns = 0;
  for (const char* setting :
       {"batch=32;sequence=512", "batch=16;sequence=256", "batch=1;sequence=128"}) {
    const double base = value_of("table1", "", "full", setting, "latency_ms");
    CHECK(value_of("table1", "", "lora", setting, "latency_ms") == base);
    for (const char* method : {"adapter_l", "adapter_h"}) {
      const double ms = value_of("table1", "", method, setting, "latency_ms");
      CHECK(value_of("table1", "", method, setting, "latency_increase") ==
            Approx(100 * (ms / base - 1)).margin(0.0501));
      ++slowdowns;
    }
  }
  CHECK(slowdowns == 6);
}

TEST_CASE("a published amplification is the quotient of its norms, and random's follows from W") {
  constexpr double kWidth = 12288;
  const double weight = value_of("table7", "", "", "layer=48;matrix=Wq", "frobenius");
  for (const int rank : {4, 64}) {
    const std::string of_rank = "rank=" + std::to_string(rank) + ";layer=48;matrix=";
    const double update = value_of("table7", "", "lora", of_rank + "dWq", "frobenius"),
                 projected =
                     value_of("table7", "", "lora", of_rank + "Wq;directions=dWq", "frobenius"),
                 random = value_of("table7", "", "", of_rank + "Wq;directions=random", "frobenius");
    CHECK(value_of("table7", "", "lora", of_rank + "Wq;directions=dWq", "amplification") ==
          Approx(update / projected).margin(rank == 4 ? 0.1 : 0.005));
    CHECK(random == Approx(rank / kWidth * weight).margin(0.01));
  }
}

TEST_CASE("Table 4's rows stand in Table 15") {
  int found = 0;
  for (const PublishedNumber& row : published_numbers()) {
    if (row.source != "table4" || row.task == "samsum" || row.method == "bitfit") continue;
    INFO(row.method << " " << row.task << " " << row.printed);
    CHECK(std::ranges::any_of(numbers_of("table15", row.task, "accuracy"),
                              [&](const PublishedNumber& n) {
                                // Of full fine-tuning Table 15 has 175 billion.
                                return n.method == row.method && n.value == row.value &&
                                       (row.method == "full" || n.parameters == row.parameters);
                              }));
    ++found;
  }
  CHECK(found == 14);
}

TEST_CASE(
    "what Tables 5, 6, 15 and 16 have of one setting is one number, but for the known slips") {
  for (const char* task : {"wikisql", "mnli"}) {
    for (const auto& [rank, targets] : {std::pair{8, "Wq"}, {4, "Wq+Wv"}, {2, "Wq+Wk+Wv+Wo"}}) {
      const std::string setting = lora_setting(rank, targets);
      const bool slip = task == std::string("mnli") && targets == std::string("Wq");
      CHECK((value_of("table5", task, "lora", setting) ==
             value_of("table6", task, "lora", setting)) == !slip);
    }
    for (const auto& [targets, ranks] : {std::pair{"Wq+Wv", std::vector{1, 2, 4, 8, 64}},
                                         {"Wq+Wk+Wv+Wo", std::vector{1, 2, 4, 64}}})
      for (const int rank : ranks) {
        const std::string setting = lora_setting(rank, targets);
        const bool slip = task == std::string("wikisql") && setting == lora_setting(64, "Wq+Wv");
        CHECK((value_of("table6", task, "lora", setting) ==
               value_of("table15", task, "lora", setting)) == !slip);
      }
  }
  const std::string all = "examples=392000";
  CHECK(value_of("table16", "mnli", "full", all) == value_of("table4", "mnli", "full", ""));
  CHECK(value_of("table16", "mnli", "prefix_embed", all) ==
        value_of("table15", "mnli", "prefix_embed", "prefix=256;infix=8"));
  CHECK(value_of("table16", "mnli", "prefix_layer", all) ==
        value_of("table15", "mnli", "prefix_layer", "prefix=32;infix=4"));
  CHECK(value_of("table16", "mnli", "lora", all) ==
        value_of("table15", "mnli", "lora", lora_setting(2, "Wv")));
}
