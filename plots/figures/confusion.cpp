#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/text.h"
#include "common/utf8.h"
#include "plots/escape.h"
#include "plots/figures/makers.h"
#include "plots/format.h"
#include "plots/heat_map.h"
#include "plots/panels.h"
#include "plots/report_data.h"
#include "results/cells.h"

namespace rankscope {

namespace {

constexpr std::size_t kMostLabels = 8, kMostMatrices = 3;
constexpr std::size_t kLongestName = 9;                      // bytes of a label beside a matrix
constexpr int kBetweenNames = 14;                            // pixels of the figure
constexpr int kLeastPanelWidth = 200, kWidestFigure = 1200;  // likewise

// The base, and of each method the configuration with the highest mean, LoRA's first.
std::vector<const ScoreFinding*> best_configurations(const ReportData& data,
                                                     const std::string& base,
                                                     const TaskMetric& of) {
  std::map<std::pair<int, std::string>, const ScoreFinding*> best;
  for (const ScoreFinding* s : data.scores()) {
    if (s->base != base || shown_by(*s) != of || !s->mean) continue;
    const ScoreFinding*& other = best[{method_order(s->method), s->method}];
    if (other == nullptr || s->mean > other->mean) other = s;
  }
  std::vector<const ScoreFinding*> shown;
  for (const auto& [order, score] : best) shown.push_back(score);
  std::stable_partition(shown.begin(), shown.end(), [](const ScoreFinding* s) {
    return s->method == "lora" || s->method == "none";
  });
  return shown;
}

struct Counts {
  std::map<std::pair<std::string, std::string>, std::int64_t>
      predictions;  // by reference and prediction
  // A model answers in a template's words. What each means the finding says; where a target holds
  // more than the word, it is seen where it was right.
  std::map<std::string, std::string> meaning;
};

Counts counts_of(ReportData& data, const ScoreFinding& score) {
  Counts counts;
  counts.meaning = score.label_words;
  for (const Row& row : data.rows("SELECT p.reference, p.prediction, p.outcome, count(*) FROM "
                                  "predictions_scored p WHERE p.metric = ? AND p.trial "
                                  "IN (SELECT trial FROM trials WHERE sweep = ? AND setting = ? "
                                  "AND role = 'scored') AND p.sweep = ? "
                                  "GROUP BY 1, 2, 3",
                                  {score.metric, score.sweep, score.setting, score.sweep})) {
    const std::string reference(trimmed(text_in(row[0])));
    const std::string prediction(trimmed(text_in(row[1])));
    counts.predictions[{reference, prediction}] += integer_in(row[3]).value_or(0);
    if (number_in(row[2]) == 1.0) counts.meaning.emplace(prediction, reference);
  }
  return counts;
}

std::optional<Figure> confusion_of(ReportData& data, const std::string& base,
                                   const TaskMetric& of) {
  std::vector<std::pair<const ScoreFinding*, Counts>> panels;
  std::set<std::string> references;
  std::map<std::string, std::string> meaning;
  std::vector<const ScoreFinding*> shown = best_configurations(data, base, of);
  std::vector<std::string> left_out;
  for (std::size_t i = kMostMatrices; i < shown.size(); ++i)
    left_out.push_back(method_label(shown[i]->method));
  shown.resize(std::min(shown.size(), kMostMatrices));
  for (const ScoreFinding* score : shown) {
    Counts counts = counts_of(data, *score);
    for (const auto& [pair, count] : counts.predictions) references.insert(pair.first);
    meaning.insert(counts.meaning.begin(), counts.meaning.end());
    if (!counts.predictions.empty()) panels.emplace_back(score, std::move(counts));
  }
  if (panels.empty() || references.size() < 2 || references.size() > kMostLabels)
    return std::nullopt;
  const std::vector<std::string> labels(references.begin(), references.end());
  const auto place = [&](const std::string& label) {
    return static_cast<std::size_t>(std::ranges::find(labels, label) - labels.begin());
  };
  const auto place_of_prediction = [&](const Counts& counts, const std::string& prediction) {
    for (const auto* const each : {&counts.meaning, &std::as_const(meaning)})
      if (const auto found = each->find(prediction); found != each->end())
        return place(found->second);
    return place(prediction);
  };
  bool others = false;
  for (const auto& [score, counts] : panels)
    for (const auto& [pair, count] : counts.predictions)
      others = others || place_of_prediction(counts, pair.second) == labels.size();
  const std::size_t columns = labels.size() + (others ? 1 : 0);

  HeatMap map;
  for (const auto& [score, counts] : panels) {
    std::vector<std::int64_t> cells(labels.size() * columns), totals(labels.size());
    for (const auto& [pair, count] : counts.predictions) {
      cells[place(pair.first) * columns + place_of_prediction(counts, pair.second)] += count;
      totals[place(pair.first)] += count;
    }
    HeatPanel panel{.title = configuration_label(*score),
                    .rows = std::ssize(labels),
                    .cols = static_cast<std::int64_t>(columns),
                    .values = {},
                    .more = {}};
    for (std::size_t at = 0; at < cells.size(); ++at) {
      const std::int64_t total = totals[at / columns];
      panel.values.push_back(
          total == 0 ? 0 : 100.0 * static_cast<double>(cells[at]) / static_cast<double>(total));
      const std::size_t column = at % columns;
      panel.more.push_back({cells[at], labels[at / columns],
                            column < labels.size() ? labels[column] : std::string("other"),
                            score->sweep});
    }
    map.panels.push_back(std::move(panel));
  }
  map.high = 100;
  map.x_label = "predicted";
  map.y_label = "expected";
  map.scale_label = "% of a row";
  // Long labels would lie on each other; the CSV has them whole.
  const auto shortened = [](const std::string& label) {
    if (label.size() <= kLongestName) return label;
    const std::string begun = label.substr(0, kLongestName - 2);
    return begun.substr(0, valid_prefix(begun)) + ".";
  };
  for (const std::string& label : labels) map.row_names.push_back(shortened(label));
  map.column_names = map.row_names;
  if (others) map.column_names.emplace_back("other");
  map.written_decimals = 0;
  map.left = 110;
  std::size_t longest = 0;
  for (const std::string& name : map.column_names) longest = std::max(longest, name.size());
  map.panel_width =
      std::max(kLeastPanelWidth, static_cast<int>(columns) *
                                     (kLetterWidth * static_cast<int>(longest) + kBetweenNames));
  map.columns = std::clamp<std::size_t>(static_cast<std::size_t>(kWidestFigure / map.panel_width),
                                        1, map.panels.size());
  map.panel_height = 150;
  map.more_columns = {"predictions", "expected", "predicted", "sweep"};
  Figure figure;
  draw_heat_map(map, figure);
  figure.name = "confusion_" + file_word(of.task);
  figure.title = "Confusion matrix: " + task_label(of.task);
  figure.caption =
      "What was predicted where each label was expected, in percent of a row, over all seeds: the "
      "untrained base and the "
      "best configuration of each method that is drawn. A bright diagonal is right; a bright "
      "column is a label "
      "that is "
      "answered whatever was asked.";
  if (data.several_sweeps()) {
    std::vector<std::string> whose;
    for (const auto& [score, counts] : panels)
      whose.push_back(fmt::format("{} (sweep {})", configuration_label(*score), score->sweep));
    figure.caption += fmt::format(" Drawn: {}.", fmt::join(whose, "; "));
  }
  if (!left_out.empty())
    figure.caption += fmt::format(" Not drawn: {}; the view predictions_scored has all.",
                                  fmt::join(left_out, ", "));
  return figure;
}

}  // namespace

FigureSet confusion_figures(ReportData& data) {
  FigureSet set;
  const std::vector<std::string> bases = data.bases();
  for (const std::string& base : bases) {
    for (const TaskMetric& shown : data.task_metrics()) {
      if (shown.metric != "accuracy") continue;
      std::optional<Figure> figure = confusion_of(data, base, shown);
      if (!figure) continue;
      if (bases.size() > 1) figure->title += " on " + base;
      set.figures.push_back(std::move(*figure));
    }
  }
  if (set.figures.empty())
    set.missing = "No task that is scored by accuracy has predictions of few labels yet.";
  return set;
}

}  // namespace rankscope
