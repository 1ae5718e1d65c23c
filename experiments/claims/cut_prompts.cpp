#include "experiments/claims/cut_prompts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "common/text.h"
#include "results/cells.h"

namespace rankscope {

namespace {

struct Clause {
  std::string task;
  const char* use;
  CutPrompts counts;
  std::vector<std::string> settings;
};

void add_clause(std::vector<Clause>& clauses, const EvidenceGroup& group, const char* use,
                const std::optional<CutPrompts>& counts) {
  if (!counts || !counts->any()) return;
  auto clause = std::ranges::find_if(clauses, [&](const Clause& c) {
    return c.task == group.task && std::string_view(c.use) == use && c.counts == *counts;
  });
  if (clause == clauses.end())
    clause = clauses.insert(clauses.end(), {group.task, use, *counts, {}});
  const std::string name = group_name(group);
  if (std::ranges::find(clause->settings, name) == clause->settings.end())
    clause->settings.push_back(name);
}

std::string text_of(const Clause& clause) {
  const CutPrompts& c = clause.counts;
  std::vector<std::string> what;
  if (c.cut > 0)
    what.push_back(fmt::format("{} of {} {} prompts {} cut, by {} {} in all", c.cut, c.prompts,
                               clause.use, c.cut == 1 ? "was" : "were", c.tokens,
                               c.tokens == 1 ? "token" : "tokens"));
  if (c.left_out == 1)
    what.push_back(
        fmt::format("1 example of the {} data fits in no way and was left out", clause.use));
  if (c.left_out > 1)
    what.push_back(fmt::format("{} examples of the {} data fit in no way and were left out",
                               c.left_out, clause.use));
  return fmt::format("on {} {}, of {}", clause.task, fmt::join(what, ", and "),
                     listed(shortened(clause.settings, " settings")));
}

}  // namespace

std::map<std::pair<std::string, std::string>, CutPrompts> cut_prompts(ResultsReader& results,
                                                                      const std::string& use) {
  std::map<std::pair<std::string, std::string>, std::map<std::string, std::int64_t>> counts;
  for (const Row& row : results.rows(
           "SELECT sweep, trial, key, CAST(value AS INTEGER) FROM environment WHERE key IN "
           "(? || '_examples', ? || '_prompts_cut', ? || '_tokens_cut', ? || '_left_out')",
           {use, use, use, use}))
    if (const auto count = integer_in(row[3]))
      counts[{text_in(row[0]), text_in(row[1])}][text_in(row[2]).substr(use.size() + 1)] = *count;
  std::map<std::pair<std::string, std::string>, CutPrompts> all;
  for (const auto& [trial, of] : counts)
    if (of.size() == 4)
      all[trial] = {of.at("examples") - of.at("left_out"), of.at("prompts_cut"),
                    of.at("tokens_cut"), of.at("left_out")};
  return all;
}

std::vector<std::string> cuts_of(const std::vector<EvaluatedContrast>& contrasts) {
  std::vector<Clause> clauses;
  for (const EvaluatedContrast& contrast : contrasts) {
    for (const EvidenceGroup* group : contrast.scored) {
      add_clause(clauses, *group, "scored", group->scored_cut);
      add_clause(clauses, *group, "training", group->trained_cut);
    }
  }
  std::vector<std::string> texts;
  for (const Clause& clause : clauses) texts.push_back(text_of(clause));
  return texts;
}

}  // namespace rankscope
