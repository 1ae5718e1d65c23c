// WikiSQL's scores (salesforce/WikiSQL, evaluate.py) of generated text.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/wikisql_query.h"
#include "metrics/wikisql_database.h"

namespace rankscope {

// lib/query.py's Query.__eq__: the same column, aggregation and conditions, values compared as
// Python's str().lower(). Unless `ordered` the conditions are sets: order and repetition do not
// count.
bool same_logical_form(const WikisqlQuery& a, const WikisqlQuery& b, bool ordered = false);

struct WikisqlOutcome {
  bool parsed = false;        // the text is a query; where it is none the rest is false
  bool logical_form = false;  // same_logical_form with the gold query
  bool exact = false;  // the text is render_query of the gold query, white space around aside
  // The rows equal those of the gold query. Absent where the gold query has none: there is no
  // database, or `gold_error` says what it refuses. evaluate.py ends with an exception there.
  std::optional<bool> execution;
  std::string gold_error;
};

// `database` may be null. A prediction that SQLite refuses is wrong.
WikisqlOutcome score_wikisql(std::string_view prediction, const WikisqlQuery& gold,
                             const std::string& table_id, std::span<const std::string> header,
                             WikisqlDatabase* database, bool ordered = false);

}  // namespace rankscope
