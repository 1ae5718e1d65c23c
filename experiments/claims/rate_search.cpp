#include "experiments/claims/rate_search.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/text.h"
#include "results/cells.h"

namespace rankscope {

namespace {

std::int64_t words_in(const std::string& list) {
  return list.empty() ? 0 : 1 + std::ranges::count(list, ' ');
}

std::string found_text(const std::optional<RateSearch>& search, bool with_steps) {
  if (!search) return "was given";
  std::string text = "was searched for";
  if (search->rates > 0) text += fmt::format(" among {}", search->rates);
  if (with_steps && search->steps > 0)
    text += fmt::format(" in runs of {} {}", search->steps, search->steps == 1 ? "step" : "steps");
  return text;
}

// Empty where both were found alike, or one side was not trained.
std::string unequal_search(const EvidenceGroup& left, const EvidenceGroup& right) {
  if (left.method == "none" || right.method == "none" || left.search == right.search) return {};
  const bool with_steps = left.search && right.search && left.search->steps != right.search->steps;
  return fmt::format("the rate of {} {}, that of {} {}", group_name(left),
                     found_text(left.search, with_steps), group_name(right),
                     found_text(right.search, with_steps));
}

}  // namespace

std::map<std::pair<std::string, std::string>, RateSearch> rate_searches(ResultsReader& results) {
  std::map<std::pair<std::string, std::string>, RateSearch> all;
  for (const Row& row :
       results.rows("SELECT sweep, trial, key, value, number FROM config WHERE key IN ('tuned.lr', "
                    "'tuned.runs', 'tuning.rates', 'tuning.steps') ORDER BY sweep, trial, key")) {
    RateSearch& search = all[{text_in(row[0]), text_in(row[1])}];
    const std::string key = text_in(row[2]);
    // A run for each rate; the list of rates is the same number where both are recorded.
    if (key == "tuned.runs" || key == "tuning.rates") search.rates = words_in(text_in(row[3]));
    if (key == "tuning.steps")
      search.steps = static_cast<std::int64_t>(number_in(row[4]).value_or(0));
  }
  return all;
}

std::vector<std::string> unequal_searches(const std::vector<EvaluatedContrast>& contrasts) {
  std::vector<std::pair<std::string, std::vector<std::string>>> clauses;  // and on which tasks
  std::vector<std::string> compared;
  const auto add_once = [](std::vector<std::string>& tasks, const std::string& task) {
    if (std::ranges::find(tasks, task) == tasks.end()) tasks.push_back(task);
  };
  for (const EvaluatedContrast& contrast : contrasts) {
    if (contrast.scored.size() != 2) continue;
    const EvidenceGroup &left = *contrast.scored[0], &right = *contrast.scored[1];
    add_once(compared, left.task);
    const std::string text = unequal_search(left, right);
    if (text.empty()) continue;
    auto clause =
        std::ranges::find(clauses, text, &std::pair<std::string, std::vector<std::string>>::first);
    if (clause == clauses.end()) clause = clauses.insert(clauses.end(), {text, {}});
    add_once(clause->second, left.task);
  }
  std::vector<std::string> texts;
  for (auto& [text, tasks] : clauses) {
    const bool everywhere = tasks.size() == compared.size();
    texts.push_back(
        everywhere ? text : "on " + listed(shortened(std::move(tasks), " tasks")) + " " + text);
  }
  return texts;
}

}  // namespace rankscope
