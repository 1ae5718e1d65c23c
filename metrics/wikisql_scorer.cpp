#include "metrics/wikisql_scorer.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "metrics/accuracy.h"
#include "metrics/unicode.h"

namespace rankscope {

namespace {

using Condition = std::tuple<int, int, std::string>;

std::vector<Condition> lowered(const WikisqlQuery& query, bool ordered) {
  std::vector<Condition> conditions;
  for (const WikisqlCondition& c : query.conditions) {
    conditions.emplace_back(c.column, c.op, python_lower(c.value.text));
  }
  if (!ordered) {
    std::sort(conditions.begin(), conditions.end());
    conditions.erase(std::unique(conditions.begin(), conditions.end()), conditions.end());
  }
  return conditions;
}

}  // namespace

bool same_logical_form(const WikisqlQuery& a, const WikisqlQuery& b, bool ordered) {
  return a.select == b.select && a.aggregation == b.aggregation &&
         lowered(a, ordered) == lowered(b, ordered);
}

WikisqlOutcome score_wikisql(std::string_view prediction, const WikisqlQuery& gold,
                             const std::string& table_id, std::span<const std::string> header,
                             WikisqlDatabase* database, bool ordered) {
  WikisqlOutcome outcome;
  const std::optional<WikisqlQuery> query = parse_query(prediction, header);
  outcome.parsed = query.has_value();
  outcome.exact = exact_match(prediction, render_query(gold, header));
  outcome.logical_form = query && same_logical_form(*query, gold, ordered);
  if (database == nullptr) return outcome;
  const QueryResult expected = database->execute(table_id, gold);
  if (!expected.ok()) {
    outcome.gold_error = expected.error;
  } else {
    outcome.execution = query && database->execute(table_id, *query).same_rows(expected);
  }
  return outcome;
}

}  // namespace rankscope
