#include "plots/tables/score_cells.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "plots/format.h"
#include "results/cells.h"

namespace rankscope {

ScoreCells::ScoreCells(const std::vector<const ScoreFinding*>& scores)
    : rouge_(rouge_note(scores)),
      other_examples_(std::ranges::any_of(scores, &ScoreFinding::other_examples)),
      base_(std::ranges::any_of(
          scores, [](const ScoreFinding* s) { return s->method == "none" && s->mean; })) {
  std::map<std::size_t, int> uses;
  for (const ScoreFinding* score : scores)
    if (score->method != "none" && score->mean) ++uses[score->seeds.size()];
  int most = 0;
  for (const auto& [seeds, count] : uses) {
    if (count < most) continue;
    most = count;
    usual_seeds_ = seeds;
  }
}

ShownCell ScoreCells::measured(const ScoreFinding* score) const {
  if (score == nullptr) return {"not run", CellStyle::kQuiet};
  if (!score->mean) return {score->note.empty() ? "missing" : score->note, CellStyle::kQuiet};
  std::string text = with_interval(score->mean, score->low, score->high);
  if (score->method != "none" && score->seeds.size() != usual_seeds_)
    text += fmt::format(" (n = {})", score->seeds.size());
  if (score->diverged > 0) text += fmt::format(" ({} diverged)", score->diverged);
  if (score->missing > 0) text += fmt::format(" ({} missing)", score->missing);
  if (score->other_examples)
    text += fmt::format(" ({})", counted(score->examples, "other example"));
  // One seed can be told from none: it is among the best whatever its score.
  const bool told = score->seeds.size() > 1;
  return {std::move(text), score->among_best && told ? CellStyle::kStrong : CellStyle::kPlain};
}

ShownCell ScoreCells::measured(const std::vector<const ScoreFinding*>& line,
                               const TaskMetric& shown) const {
  const ScoreFinding* const score = score_in(line, shown);
  if (score == nullptr && std::ranges::find(line, shown.task, &ScoreFinding::task) != line.end())
    return {std::string(kNone), CellStyle::kQuiet};
  return measured(score);
}

std::string ScoreCells::caption() const {
  std::string text = "Scores are on a scale to 100: mean and 95 % interval";
  text += usual_seeds_ == 0   ? " over seeds"
          : usual_seeds_ == 1 ? " where there is one; n = 1 seed"
                              : fmt::format(" over n = {} seeds", usual_seeds_);
  return text + " unless a cell says otherwise (with one, it is over examples for that run alone)" +
         (base_ ? "; the untrained base has no seed, and its interval is over examples alone"
                : "") +
         ". Bold: "
         "cannot be told from the best of its task in its sweep; what is of one seed, which can be "
         "told from nothing, is never bold" +
         (other_examples_ ? ", nor what was scored on other examples, as its cell says: "
                            "it was not compared"
                          : std::string()) +
         ". "
         "“paper” is what it prints for GPT-3 (175 billion parameters)." +
         rouge_;
}

std::string rouge_note(const std::vector<const ScoreFinding*>& scores) {
  const bool any = std::ranges::any_of(
      scores, [](const ScoreFinding* score) { return score->metric.starts_with("rouge"); });
  return any ? " ROUGE is F1, with Porter's stemmer (rouge_score's use_stemmer)." : "";
}

const ScoreFinding* score_in(const std::vector<const ScoreFinding*>& line,
                             const TaskMetric& shown) {
  const auto found = std::ranges::find_if(
      line, [&](const ScoreFinding* score) { return shown_by(*score) == shown; });
  return found == line.end() ? nullptr : *found;
}

TableSet for_each_base(const ReportData& data, const std::string& missing,
                       const std::function<std::optional<Table>(const std::string& base)>& make) {
  TableSet set;
  const std::vector<std::string> bases = data.bases();
  for (const std::string& base : bases) {
    std::optional<Table> table = make(base);
    if (!table) continue;
    if (bases.size() > 1) table->title += ", base " + base;
    if (!set.tables.empty()) table->name += fmt::format("_{}", set.tables.size() + 1);
    set.tables.push_back(std::move(*table));
  }
  if (set.tables.empty()) set.missing = missing;
  return set;
}

MethodSetting setting_of(const PublishedNumber& number) {
  return {published_setting(number, "targets"), published_rank(number), published_size(number)};
}

std::string setting_text(const MethodSetting& setting) {
  std::string text = setting.targets;
  if (setting.rank) text += (text.empty() ? "r = " : ", r = ") + grouped(*setting.rank);
  if (!setting.size.empty()) text += (text.empty() ? "" : ", ") + setting.size;
  return text;
}

bool is_of_setting(const ScoreFinding& score, const MethodSetting& setting) {
  return is_plain(score.others) && setting == MethodSetting{score.targets, score.rank, score.size};
}

ShownCell paper_cell(const PublishedNumber* number, const std::string& other_setting) {
  if (number == nullptr) return {std::string(kNone), CellStyle::kQuiet};
  std::string text = number->printed.empty() ? short_number(number->value) : number->printed;
  if (!other_setting.empty()) text += " (" + other_setting + ")";
  return {std::move(text), CellStyle::kPaper};
}

std::vector<std::string> score_columns() {
  return {"task",
          "metric",
          "method",
          "targets",
          "rank",
          "parameters",
          "train_examples",
          "mean",
          "low",
          "high",
          "seeds",
          "examples",
          "diverged",
          "missing",
          "among_best",
          "sweep",
          "base",
          "setting",
          "paper",
          "paper_spread",
          "paper_source",
          "paper_setting",
          "paper_parameters",
          "paper_note"};
}

Row score_row(const std::string& task, const ScoreFinding* score, const PublishedNumber* number) {
  Row row{task};
  if (score != nullptr) {
    const Row measured{score->metric,
                       score->method,
                       score->targets,
                       cell_of(score->rank),
                       cell_of(score->parameters),
                       exact_examples(score->train_examples),
                       cell_of(score->mean),
                       cell_of(score->low),
                       cell_of(score->high),
                       static_cast<std::int64_t>(score->seeds.size()),
                       score->examples,
                       score->diverged,
                       score->missing,
                       score->other_examples ? Cell() : Cell(std::int64_t{score->among_best}),
                       score->sweep,
                       score->base,
                       score->setting};
    row.insert(row.end(), measured.begin(), measured.end());
  } else {
    row.resize(18);
    if (number != nullptr) {
      row[1] = number->metric;
      row[2] = number->method;
    }
  }
  if (number != nullptr) {
    const Row paper{cell_of(number->value), cell_of(number->spread),     number->source,
                    number->setting,        cell_of(number->parameters), number->note};
    row.insert(row.end(), paper.begin(), paper.end());
  } else {
    row.resize(24);
  }
  return row;
}

}  // namespace rankscope
