// What of the prompts did not fit the context.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "common/text.h"
#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"

namespace rankscope {

namespace {

using Counts = std::optional<CutPrompts>;

// Settings of one sweep and task that had the same cut.
struct SameCut {
  const ScoreFinding* first = nullptr;
  std::vector<std::string> settings;
};

bool is_cut(const ScoreFinding& score) {
  return (score.scored_cut && score.scored_cut->any()) ||
         (score.trained_cut && score.trained_cut->any());
}

void add_cells(std::vector<ShownCell>& row, const Counts& counts) {
  const auto number = [&](std::int64_t count) -> ShownCell {
    return {grouped(count), count == 0 ? CellStyle::kQuiet : CellStyle::kPlain};
  };
  if (!counts) {
    row.insert(row.end(), 3, ShownCell(std::string(kNone), CellStyle::kQuiet));
    return;
  }
  row.emplace_back(counts->cut == 0
                       ? "none"
                       : fmt::format("{} of {}", grouped(counts->cut), grouped(counts->prompts)),
                   counts->cut == 0 ? CellStyle::kQuiet : CellStyle::kPlain);
  row.push_back(number(counts->tokens));
  row.push_back(number(counts->left_out));
}

void add_numbers(Row& row, const Counts& counts) {
  if (!counts) {
    row.resize(row.size() + 4);
    return;
  }
  for (const std::int64_t count : {counts->prompts, counts->cut, counts->tokens, counts->left_out})
    row.emplace_back(count);
}

}  // namespace

TableSet cut_prompt_tables(ReportData& data) {
  Table table{
      .name = "cut_prompts",
      .title = "Prompts that were cut",
      .caption =
          "What did not fit into the context, or into max_tokens, beside a method's special "
          "tokens and what is generated (in training, and where choices are ranked, the "
          "target): how many of a setting's prompts were cut, how many tokens they lost in "
          "all, and how many examples no cut makes fit. What is cut is not read: between "
          "settings of which this differs it is part of every difference.",
      .answers = {},
      .columns = {{"task"},
                  {"configuration"},
                  {"scored prompts cut", true},
                  {"tokens lost", true},
                  {"left out", true},
                  {"training prompts cut", true},
                  {"tokens lost", true},
                  {"left out", true}},
      .rows = {},
      .data = {{"task", "configuration", "sweep", "base", "setting", "scored_prompts",
                "scored_prompts_cut", "scored_tokens_cut", "scored_left_out", "train_prompts",
                "train_prompts_cut", "train_tokens_cut", "train_left_out"},
               {}}};
  if (data.several_sweeps()) table.columns.push_back({"sweep"});
  std::vector<SameCut> lines;
  for (const ScoreFinding* score : data.scores()) {
    if (!score->scored_cut && !score->trained_cut) continue;
    Row& row = table.data.rows.emplace_back(
        Row{score->task, configuration_label(*score), score->sweep, score->base, score->setting});
    add_numbers(row, score->scored_cut);
    add_numbers(row, score->trained_cut);
    if (!is_cut(*score)) continue;
    auto line = std::ranges::find_if(lines, [&](const SameCut& l) {
      return l.first->sweep == score->sweep && l.first->task == score->task &&
             l.first->scored_cut == score->scored_cut && l.first->trained_cut == score->trained_cut;
    });
    if (line == lines.end()) line = lines.insert(lines.end(), {score, {}});
    line->settings.push_back(configuration_label(*score));
  }
  if (table.data.rows.empty()) return {};
  if (lines.empty())
    return {{}, "No trial says that a prompt was cut or an example left out.", true};
  for (SameCut& line : lines) {
    std::vector<ShownCell> row{
        task_label(line.first->task),
        fmt::format("{}", fmt::join(shortened(std::move(line.settings)), "; "))};
    add_cells(row, line.first->scored_cut);
    add_cells(row, line.first->trained_cut);
    if (data.several_sweeps()) row.emplace_back(line.first->sweep);
    table.rows.push_back(std::move(row));
  }
  return {{std::move(table)}, {}};
}

}  // namespace rankscope
