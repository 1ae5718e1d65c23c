#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "results/cells.h"

namespace rankscope {

namespace {

struct Measurement {
  std::string_view name, title;
};
// Whole numbers, shown as parameters are.
constexpr std::string_view kBytes = "checkpoint_bytes";
constexpr std::array<Measurement, 7> kKnown{{{"train_seconds", "training, s"},
                                             {"train_tokens_per_second", "tokens/s"},
                                             {"train_peak_memory_mib", "peak memory, MiB"},
                                             {kBytes, "checkpoint, bytes"},
                                             {"train_useful_gflops", "useful GFLOP/s"},
                                             {"eval_seconds", "scoring, s"},
                                             {"set_up_seconds", "set-up, s"}}};

}  // namespace

TableSet cost_tables(ReportData& data) {
  // By setting in the CSV, so that no mean there mixes two.
  const std::vector<Row> rows = data.rows(fmt::format(
      "SELECT t.sweep, t.task, t.method, t.targets, t.rank, t.trainable_parameters, t.setting, "
      "i.name, avg(i.value), min(i.value), max(i.value), count(i.value) FROM trials t JOIN timings "
      "i ON i.trial = t.trial AND i.sweep = t.sweep WHERE t.role = 'scored' AND t.state = 'done' "
      "AND t.trial NOT IN ({}) AND i.name <> 'trained_together' AND NOT (i.name LIKE 'train\\_%' "
      "ESCAPE '\\' AND EXISTS (SELECT 1 FROM timings p WHERE p.trial = t.trial AND p.sweep = "
      "t.sweep AND p.name = 'trained_together')) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8",
      kControlTrials));
  if (rows.empty()) return {{}, "No finished trial has measurements yet."};
  Table table{.name = "cost",
              .title = "Cost by method",
              .caption = {},
              .answers = {},
              .columns = {{"task"},
                          {"method"},
                          {"configurations", true},
                          {"parameters", true},
                          {"trials", true}},
              .rows = {},
              .data = {{"sweep", "task", "method", "targets", "rank", "parameters", "setting",
                        "measurement", "mean", "least", "most", "trials"},
                       rows}};
  struct Sum {
    double total = 0;
    std::int64_t count = 0;
  };
  struct Line {
    std::map<std::string, Sum> sums;
    std::int64_t least = 0, most = 0, trials = 0;
    std::vector<Row> configurations;
  };
  std::map<std::tuple<std::string, int, std::string, int, std::string>, Line> lines;
  for (const Row& row : rows) {
    const std::string task = text_in(row[1]), method = text_in(row[2]);
    Line& line = lines[{data.base_of(text_in(row[0])), task_order(task), task, method_order(method),
                        method}];
    Sum& sum = line.sums[text_in(row[7])];
    const std::int64_t count = integer_in(row[11]).value_or(0);
    sum.total += number_in(row[8]).value_or(0) * static_cast<double>(count);
    sum.count += count;
    line.trials = std::max(line.trials, sum.count);
    const std::int64_t parameters = integer_in(row[5]).value_or(0);
    const bool first = line.configurations.empty();
    line.least = first ? parameters : std::min(line.least, parameters);
    line.most = first ? parameters : std::max(line.most, parameters);
    const Row configuration{row[0], row[6]};
    if (std::ranges::find(line.configurations, configuration) == line.configurations.end())
      line.configurations.push_back(configuration);
  }
  const auto measured = [&](std::string_view name) {
    return std::ranges::any_of(
        lines, [&](const auto& line) { return line.second.sums.contains(std::string(name)); });
  };
  std::vector<std::string> names;
  for (const Measurement& known : kKnown) {
    if (!measured(known.name)) continue;
    names.emplace_back(known.name);
    table.columns.push_back({std::string(known.title), true});
  }
  const bool several_bases = data.several_bases();
  if (several_bases) table.columns.insert(table.columns.begin(), {"base"});
  for (const auto& [key, line] : lines) {
    const auto& [base, task_place, task, method_place, method] = key;
    std::vector<ShownCell> row{
        task_label(task), method_label(method), grouped(std::ssize(line.configurations)),
        line.least == line.most ? grouped(line.most)
                                : grouped(line.least) + " to " + grouped(line.most),
        grouped(line.trials)};
    for (const std::string& name : names) {
      const auto sum = line.sums.find(name);
      if (sum == line.sums.end() || sum->second.count == 0) {
        row.emplace_back(std::string(kNone));
        continue;
      }
      const double mean = sum->second.total / static_cast<double>(sum->second.count);
      row.emplace_back(name == kBytes ? grouped(static_cast<std::int64_t>(std::llround(mean)))
                                      : short_number(mean));
    }
    if (several_bases) row.insert(row.begin(), ShownCell(base));
    table.rows.push_back(std::move(row));
  }
  table.caption =
      "Means over all settings' scored trials that did not diverge, controls left out, as measured "
      "while "
      "they ran, beside whatever else the machine "
      "did; "
      "by configuration in the CSV, with the least and the most. Memory is the most that a trial's "
      "process had resident, or held on its GPU.";
  if (const std::int64_t packed = data.trained_together("scored"); packed > 0)
    table.caption += fmt::format(
        " {} trained together with others: what was measured of such trainings is their pack's and "
        "left out.",
        packed == 1 ? "1 trial was" : grouped(packed) + " trials were");
  if (!measured(kBytes)) table.caption += " The size of checkpoints was not recorded.";
  return {{std::move(table)}, {}};
}

}  // namespace rankscope
