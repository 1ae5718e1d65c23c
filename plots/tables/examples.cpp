#include <fmt/format.h>

#include <algorithm>

#include "common/utf8.h"
#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "results/cells.h"

namespace rankscope {

namespace {

constexpr std::size_t kOfEach = 2;

// The last characters of a text: of a prompt, the question.
std::string tail(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::size_t from = text.size() - bytes;
  while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xc0) == 0x80) ++from;
  return "…" + text.substr(from);
}

std::string head(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::size_t to = bytes;
  while (to > 0 && (static_cast<unsigned char>(text[to]) & 0xc0) == 0x80) --to;
  return text.substr(0, to) + "…";
}

const ScoreFinding* best_of(const ReportData& data, const std::string& base, const TaskMetric& of) {
  const ScoreFinding* best = nullptr;
  for (const ScoreFinding* s : data.scores())
    if (s->base == base && shown_by(*s) == of && s->method != "none" && s->mean &&
        s->diverged < std::ssize(s->seeds) && (best == nullptr || s->mean > best->mean))
      best = s;
  return best;
}

// Whether every outcome is a right or a wrong.
bool is_binary(const std::vector<Row>& rows) {
  return std::ranges::all_of(rows, [](const Row& row) {
    const double outcome = number_in(row[4]).value_or(0);
    return outcome == 0 || outcome == 1;
  });
}

// The first right and the first wrong ones in the file's order; where outcomes lie between, the
// first.
std::vector<Row> chosen_rows(const std::vector<Row>& rows, bool binary) {
  std::vector<Row> chosen;
  std::size_t right = 0, wrong = 0;
  for (const Row& row : rows) {
    std::size_t& count = number_in(row[4]).value_or(0) == 1 ? right : wrong;
    if (binary ? count >= kOfEach : chosen.size() >= 2 * kOfEach) continue;
    ++count;
    chosen.push_back(row);
  }
  return chosen;
}

}  // namespace

TableSet example_tables(ReportData& data) {
  Table table{.name = "examples",
              .title = "Predictions, right and wrong",
              .caption = {},
              .answers = {},
              .columns = {{"task"}, {"asked"}, {"expected"}, {"predicted"}, {"outcome"}},
              .rows = {},
              .data = {{"sweep", "task", "trial", "example", "position", "metric", "outcome",
                        "prompt", "reference", "prediction", "base"},
                       {}}};
  const std::vector<std::string> bases = data.bases();
  std::string whose;
  const auto add_rows = [&](const std::string& base, const TaskMetric& shown) {
    const ScoreFinding* const best = best_of(data, base, shown);
    if (best == nullptr) return;
    const std::string on_base = bases.size() > 1 ? " on " + base : std::string();
    const std::vector<Row> trials = data.rows(
        "SELECT trial, seed, dataset FROM trials WHERE sweep = ? AND setting = ? AND role = "
        "'scored' AND "
        "state = 'done' ORDER BY seed, trial LIMIT 1",
        {best->sweep, best->setting});
    if (trials.empty()) return;
    const std::string trial = text_in(trials[0][0]);
    const std::vector<Row> rows = data.rows(
        "SELECT DISTINCT p.example, e.position, p.prompt, p.reference, p.outcome, p.prediction "
        "FROM predictions_scored p "
        "JOIN example e ON e.example = p.example WHERE p.sweep = ? AND p.trial = ? AND p.metric = "
        "? AND e.dataset = ? ORDER BY e.position",
        {best->sweep, trial, best->metric, text_in(trials[0][2])});
    const bool binary = is_binary(rows);
    for (const Row& row : chosen_rows(rows, binary)) {
      const double outcome = number_in(row[4]).value_or(0);
      constexpr std::size_t kShown = 300;
      table.rows.push_back({task_label(shown.task) + on_base,
                            {tail(text_in(row[2]), kShown), CellStyle::kCode},
                            {head(text_in(row[3]), kShown), CellStyle::kCode},
                            {head(text_in(row[5]), kShown), CellStyle::kCode},
                            binary ? (outcome == 1 ? "right" : "wrong")
                                   : metric_label(best->metric) + " " + fixed(100 * outcome, 1)});
      table.data.rows.push_back({best->sweep, shown.task, trial, row[0], row[1], best->metric,
                                 row[4], row[2], row[3], row[5], base});
    }
    whose +=
        fmt::format("{}{}{}: {}, seed {}{}", whose.empty() ? "" : "; ", task_metric_label(shown),
                    on_base, configuration_label(*best), integer_in(trials[0][1]).value_or(0),
                    data.several_sweeps() ? " (sweep " + best->sweep + ")" : "");
  };
  for (const TaskMetric& shown : data.task_metrics())
    for (const std::string& base : bases) add_rows(base, shown);
  if (table.rows.empty()) return {{}, "No scored predictions are stored yet."};
  table.caption = fmt::format(
      "Of each task's configuration with the highest mean, its first seed ({}); the first {} "
      "right and {} wrong ones in the file's order, or the first {} where outcomes are no "
      "yes or no. Of long prompts the end is shown.",
      whose, kOfEach, kOfEach, 2 * kOfEach);
  return {{std::move(table)}, {}};
}

}  // namespace rankscope
