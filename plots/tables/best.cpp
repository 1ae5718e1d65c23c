#include <fmt/format.h>

#include <algorithm>

#include "common/natural_order.h"
#include "common/text.h"
#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "plots/tables/score_cells.h"

namespace rankscope {

namespace {

// What was not compared with the best and why, a sentence with a space before it; empty for none.
std::string not_compared(const ReportData& data) {
  std::vector<std::string> names;
  for (const ScoreFinding* s : data.scores())
    if (s->other_examples)
      names.push_back(fmt::format("{} on {} ({:.1f}, {}{})", configuration_label(*s),
                                  task_label(s->task), *s->mean,
                                  counted(s->examples, "other example"),
                                  data.several_sweeps() ? ", sweep " + s->sweep : ""));
  if (names.empty()) return {};
  return fmt::format(" Not compared, because they were scored on other examples than these: {}.",
                     fmt::join(shortened(std::move(names)), "; "));
}

}  // namespace

TableSet best_tables(ReportData& data) {
  std::vector<const ScoreFinding*> best;
  std::ranges::copy_if(data.scores(), std::back_inserter(best), &ScoreFinding::among_best);
  if (best.empty()) return {{}, "No configuration has a score yet."};
  const auto of_one_contest = [](const ScoreFinding* a, const ScoreFinding* b) {
    return a->base == b->base && a->task == b->task && a->sweep == b->sweep;
  };
  std::ranges::stable_sort(best, [&](const ScoreFinding* a, const ScoreFinding* b) {
    const auto contest = [](const ScoreFinding* s) {
      return std::make_tuple(s->base, task_order(s->task), natural_key(s->sweep));
    };
    return contest(a) != contest(b) ? contest(a) < contest(b) : a->mean > b->mean;
  });
  Table table{.name = "best",
              .title = "The best configurations",
              .caption = {},
              .answers = {},
              .columns = {{"task"},
                          {"configuration"},
                          {"parameters", true},
                          {"trained on", true},
                          {"metric"},
                          {"score", true},
                          {"seeds", true}},
              .rows = {},
              .data = {score_columns(), {}}};
  const bool several_bases = data.bases().size() > 1;
  if (data.several_sweeps()) table.columns.push_back({"sweep"});
  if (several_bases) table.columns.insert(table.columns.begin(), {"base"});
  table.caption =
      "Each task's configurations that cannot be told from its best, the highest mean first; "
      "scores "
      "on a scale to 100 with 95 % intervals. With one seed the interval, where there is one, is "
      "over examples for that run alone, and a configuration can be told from none.";
  table.caption += rouge_note(best);
  // Where everything is alike the list says no more when it is longer.
  constexpr std::size_t kShownOfOneContest = 8;
  std::size_t of_contest = 0, left_out = 0;
  for (std::size_t i = 0; i < best.size(); ++i) {
    const ScoreFinding& s = *best[i];
    of_contest = i > 0 && of_one_contest(best[i - 1], best[i]) ? of_contest + 1 : 0;
    table.data.rows.push_back(score_row(s.task, &s, nullptr));
    if (of_contest >= kShownOfOneContest) {
      ++left_out;
      continue;
    }
    std::vector<ShownCell> row{
        of_contest == 0 ? task_label(s.task) : "",
        configuration_label(s) +
            (s.diverged > 0 ? fmt::format(" ({} of {} diverged)", s.diverged, s.seeds.size()) : ""),
        grouped(s.parameters),
        shown_examples(s.train_examples),
        metric_label(s.metric),
        with_interval(s.mean, s.low, s.high),
        grouped(static_cast<std::int64_t>(s.seeds.size()))};
    if (data.several_sweeps()) row.emplace_back(s.sweep);
    if (several_bases) row.insert(row.begin(), ShownCell(s.base));
    table.rows.push_back(std::move(row));
  }
  std::vector<std::string> no_better;
  for (const ScoreFinding* s : data.scores()) {
    if (s->method != "none" || !s->mean) continue;
    const auto same =
        std::ranges::find_if(best, [&](const ScoreFinding* b) { return of_one_contest(b, s); });
    if (same != best.end() && *s->mean >= *(*same)->mean)
      no_better.push_back(fmt::format("{} ({:.1f}{})", task_label(s->task), *s->mean,
                                      data.several_sweeps() ? ", sweep " + s->sweep : ""));
  }
  if (!no_better.empty())
    table.caption += fmt::format(" The untrained base does no worse than the best on {}.",
                                 fmt::join(no_better, ", "));
  table.caption += not_compared(data);
  if (left_out > 0) table.caption += fmt::format(" {} more are in the table's CSV.", left_out);
  return {{std::move(table)}, {}};
}

}  // namespace rankscope
