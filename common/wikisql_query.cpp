#include "common/wikisql_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {

namespace {

// Which parts of a query stand in quotes: its column, then each condition's column and value.
using QuotedParts = std::vector<bool>;

// A question of WikiSQL has at most four.
constexpr std::size_t kMostConditionsTried = 64;

std::string in_quotes(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += c;
    out += c;
  }
  return out += quote;
}

std::string column_text(std::span<const std::string> header, int column, bool quote) {
  const std::string& name = header[static_cast<std::size_t>(column)];
  if (!quote) return name;
  const auto earlier = std::count(header.begin(), header.begin() + column, name);
  std::string text = in_quotes(name, '"');
  if (earlier > 0) text += fmt::format("#{}", earlier + 1);
  return text;
}

std::string query_text(const WikisqlQuery& query, std::span<const std::string> header,
                       const QuotedParts& quoted_parts) {
  std::string text = "SELECT ";
  const std::string select = column_text(header, query.select, quoted_parts[0]);
  if (query.aggregation == 0) {
    text += select;
  } else {
    text += kWikisqlAggregations[static_cast<std::size_t>(query.aggregation)];
    text += '(' + select + ')';
  }
  text += " FROM table";
  for (std::size_t i = 0; i < query.conditions.size(); ++i) {
    const WikisqlCondition& condition = query.conditions[i];
    text += i == 0 ? " WHERE " : " AND ";
    text += column_text(header, condition.column, quoted_parts[1 + 2 * i]);
    text += ' ';
    text += kWikisqlOperators[static_cast<std::size_t>(condition.op)];
    text += ' ';
    text += quoted_parts[2 + 2 * i] ? in_quotes(condition.value.text, '\'') : condition.value.text;
  }
  return text;
}

void check_range(int index, std::size_t size, std::string_view what) {
  if (index < 0 || static_cast<std::size_t>(index) >= size) {
    throw InputError(fmt::format("a WikiSQL query has {} {}; it must be from 0 to {}", what, index,
                                 static_cast<std::ptrdiff_t>(size) - 1));
  }
}

// repr() of a Python float: the shortest digits that give the value back, with an exponent below
// 1e-4 and from 1e16 on.
std::string python_float_text(double value) {
  char buffer[64];
  const auto written =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view text(buffer, written.ptr);
  std::string out;
  if (text.front() == '-') {
    out = "-";
    text.remove_prefix(1);
  }
  const std::size_t mark = text.find('e');
  std::string digits(1, text.front());
  if (mark > 2) digits += text.substr(2, mark - 2);
  int exponent = 0;
  const std::string_view written_exponent =
      text.substr(text[mark + 1] == '+' ? mark + 2 : mark + 1);
  std::from_chars(written_exponent.begin(), written_exponent.end(), exponent);
  if (exponent < -4 || exponent >= 16) {
    out += digits.substr(0, 1);
    if (digits.size() > 1) out += '.' + digits.substr(1);
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const std::size_t whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return out + digits + std::string(whole - digits.size(), '0') + ".0";
  return out + digits.substr(0, whole) + '.' + digits.substr(whole);
}

}  // namespace

std::string render_query(const WikisqlQuery& query, std::span<const std::string> header) {
  check_range(query.select, header.size(), "sel");
  check_range(query.aggregation, kWikisqlAggregations.size(), "agg");
  for (const WikisqlCondition& condition : query.conditions) {
    check_range(condition.column, header.size(), "a condition on column");
    check_range(condition.op, kWikisqlOperators.size(), "a condition with operator");
  }
  QuotedParts parts(1 + 2 * query.conditions.size(), false);
  std::string text = query_text(query, header, parts);
  if (parse_query(text, header) == query) return text;
  // Everything in quotes is always understood. Take away what is not needed, names first: where
  // either a name or a value could be quoted, the value is.
  parts.assign(parts.size(), true);
  // Each part is tried in the whole text, so that the time is quadratic.
  if (query.conditions.size() > kMostConditionsTried) return query_text(query, header, parts);
  std::vector<std::size_t> order{0};
  for (std::size_t i = 1; i < parts.size(); i += 2) order.push_back(i);
  for (std::size_t i = 2; i < parts.size(); i += 2) order.push_back(i);
  for (const std::size_t part : order) {
    parts[part] = false;
    if (parse_query(query_text(query, header, parts), header) != query) parts[part] = true;
  }
  return query_text(query, header, parts);
}

bool read_wikisql_value(const Json& json, WikisqlValue& value) {
  if (json.is_string()) {
    value = {json.get<std::string>(), WikisqlValue::Kind::kText};
  } else if (json.is_number_float()) {
    value = {python_float_text(json.get<double>()), WikisqlValue::Kind::kReal};
  } else if (json.is_number_unsigned()) {
    value = {std::to_string(json.get<std::uint64_t>()), WikisqlValue::Kind::kInteger};
  } else if (json.is_number_integer()) {
    value = {std::to_string(json.get<std::int64_t>()), WikisqlValue::Kind::kInteger};
  } else if (json.is_null()) {
    value = {"None", WikisqlValue::Kind::kNull};
  } else {
    return false;
  }
  return true;
}

WikisqlQuery read_wikisql_query(JsonObject& sql, std::size_t columns) {
  if (columns == 0) sql.fail("sel", "the table has no columns; check its 'header'");
  const auto last_column = static_cast<std::int64_t>(columns) - 1;
  WikisqlQuery query;
  query.select = static_cast<int>(sql.get_int("sel", 0, last_column));
  query.aggregation = static_cast<int>(
      sql.get_int("agg", 0, static_cast<std::int64_t>(kWikisqlAggregations.size()) - 1));
  for (const Json& json : sql.get_array("conds")) {
    const auto index_below = [&](const Json& element, std::int64_t last) {
      return element.is_number_integer() && element >= 0 && element <= last;
    };
    WikisqlCondition condition;
    if (!json.is_array() || json.size() != 3 || !index_below(json[0], last_column) ||
        !index_below(json[1], static_cast<std::int64_t>(kWikisqlOperators.size()) - 1) ||
        json[2].is_null() || !read_wikisql_value(json[2], condition.value)) {
      sql.fail(
          fmt::format("conds[{}]", query.conditions.size()),
          fmt::format("must be [column from 0 to {}, operator from 0 to {}, text or number], "
                      "not {}",
                      last_column, kWikisqlOperators.size() - 1, printable(json_text(json), 60)));
    }
    condition.column = json[0].get<int>();
    condition.op = json[1].get<int>();
    query.conditions.push_back(std::move(condition));
  }
  return query;
}

}  // namespace rankscope
