// Table 16 of the paper.
#include <algorithm>
#include <map>
#include <set>

#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "plots/tables/score_cells.h"

namespace rankscope {

namespace {

// The task of which this is by its name one with another number of examples: "mnli" of "mnli_100",
// "sst" of "sst_40".
std::string named_family(const std::string& task) {
  const std::string known = paper_task(task);
  const std::size_t stem = task.find_last_not_of("0123456789");
  const bool numbered =
      stem != std::string::npos && stem > 0 && stem + 1 < task.size() && task[stem] == '_';
  return known == task && numbered ? task.substr(0, stem) : known;
}

// A task of the paper is one task whatever its names in the sweep; others are known by theirs.
std::string family_of(const ScoreFinding& score) {
  const bool is_papers = task_label(score.kind) != score.kind;
  return is_papers ? score.kind : named_family(score.task);
}

// "MNLI, accuracy", and its name where that says more than a number of examples: "MNLI, accuracy
// (few)".
std::string family_label(const ScoreFinding& score) {
  const std::string family = family_of(score);
  return task_metric_label({family, score.metric}) +
         (named_family(score.task) == family ? "" : " (" + score.task + ")");
}

// All of MNLI, as Table 16 counts it.
constexpr std::int64_t kAllOfMnli = 392000;

std::int64_t examples_of(const PublishedNumber& number) {
  return std::stoll(published_setting(number, "examples"));
}

// Which Table 17 has for the numbers of Table 16.
MethodSetting setting_in_table17(const PublishedNumber& number) {
  MethodSetting setting;
  std::map<std::string, std::string> values;
  for (const PublishedNumber& n : published_numbers()) {
    if (n.source != "table17" || n.method != number.method) continue;
    const std::string examples = published_setting(n, "examples");
    if (!examples.empty() && examples != published_setting(number, "examples")) continue;
    values[n.metric] = n.printed;
    if (n.metric == "rank") setting.targets = published_setting(n, "targets");
  }
  if (values.contains("rank")) setting.rank = std::stoll(values["rank"]);
  setting.size = shown_size(values);
  return setting;
}

// What of the paper's number is another than the score's; empty for nothing.
std::string other_setting(const PublishedNumber* number, const ScoreFinding& score) {
  if (number == nullptr) return {};
  const MethodSetting setting = setting_in_table17(*number);
  std::string text = is_of_setting(score, setting) ? "" : setting_text(setting);
  if (score.train_examples == kAllExamples)
    text += (text.empty() ? "" : ", ") + grouped(kAllOfMnli) + " examples";
  return text;
}

std::optional<Table> few_examples_on(const ReportData& data, const std::string& base) {
  // By sweep and task: numbers of examples that stand in different sweeps were not meant to be
  // compared.
  std::map<std::pair<std::string, std::string>, std::set<std::int64_t>> counts;
  for (const ScoreFinding* s : data.scores())
    if (s->base == base && s->train_examples && s->method != "none")
      counts[{s->sweep, family_of(*s)}].insert(*s->train_examples);
  std::erase_if(counts, [](const auto& entry) { return entry.second.size() < 2; });
  if (counts.empty()) return std::nullopt;
  std::vector<const ScoreFinding*> scores;
  for (const ScoreFinding* s : data.scores())
    if (s->base == base && s->train_examples && s->method != "none" &&
        counts.contains({s->sweep, family_of(*s)}))
      scores.push_back(s);
  std::ranges::stable_sort(scores, {}, [](const ScoreFinding* s) {
    const std::string task = family_of(*s);
    return std::make_tuple(task_order(task), task, *s->train_examples);
  });

  const ScoreCells cells(scores);
  Table table{.name = "table16",
              .title = "Few examples",
              .caption = {},
              .answers = "Table 16",
              .columns = {{"task"},
                          {"trained on", true},
                          {"configuration"},
                          {"score", true},
                          {"paper", true}},
              .rows = {},
              .data = {score_columns(), {}}};
  if (data.several_sweeps()) table.columns.push_back({"sweep"});
  std::set<const PublishedNumber*> beside;
  for (const ScoreFinding* s : scores) {
    const PublishedNumber* printed = nullptr;
    for (const PublishedNumber* number : published_scores("table16", {family_of(*s), s->metric}))
      if (number->method == s->method &&
          examples_of(*number) ==
              (s->train_examples == kAllExamples ? kAllOfMnli : *s->train_examples))
        printed = number;
    beside.insert(printed);
    table.data.rows.push_back(score_row(s->task, s, printed));
    table.rows.push_back({family_label(*s), shown_examples(s->train_examples),
                          configuration_label(*s), cells.measured(s),
                          paper_cell(printed, other_setting(printed, *s))});
    if (data.several_sweeps()) table.rows.back().emplace_back(s->sweep);
  }
  std::set<TaskMetric> families;
  for (const ScoreFinding* s : scores) families.insert({family_of(*s), s->metric});
  for (const TaskMetric& family : families) {
    for (const PublishedNumber* number : published_scores("table16", family)) {
      if (beside.contains(number)) continue;
      table.data.rows.push_back(score_row(family.task, nullptr, number));
      table.rows.push_back({task_metric_label(family),
                            grouped(examples_of(*number)),
                            method_label(number->method),
                            {"not run", CellStyle::kQuiet},
                            paper_cell(number)});
      if (data.several_sweeps()) table.rows.back().emplace_back("");
    }
  }
  table.caption = cells.caption();
  if (std::ranges::any_of(families, [](const TaskMetric& f) { return f.task == "mnli"; }))
    table.caption +=
        " The paper scored MNLI's full validation set; chance is 33.3. Its setting stands with a "
        "number where that is another; beside a training on all examples stands how many the "
        "paper's were.";
  return table;
}

}  // namespace

TableSet few_example_tables(ReportData& data) {
  return for_each_base(data,
                       "Not run: no task was trained with two numbers of examples "
                       "(experiments/paper/table16.yaml does).",
                       [&](const std::string& base) { return few_examples_on(data, base); });
}

}  // namespace rankscope
