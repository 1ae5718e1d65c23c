// How it was run: machines, configuration, hashes and data.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/scored_datasets.h"
#include "plots/tables/claims_origin.h"
#include "plots/tables/makers.h"
#include "results/cells.h"

namespace rankscope {

namespace {

constexpr std::size_t kValuesShown = 4;

struct Value {
  std::string value;
  std::int64_t trials = 0;
};
using Values = std::map<std::string, std::vector<Value>>;  // by key

Values values_by_key(const std::vector<Row>& rows) {
  Values values;
  for (const Row& row : rows)
    values[text_in(row[0])].push_back({text_in(row[1]), integer_in(row[2]).value_or(0)});
  return values;
}

// `all`: of how many trials; a value that each of them has needs no count.
std::string several(const std::vector<Value>& values, std::int64_t all) {
  if (values.size() == 1 && values.front().trials == all) return values.front().value;
  std::string text;
  for (std::size_t i = 0; i < std::min(values.size(), kValuesShown); ++i)
    text +=
        fmt::format("{}{} ({})", i == 0 ? "" : ", ", values[i].value, grouped(values[i].trials));
  if (values.size() > kValuesShown)
    text += fmt::format(", and {} more", values.size() - kValuesShown);
  return text;
}

// Where one of these differs, two trials of one configuration need not be the same to the last bit:
// of what scored a trial, and with "train_" before it of what trained it.
bool mixes(std::string_view key) {
  static constexpr std::array<std::string_view, 7> kKeys{
      "processor", "instruction_set", "numeric_version", "backend",
      "onednn",    "compiler",        "libraries"};
  constexpr std::string_view kTrained = "train_";
  if (key.starts_with(kTrained)) key.remove_prefix(kTrained.size());
  return std::ranges::find(kKeys, key) != kKeys.end();
}

// Whether trials differ in it, or one of them from the training of its adapter.
bool differs(const Values& all, const std::string& key) {
  std::set<std::string> distinct;
  for (const std::string& name : {key, "train_" + key})
    if (const auto found = all.find(name); found != all.end())
      for (const Value& value : found->second) distinct.insert(value.value);
  return distinct.size() > 1;
}

std::vector<Row> counted_values(ReportData& data, const char* from) {
  return data.rows(fmt::format(
      "SELECT key, value, count(*) FROM {} GROUP BY key, value ORDER BY key, count(*) DESC, "
      "value",
      from));
}

}  // namespace

TableSet environment_tables(ReportData& data) {
  const std::vector<Row> rows = counted_values(
      data,
      "environment WHERE key NOT LIKE 'scored\\_%' ESCAPE '\\' AND key NOT IN ('train_examples', "
      "'train_prompts_cut', 'train_tokens_cut', 'train_left_out')");
  if (rows.empty()) return {{}, "No finished trial says where it was run yet."};
  Table table{.name = "environment",
              .title = "Machines and programs",
              .caption = {},
              .answers = {},
              .columns = {{"what"}, {"value"}, {""}},
              .rows = {},
              .data = {{"key", "value", "trials"}, rows}};
  std::string mixed;
  const Values all = values_by_key(rows);
  for (const auto& [key, values] : all) {
    const bool warn = mixes(key) && differs(all, key);
    table.rows.push_back({key, several(values, values.front().trials),
                          warn ? ShownCell("✗ mixed", CellStyle::kContradicted)
                               : ShownCell(values.size() > 1 ? "differs" : "", CellStyle::kQuiet)});
    if (warn) mixed += (mixed.empty() ? "" : ", ") + key;
  }
  table.caption = mixed.empty()
                      ? "All trials ran on one kind of machine with one kind of arithmetic."
                      : fmt::format(
                            "These trials mix machines: {} differ. Scores of one configuration "
                            "need not agree to the last digit between them.",
                            mixed);
  table.caption += " In brackets: trials.";
  return {{std::move(table)}, {}};
}

TableSet configuration_tables(ReportData& data) {
  const std::vector<Row> rows = data.rows(
      "SELECT c.key, c.value, count(*) FROM config c JOIN trial t ON t.trial = c.trial AND t.sweep "
      "= c.sweep WHERE "
      "t.role = 'scored' GROUP BY c.key, c.value ORDER BY c.key, count(*) DESC, c.value");
  if (rows.empty()) return {{}, "There is no scored trial yet."};
  Table table{.name = "configuration",
              .title = "Configuration",
              .caption = {},
              .answers = {},
              .columns = {{"key"}, {"value"}},
              .rows = {},
              .data = {{"key", "value", "trials"}, rows}};
  const Values by_key = values_by_key(rows);
  std::int64_t trials = 0;
  for (const auto& [key, values] : by_key) {
    std::int64_t of_key = 0;
    for (const Value& value : values) of_key += value.trials;
    trials = std::max(trials, of_key);
  }
  for (const auto& [key, values] : by_key) {
    // What each trial has its own of tells nothing in a list.
    if (key.starts_with("tuned.runs") || key.starts_with("tuning.")) continue;
    const bool empty = values.size() == 1 && values.front().value.empty();
    if (!empty) table.rows.push_back({key, several(values, trials)});
  }
  table.caption =
      "Of the scored trials; in brackets, how many have the value. Keys that are empty everywhere "
      "and "
      "those of the tuning are in the CSV.";
  return {{std::move(table)}, {}};
}

namespace {

// Of each file that was scored, and of the one that is read with it: what it is, its name and hash.
// Datasets of one file have it once.
std::vector<std::array<std::string, 3>> hashes_of_files(ReportData& data) {
  std::vector<std::array<std::string, 3>> files;
  for (const ScoredDataset& dataset : scored_datasets(data)) {
    const std::string what = "scored " + dataset_label(dataset),
                      name = dataset.split + ", " + dataset.file;
    const std::vector<std::string> hashes =
        dataset.hashes.empty() ? std::vector<std::string>{""} : dataset.hashes;
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      const std::array<std::string, 3> file{what, name + (i == 0 ? "" : ", the file beside it"),
                                            hashes[i]};
      if (std::ranges::find(files, file) == files.end()) files.push_back(file);
    }
  }
  return files;
}

}  // namespace

TableSet hash_tables(ReportData& data) {
  Table table{.name = "hashes",
              .title = "Hashes",
              .caption = {},
              .answers = {},
              .columns = {{"what"}, {"name"}, {"SHA-256"}},
              .rows = {},
              .data = {{"what", "name", "hash"}, {}}};
  const auto add = [&](const std::string& what, const std::string& name, const std::string& hash) {
    table.rows.push_back(
        {what, name, {hash.empty() ? std::string(kNone) : hash, CellStyle::kCode}});
    table.data.rows.push_back({what, name, hash});
  };
  const Findings& findings = data.findings();
  if (!findings.claims_file_hash.empty())
    add("claims",
        claims_file_name(findings) +
            (findings.claims_changed.empty() ? "" : ", last changed " + findings.claims_changed),
        findings.claims_file_hash);
  for (const SweepFacts& sweep : data.sweeps())
    add("base of sweep " + sweep.sweep, sweep.base, sweep.base_hash);
  for (const auto& [what, name, hash] : hashes_of_files(data)) add(what, name, hash);
  if (table.rows.empty()) return {{}, "There is nothing to name yet."};
  table.caption = "What the numbers were made from. The claims and their margins stand in " +
                  claims_origin(findings) + ".";
  return {{std::move(table)}, {}};
}

TableSet dataset_tables(ReportData& data) {
  const std::vector<ScoredDataset> datasets = scored_datasets(data);
  if (datasets.empty()) return {{}, "No dataset was scored yet."};
  Table table{
      .name = "datasets",
      .title = "Scored examples",
      .caption =
          "How many examples of a file a task is scored on, within its score.limit, and over how "
          "many of them a trial's score by the metric that is shown is a mean: those that this "
          "metric scores, with a prompt that fits, whole or cut, into the base's context beside "
          "what is generated and a method's special tokens.",
      .answers = {},
      .columns = {{"task"}, {"split"}, {"file"}, {"examples", true}, {"metric"}, {"scored", true}},
      .rows = {},
      .data = {{"task", "names", "split", "file", "examples", "metric", "fewest_scored",
                "most_scored", "dataset"},
               {}}};
  for (const ScoredDataset& dataset : datasets) {
    const auto add = [&](const ShownCell& metric, const ShownCell& scored, const Row& exact) {
      table.rows.push_back({dataset_label(dataset), dataset.split, dataset.file,
                            grouped(dataset.examples), metric, scored});
      Row row{dataset.kind, fmt::format("{}", fmt::join(dataset.names, ", ")), dataset.split,
              dataset.file, dataset.examples};
      row.insert(row.end(), exact.begin(), exact.end());
      row.emplace_back(dataset.dataset);
      table.data.rows.push_back(std::move(row));
    };
    for (const auto& [metric, counts] : dataset.scored)
      add(metric_label(metric), scored_text(counts), {metric, counts.first, counts.second});
    if (dataset.scored.empty()) add(std::string(kNone), std::string(kNone), {{}, {}, {}});
  }
  const std::int64_t cut = std::ranges::count_if(
      data.scores(), [](const ScoreFinding* s) { return s->scored_cut && s->scored_cut->cut > 0; });
  if (cut > 0)
    table.caption +=
        fmt::format(" With {} prompts were cut, as the next table says.", counted(cut, "setting"));
  if (const std::vector<std::string> tasks = tasks_scored_on_training(data); !tasks.empty())
    table.caption += fmt::format(" Trained on, too, are examples of {}.", fmt::join(tasks, ", "));
  return {{std::move(table)}, {}};
}

}  // namespace rankscope
