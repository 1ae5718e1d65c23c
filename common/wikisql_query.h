// A WikiSQL query: its structure, the text a language model is taught to write for it, and back.
//
// The text is SQL in the data set's own words:
//   SELECT COUNT(player) FROM table WHERE no. = 21 AND years in toronto > 2003-06
// Names and values stand bare wherever that parses back to the same query. Elsewhere a name is put
// in double quotes and a value in single quotes, the quote doubled inside, as in SQL:
//   SELECT title FROM table WHERE "score =" = 'loss AND title = 3'
// Where a query of more than 64 conditions needs any quotes, all its names and values have them.
// A header may hold a name more than once; the k-th of a name is written "name"#k.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/json.h"

namespace rankscope {

// By index as in the files (salesforce/WikiSQL, lib/query.py).
inline constexpr std::array<std::string_view, 6> kWikisqlAggregations = {"",      "MAX", "MIN",
                                                                         "COUNT", "SUM", "AVG"};
inline constexpr std::array<std::string_view, 4> kWikisqlOperators = {"=", ">", "<", "OP"};

// A cell, or the value of a condition. `text` is what Python's str() makes of it ("21", "3.0",
// "1e+16"); the kind says how the file wrote it. What is parsed from text is kText.
struct WikisqlValue {
  enum class Kind { kNull, kText, kInteger, kReal };
  std::string text;
  Kind kind = Kind::kText;

  // The kind is no part of a value's identity: WikiSQL's own comparison takes str() of both.
  bool operator==(const WikisqlValue& other) const { return text == other.text; }
};

struct WikisqlCondition {
  int column = 0;  // index into the header
  int op = 0;      // index into kWikisqlOperators
  WikisqlValue value;

  bool operator==(const WikisqlCondition&) const = default;
};

struct WikisqlQuery {
  int select = 0;       // index into the header
  int aggregation = 0;  // index into kWikisqlAggregations
  std::vector<WikisqlCondition> conditions;

  bool operator==(const WikisqlQuery&) const = default;
};

// A table as in *.tables.jsonl. `types` ("text" or "real", one a column) and `rows` may be absent,
// that is, empty.
struct WikisqlTable {
  std::string id;
  std::vector<std::string> header;
  std::vector<std::string> types;
  std::vector<std::vector<WikisqlValue>> rows;
  bool has_rows = false;  // its rows are known, were there none
};

// The text of a query, with as few quotes as parse_query needs to give the query back: for every
// query within the header's range parse_query(render_query(q, h), h) == q. InputError when an index
// is out of range.
std::string render_query(const WikisqlQuery& query, std::span<const std::string> header);

// The query that a text says, or nothing. White space around the text and the letter case of
// keywords do not matter. A bare name is the header's longest that fits what follows it; exact
// spelling wins over one that differs in ASCII case or white space alone. A bare value ends before
// the first AND that is followed by a column and an operator. Never throws, on any bytes; the time
// is linear in text times header.
std::optional<WikisqlQuery> parse_query(std::string_view text, std::span<const std::string> header);

// Reads {"sel": 3, "agg": 0, "conds": [[5, 0, "value"], ...]}, indices checked against a header of
// `columns` names. Anything else is an InputError that names file, line and field.
WikisqlQuery read_wikisql_query(JsonObject& sql, std::size_t columns);

// A JSON string, number or null as a value. False for anything else.
bool read_wikisql_value(const Json& json, WikisqlValue& value);

}  // namespace rankscope
