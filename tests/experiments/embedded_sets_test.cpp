// The gold queries of the embedded tables, executed, give what a reader of the tables would answer.
#include <catch2/catch.hpp>
#include <cmath>

#include "datasets/embedded/set_files.h"
#include "datasets/embedded/wikisql_set.h"
#include "metrics/wikisql_database.h"

namespace rankscope::embedded {

namespace {

bool meets(const std::vector<WikisqlValue>& row, const WikisqlCondition& condition) {
  const std::string& cell = row[static_cast<std::size_t>(condition.column)].text;
  if (condition.op == 0) return cell == condition.value.text;
  return condition.op == 1 ? std::stoll(cell) > std::stoll(condition.value.text)
                           : std::stoll(cell) < std::stoll(condition.value.text);
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string shown(const SqlValue& value) {
  if (const auto* i = std::get_if<std::int64_t>(&value)) return std::to_string(*i);
  if (const auto* d = std::get_if<double>(&value))
    return *d == std::floor(*d) ? std::to_string(static_cast<long long>(*d)) : std::to_string(*d);
  if (const auto* s = std::get_if<std::string>(&value)) return *s;
  return "NULL";
}

// The answer read off the rows: the cells, or what the aggregation makes of them.
std::vector<std::string> answer(const WikisqlTable& table, const WikisqlQuery& query) {
  std::vector<std::string> cells;
  for (const auto& row : table.rows) {
    bool all = true;
    for (const WikisqlCondition& condition : query.conditions) all = all && meets(row, condition);
    if (all) cells.push_back(lower(row[static_cast<std::size_t>(query.select)].text));
  }
  if (query.aggregation == 0) return cells;
  if (query.aggregation == 3) return {std::to_string(cells.size())};
  double sum = 0, most = -1e18, least = 1e18;
  for (const std::string& cell : cells) {
    const double x = std::stod(cell);
    sum += x;
    most = std::max(most, x);
    least = std::min(least, x);
  }
  const double value = query.aggregation == 1   ? most
                       : query.aggregation == 2 ? least
                       : query.aggregation == 4 ? sum
                                                : sum / static_cast<double>(cells.size());
  return {shown(SqlValue(value))};
}

}  // namespace

TEST_CASE("embedded sets: gold queries execute to the answer that stands in the table") {
  const World world(kWorldSeed);
  const WikisqlSet set = make_wikisql_set(world, "dev", Pool::kScored, 500);
  WikisqlDatabase database;
  for (const WikisqlTable& table : set.tables) database.add_table(table);
  int aggregations[6] = {}, operators[3] = {};
  for (const TableQuestion& question : set.questions) {
    const WikisqlTable& table = set.tables[question.table];
    CAPTURE(question.text, table.id);
    const std::string text = render_query(question.query, table.header);
    REQUIRE(parse_query(text, table.header) == question.query);
    const QueryResult result = database.execute(table.id, question.query);
    REQUIRE(result.ok());
    std::vector<std::string> rows;
    for (const SqlValue& value : result.rows) rows.push_back(shown(value));
    CHECK(rows == answer(table, question.query));
    CHECK_FALSE(rows.empty());
    ++aggregations[question.query.aggregation];
    for (const WikisqlCondition& c : question.query.conditions) ++operators[c.op];
  }
  for (int count : aggregations) CHECK(count > 5);
  for (int count : operators) CHECK(count > 5);
}

}  // namespace rankscope::embedded
