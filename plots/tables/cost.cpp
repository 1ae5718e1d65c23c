#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "common/natural_order.h"
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

using SweepAndTrial = std::pair<std::string, std::string>;

using Facts = std::map<std::string, std::string>;

// "EPYC, avx512, 4 threads", as far as it is said.
std::string device_text(const Facts& facts, const std::string& prefix) {
  const auto fact = [&](const std::string& key) {
    const auto found = facts.find(prefix + key);
    return found == facts.end() ? std::string() : found->second;
  };
  std::vector<std::string> parts;
  for (const char* key : {"processor", "instruction_set"})
    if (std::string part = fact(key); !part.empty()) parts.push_back(std::move(part));
  if (const std::string threads = fact("threads"); !threads.empty())
    parts.push_back(threads + (threads == "1" ? " thread" : " threads"));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::map<SweepAndTrial, std::string> devices_of(ReportData& data) {
  std::map<SweepAndTrial, Facts> facts;
  for (const Row& row :
       data.rows("SELECT sweep, trial, key, value FROM environment WHERE key IN ('processor', "
                 "'instruction_set', 'threads', 'train_processor', 'train_instruction_set', "
                 "'train_threads') AND value <> ''"))
    facts[{text_in(row[0]), text_in(row[1])}][text_in(row[2])] = text_in(row[3]);
  std::map<SweepAndTrial, std::string> devices;
  for (auto& [trial, of_trial] : facts) {
    // What an older program did not record of a training is of the process that scored its
    // adapter, where that was the same kind of device.
    const auto trained_by = of_trial.find("train_instruction_set");
    if (trained_by == of_trial.end() || trained_by->second == of_trial["instruction_set"])
      for (const char* key : {"processor", "instruction_set", "threads"})
        if (of_trial.contains(key)) of_trial.emplace(std::string("train_") + key, of_trial[key]);
    const std::string scored = device_text(of_trial, ""), trained = device_text(of_trial, "train_");
    devices[trial] =
        trained == scored ? scored : fmt::format("trained on {}; scored on {}", trained, scored);
  }
  return devices;
}

// By setting and device, so that no mean mixes two: rows of the CSV.
std::vector<Row> means_by_setting(ReportData& data) {
  const std::map<SweepAndTrial, std::string> devices = devices_of(data);
  struct Measured {
    double total = 0, least = 0, most = 0;
    std::int64_t count = 0;
  };
  std::map<Row, Measured> all;
  for (const Row& row : data.rows(fmt::format(
           "SELECT t.sweep, t.task, t.method, t.targets, t.rank, t.trainable_parameters, "
           "t.setting, t.trial, i.name, i.value FROM trials t JOIN timings i ON i.trial = t.trial "
           "AND i.sweep = t.sweep WHERE t.role = 'scored' AND t.state = 'done' AND t.trial NOT IN "
           "({}) AND i.name <> 'trained_together' AND NOT (i.name LIKE 'train\\_%' ESCAPE '\\' AND "
           "EXISTS (SELECT 1 FROM timings p WHERE p.trial = t.trial AND p.sweep = t.sweep AND "
           "p.name = 'trained_together'))",
           kControlTrials))) {
    const auto device = devices.find({text_in(row[0]), text_in(row[7])});
    Row key(row.begin(), row.begin() + 7);
    key.emplace_back(device == devices.end() ? std::string() : device->second);
    key.push_back(row[8]);
    Measured& measured = all[key];
    const std::optional<double> value = number_in(row[9]);
    if (!value) continue;
    const bool first = measured.count++ == 0;
    measured.total += *value;
    measured.least = first ? *value : std::min(measured.least, *value);
    measured.most = first ? *value : std::max(measured.most, *value);
  }
  std::vector<Row> rows;
  for (const auto& [key, measured] : all) {
    rows.push_back(key);
    if (measured.count == 0)
      rows.back().insert(rows.back().end(), {Cell(), Cell(), Cell()});
    else
      rows.back().insert(rows.back().end(), {measured.total / static_cast<double>(measured.count),
                                             measured.least, measured.most});
    rows.back().emplace_back(measured.count);
  }
  return rows;
}

}  // namespace

TableSet cost_tables(ReportData& data) {
  const std::vector<Row> rows = means_by_setting(data);
  if (rows.empty()) return {{}, "No finished trial has measurements yet."};
  Table table{.name = "cost",
              .title = "Cost by method",
              .caption = {},
              .answers = {},
              .columns = {{"task"},
                          {"method"},
                          {"sweep"},
                          {"measured on"},
                          {"configurations", true},
                          {"parameters", true},
                          {"trials", true}},
              .rows = {},
              .data = {{"sweep", "task", "method", "targets", "rank", "parameters", "setting",
                        "device", "measurement", "mean", "least", "most", "trials"},
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
  // Base, task, method, sweep, device.
  using Key = std::tuple<std::string, std::pair<int, std::string>, std::string, int, std::string,
                         std::pair<std::string, std::string>, std::string>;
  std::map<Key, Line> lines;
  std::set<std::string> devices;
  for (const Row& row : rows) {
    const std::string task = text_in(row[1]), method = text_in(row[2]);
    const std::string sweep = text_in(row[0]), device = text_in(row[7]);
    devices.insert(device);
    Line& line = lines[{data.base_of(sweep),
                        task_order(task),
                        task,
                        method_order(method),
                        method,
                        {natural_key(sweep), sweep},
                        device}];
    Sum& sum = line.sums[text_in(row[8])];
    const std::int64_t count = integer_in(row[12]).value_or(0);
    sum.total += number_in(row[9]).value_or(0) * static_cast<double>(count);
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
  const bool several_bases = data.several_bases(), several_devices = devices.size() > 1;
  constexpr std::ptrdiff_t kSweepColumn = 2, kDeviceColumn = 3;
  if (!several_devices) table.columns.erase(table.columns.begin() + kDeviceColumn);
  if (!data.several_sweeps()) table.columns.erase(table.columns.begin() + kSweepColumn);
  if (several_bases) table.columns.insert(table.columns.begin(), {"base"});
  for (const auto& [key, line] : lines) {
    const auto& [base, task_place, task, method_place, method, sweep, device] = key;
    std::vector<ShownCell> row{task_label(task),
                               method_label(method),
                               sweep.second,
                               device.empty() ? std::string(kNone) : device,
                               grouped(std::ssize(line.configurations)),
                               line.least == line.most
                                   ? grouped(line.most)
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
    if (!several_devices) row.erase(row.begin() + kDeviceColumn);
    if (!data.several_sweeps()) row.erase(row.begin() + kSweepColumn);
    if (several_bases) row.insert(row.begin(), ShownCell(base));
    table.rows.push_back(std::move(row));
  }
  table.caption =
      "Means over all settings of a method in one sweep on one device, of the scored trials that "
      "did "
      "not diverge, controls left out, as measured while they ran, beside whatever else the "
      "machine "
      "did; by configuration in the CSV, with the least and the most. Memory is the most that a "
      "trial's "
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
