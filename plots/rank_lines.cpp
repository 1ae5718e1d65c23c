#include "plots/rank_lines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "common/text.h"
#include "plots/format.h"

namespace rankscope {

namespace {

// `which`: "of one rank alone"; `view`: which has them, or none. Empty where there are none.
std::string left_out_sentence(const ReportData& data,
                              const std::vector<const ScoreFinding*>& left_out,
                              std::string_view which, std::string_view view) {
  if (left_out.empty()) return {};
  std::vector<std::string> names;
  for (const ScoreFinding* s : left_out)
    names.push_back(configuration_label(*s) + " on " + task_metric_label(shown_by(*s)) +
                    (data.several_sweeps() ? " (sweep " + s->sweep + ")" : ""));
  const std::string count = counted(std::ssize(names), "more setting");
  std::string where;
  if (!view.empty())
    where =
        fmt::format("; the view {} has {}", view,
                    std::ranges::all_of(left_out, [](const auto* s) { return s->mean.has_value(); })
                        ? "all"
                        : "those with a score");
  return fmt::format(" Not shown: {} {}, {}{}.", count, which,
                     fmt::join(shortened(std::move(names)), "; "), where);
}

}  // namespace

RankLine rank_line(const ScoreFinding& score) {
  return {targets_order(score.targets),
          task_order(score.task),
          shown_by(score),
          score.train_examples,
          score.sweep,
          score.variant};
}

std::string of_one_rank(const ReportData& data, const std::vector<const ScoreFinding*>& scores) {
  struct Line {
    const ScoreFinding* first = nullptr;
    std::set<std::int64_t> ranks;
  };
  std::map<RankLine, Line> lines;
  for (const ScoreFinding* score : scores) {
    Line& line = lines[rank_line(*score)];
    if (line.ranks.empty()) line.first = score;
    line.ranks.insert(*score->rank);
  }
  std::vector<const ScoreFinding*> left_out;
  for (const auto& [key, line] : lines)
    if (line.ranks.size() == 1) left_out.push_back(line.first);
  return left_out_sentence(data, left_out, "of one rank alone", "table6");
}

std::string of_ranks_by_site(const ReportData& data, const std::string& base,
                             std::string_view view) {
  std::vector<const ScoreFinding*> left_out;
  std::ranges::copy_if(data.scores(), std::back_inserter(left_out), [&](const ScoreFinding* s) {
    return s->base == base && s->method == "lora" && !s->rank;
  });
  return left_out_sentence(data, left_out, "with ranks by site", view);
}

std::string of_unknown_budget(const ReportData& data, const std::string& base) {
  std::vector<const ScoreFinding*> left_out;
  std::ranges::copy_if(data.scores(), std::back_inserter(left_out), [&](const ScoreFinding* s) {
    return s->base == base && s->method == "lora" && s->rank && !s->parameters;
  });
  return left_out_sentence(data, left_out,
                           "without a result that says how many parameters are trained", "");
}

}  // namespace rankscope
