// Table 4 of the paper.
#include <algorithm>
#include <set>

#include "common/natural_order.h"
#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "plots/tables/score_cells.h"

namespace rankscope {

namespace {

// A line of the table: one configuration, trained on each of the tasks.
struct MethodLine {
  std::string sweep, method;
  MethodSetting setting;  // its size with what else tells it apart
  std::optional<std::int64_t> parameters;
  std::vector<const ScoreFinding*> scores;
};

struct PaperLine {
  std::optional<double> parameters;
  std::vector<const PublishedNumber*> numbers;  // by task and metric
};

std::vector<MethodLine> lines_of(const std::vector<const ScoreFinding*>& scores) {
  std::vector<MethodLine> lines;
  for (const ScoreFinding* s : scores) {
    const MethodSetting setting{s->targets, s->rank, told_apart(*s)};
    const auto same = std::ranges::find_if(lines, [&](const MethodLine& l) {
      return l.sweep == s->sweep && l.method == s->method && l.setting == setting &&
             l.parameters == s->parameters && score_in(l.scores, shown_by(*s)) == nullptr;
    });
    if (same != lines.end()) {
      same->scores.push_back(s);
      continue;
    }
    lines.push_back({s->sweep, s->method, setting, s->parameters, {s}});
  }
  std::ranges::stable_sort(lines, [](const MethodLine& a, const MethodLine& b) {
    return std::make_tuple(method_order(a.method), a.method, a.parameters, a.sweep) <
           std::make_tuple(method_order(b.method), b.method, b.parameters, b.sweep);
  });
  return lines;
}

// What grows with the parameters of a method's settings: orders those of which no trial has a
// result that says how many they are.
auto extent_of(const MethodSetting& setting) {
  return std::make_pair(setting.rank.value_or(0) * (1 + std::ranges::count(setting.targets, '+')),
                        natural_key(setting.size));
}

std::vector<PaperLine> paper_lines(const std::string& method,
                                   const std::vector<TaskMetric>& columns) {
  std::vector<PaperLine> lines;
  for (std::size_t column = 0; column < columns.size(); ++column) {
    std::size_t at = 0;
    for (const PublishedNumber* number : published_scores("table4", columns[column])) {
      if (number->method != method) continue;
      if (at == lines.size())
        lines.push_back({number->parameters, std::vector<const PublishedNumber*>(columns.size())});
      lines[at++].numbers[column] = number;
    }
  }
  return lines;
}

// Table 4 names no setting of LoRA: those of Table 15 that have this score with as many parameters.
std::vector<MethodSetting> settings_of(const PublishedNumber& number) {
  if (const MethodSetting own = setting_of(number); own != MethodSetting()) return {own};
  std::vector<MethodSetting> settings;
  for (const PublishedNumber& n : published_numbers())
    if (n.source == "table15" && n.method == number.method && n.task == number.task &&
        n.metric == number.metric && n.parameters == number.parameters && n.value == number.value)
      settings.push_back(setting_of(n));
  return settings;
}

// Of the sweeps that compare methods: others would bury them under LoRA's ranks and matrices. Where
// a sweep goes over numbers of examples, which is Table 16's, those of the most.
std::vector<const ScoreFinding*> compared_scores(const ReportData& data, const std::string& base) {
  std::set<std::string> comparing;
  for (const ScoreFinding* a : data.scores())
    for (const ScoreFinding* b : data.scores())
      if (a->base == base && b->base == base && a->sweep == b->sweep && a->method != b->method &&
          a->method != "none" && b->method != "none")
        comparing.insert(a->sweep);
  std::vector<const ScoreFinding*> scores;
  for (const ScoreFinding* s : data.scores()) {
    if (s->base != base || !comparing.contains(s->sweep)) continue;
    const bool most = std::ranges::none_of(data.scores(), [&](const ScoreFinding* other) {
      return other->base == base && other->sweep == s->sweep &&
             paper_task(other->task) == paper_task(s->task) &&
             other->train_examples > s->train_examples;
    });
    if (most || s->method == "none") scores.push_back(s);
  }
  // The base's other scores, as on Table 16's tasks of fewer examples, have nothing beside them.
  std::erase_if(scores, [all = scores](const ScoreFinding* s) {
    return s->method == "none" && std::ranges::none_of(all, [&](const ScoreFinding* other) {
             return other->method != "none" && shown_by(*other) == shown_by(*s);
           });
  });
  return scores;
}

Table table_of(const ReportData& data, const std::vector<const ScoreFinding*>& scores) {
  std::vector<TaskMetric> columns;
  for (const TaskMetric& shown : data.task_metrics())
    if (std::ranges::any_of(scores, [&](const ScoreFinding* s) { return shown_by(*s) == shown; }))
      columns.push_back(shown);
  const ScoreCells cells(scores);
  Table table{.name = "table4",
              .title = "Methods compared",
              .caption = {},
              .answers = "Table 4",
              .columns = {{"method"}, {"configuration"}, {"parameters", true}, {"paper's", true}},
              .rows = {},
              .data = {score_columns(), {}}};
  if (data.several_sweeps()) table.columns.push_back({"sweep"});
  for (const TaskMetric& shown : columns) {
    table.columns.push_back({task_metric_label(shown), true});
    table.columns.push_back({"paper", true});
  }
  const std::vector<MethodLine> lines = lines_of(scores);
  std::vector<std::string> methods;
  for (const MethodLine& line : lines)
    if (methods.empty() || methods.back() != line.method) methods.push_back(line.method);
  for (const char* known : {"full", "bitfit", "prefix_embed", "prefix_layer", "adapter_h", "lora"})
    if (std::ranges::find(methods, known) == methods.end()) methods.push_back(known);
  std::ranges::stable_sort(methods, {}, method_order);

  bool unstated = false;  // which setting of LoRA a number is of
  for (const std::string& method : methods) {
    std::vector<const MethodLine*> measured;
    for (const MethodLine& line : lines)
      if (line.method == method) measured.push_back(&line);
    if (!std::ranges::all_of(measured,
                             [](const MethodLine* l) { return l->parameters.has_value(); }))
      std::ranges::stable_sort(measured, {},
                               [](const MethodLine* l) { return extent_of(l->setting); });
    const std::vector<PaperLine> printed = paper_lines(method, columns);
    // Only where there are as many is it clear which stand beside which.
    const bool beside = measured.size() == printed.size();
    const auto put = [&](const MethodLine* line, const PaperLine* paper) {
      std::vector<ShownCell> row{
          method_label(method), line == nullptr ? "" : setting_text(line->setting),
          line == nullptr ? ShownCell(std::string(kNone), CellStyle::kQuiet)
                          : ShownCell(grouped(line->parameters)),
          paper == nullptr || !paper->parameters
              ? ShownCell(std::string(kNone), CellStyle::kQuiet)
              : ShownCell(short_count(*paper->parameters), CellStyle::kPaper)};
      if (data.several_sweeps()) row.emplace_back(line == nullptr ? "" : line->sweep);
      for (std::size_t column = 0; column < columns.size(); ++column) {
        const std::vector<const ScoreFinding*> own =
            line == nullptr ? std::vector<const ScoreFinding*>() : line->scores;
        const ScoreFinding* const score = score_in(own, columns[column]);
        const PublishedNumber* const number = paper == nullptr ? nullptr : paper->numbers[column];
        row.push_back(cells.measured(own, columns[column]));
        std::string other_setting;
        if (line != nullptr && number != nullptr) {
          const std::vector<MethodSetting> settings = settings_of(*number);
          if (std::ranges::none_of(settings, [&](const MethodSetting& setting) {
                return is_of_setting(*line->scores.front(), setting);
              }))
            other_setting = settings.empty() ? "" : setting_text(settings.front());
          unstated = unstated || (settings.empty() && method == "lora");
        }
        row.push_back(paper_cell(number, other_setting));
        if (score != nullptr || number != nullptr)
          table.data.rows.push_back(score_row(columns[column].task, score, number));
      }
      table.rows.push_back(std::move(row));
    };
    for (std::size_t i = 0; i < measured.size(); ++i)
      put(measured[i], beside ? &printed[i] : nullptr);
    if (!beside)
      for (const PaperLine& paper : printed) put(nullptr, &paper);
  }
  table.caption = cells.caption() +
                  " A method's rows stand beside the paper's, both by parameters, where there are "
                  "as many of them, and else apart; its setting stands with a number that is of "
                  "another.";
  if (unstated) table.caption += " Of which LoRA its SAMSum numbers are, the paper does not say.";
  return table;
}

}  // namespace

TableSet method_tables(ReportData& data) {
  return for_each_base(data,
                       "Not run: no sweep here has trials of two methods (the paper's Table 4 "
                       "compares full fine-tuning, BitFit, "
                       "prefixes, adapters and LoRA).",
                       [&](const std::string& base) -> std::optional<Table> {
                         const std::vector<const ScoreFinding*> scores =
                             compared_scores(data, base);
                         if (scores.empty()) return std::nullopt;
                         return table_of(data, scores);
                       });
}

}  // namespace rankscope
