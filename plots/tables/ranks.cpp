// Table 6 of the paper.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "plots/format.h"
#include "plots/rank_lines.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "plots/tables/score_cells.h"

namespace rankscope {

namespace {

std::optional<Table> ranks_on(const ReportData& data, const std::string& base) {
  std::map<RankLine, std::map<std::int64_t, const ScoreFinding*>> lines;
  std::vector<const ScoreFinding*> scores;
  for (const ScoreFinding* s : data.scores()) {
    if (s->base != base || s->method != "lora" || !s->rank) continue;
    lines[rank_line(*s)].emplace(*s->rank, s);
    scores.push_back(s);
  }
  const std::string not_shown = of_one_rank(data, scores) + of_ranks_by_site(data, base, "table6");
  scores.clear();
  std::erase_if(lines, [](const auto& line) { return line.second.size() < 2; });
  std::set<std::int64_t> ranks;
  std::set<std::pair<std::string, TaskMetric>> places;
  for (const auto& [line, by_rank] : lines) {
    for (const auto& [rank, score] : by_rank) {
      ranks.insert(rank);
      scores.push_back(score);
    }
    places.emplace(std::get<0>(line).second, std::get<2>(line));
  }
  if (lines.empty()) return std::nullopt;

  const ScoreCells cells(scores);
  Table table{.name = "table6",
              .title = "Which rank?",
              .caption = {},
              .answers = "Table 6",
              .columns = {{"matrices"}, {"task"}, {""}},
              .rows = {},
              .data = {score_columns(), {}}};
  const bool told_apart =
      places.size() < lines.size() ||
      std::ranges::any_of(lines, [](const auto& line) { return !std::get<5>(line.first).empty(); });
  if (told_apart) table.columns.push_back({"settings"});
  for (const std::int64_t rank : ranks)
    table.columns.push_back({fmt::format("r = {}", rank), true});
  bool stands_for = false;
  for (const auto& [line, by_rank] : lines) {
    const auto& [targets, order, shown, examples, sweep, variant] = line;
    std::map<std::int64_t, const PublishedNumber*> printed;
    for (const PublishedNumber* number : published_scores("table6", shown))
      if (is_plain(variant) && published_setting(*number, "targets") == targets.second)
        printed[std::stoll(published_setting(*number, "rank"))] = number;
    std::vector<ShownCell> measured{targets.second, task_metric_label(shown), "measured"};
    std::vector<ShownCell> paper{"", "", {"paper", CellStyle::kPaper}};
    if (told_apart) {
      std::vector<std::string> parts;
      if (data.several_sweeps()) parts.push_back("sweep " + sweep);
      if (!variant.empty()) parts.push_back(variant);
      if (examples) parts.push_back(fmt::format("{} examples", shown_examples(examples)));
      std::string label = fmt::format("{}", fmt::join(parts, ", "));
      measured.emplace_back(std::move(label));
      paper.emplace_back("");
    }
    bool any = false;
    for (const std::int64_t rank : ranks) {
      const auto score = by_rank.find(rank);
      const PublishedNumber* number = printed.contains(rank) ? printed[rank] : nullptr;
      // The largest rank that fits a smaller base stands for the paper's largest.
      const bool instead = number == nullptr && !printed.empty() && rank == *ranks.rbegin() &&
                           !ranks.contains(printed.rbegin()->first) && rank > 8;
      if (instead) number = printed.rbegin()->second;
      measured.push_back(cells.measured(score == by_rank.end() ? nullptr : score->second));
      paper.push_back(paper_cell(number));
      if (instead) paper.back().text += fmt::format(" (r = {})", printed.rbegin()->first);
      stands_for = stands_for || instead;
      any = any || number != nullptr;
      if (score != by_rank.end())
        table.data.rows.push_back(score_row(shown.task, score->second, number));
    }
    table.rows.push_back(std::move(measured));
    if (any) table.rows.push_back(std::move(paper));
  }
  table.caption = "LoRA's rank, for each set of matrices and each task. " + cells.caption();
  if (stands_for)
    table.caption +=
        " The largest rank here stands beside the paper's largest, which the cell names.";
  table.caption += not_shown;
  return table;
}

}  // namespace

TableSet rank_tables(ReportData& data) {
  return for_each_base(data,
                       "Not run: no set of weight matrices was adapted with LoRA at two ranks "
                       "(experiments/paper/table6.yaml does).",
                       [&](const std::string& base) { return ranks_on(data, base); });
}

}  // namespace rankscope
