#include "plots/rank_lines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <set>

#include "common/text.h"
#include "plots/format.h"

namespace rankscope {

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
  std::vector<std::string> names;
  for (const auto& [key, line] : lines) {
    if (line.ranks.size() > 1) continue;
    const ScoreFinding& s = *line.first;
    names.push_back(configuration_label(s) + " on " + task_metric_label(shown_by(s)) +
                    (data.several_sweeps() ? " (sweep " + s.sweep + ")" : ""));
  }
  if (names.empty()) return {};
  const std::string count = counted(std::ssize(names), "more setting");
  return fmt::format(" Not shown: {} of one rank alone, {}; the view table6 has all.", count,
                     fmt::join(shortened(std::move(names)), "; "));
}

}  // namespace rankscope
