#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <limits>

#include "common/error.h"
#include "common/files.h"
#include "common/json.h"
#include "metrics/unicode.h"
#include "metrics/wikisql_scorer.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

using namespace rankscope;

namespace {

const Json& goldens() {
  static const Json json = read_json_file(std::filesystem::path(RANKSCOPE_SOURCE_DIR) /
                                          "tests/reference/goldens/wikisql.json");
  return json;
}

std::vector<WikisqlTable> golden_tables() {
  std::vector<WikisqlTable> tables;
  for (const Json& json : goldens()["tables"]) {
    WikisqlTable& table = tables.emplace_back();
    table.id = json["id"];
    table.header = json["header"].get<std::vector<std::string>>();
    table.types = json["types"].get<std::vector<std::string>>();
    for (const Json& row : json["rows"]) {
      auto& cells = table.rows.emplace_back(row.size());
      for (std::size_t i = 0; i < row.size(); ++i) REQUIRE(read_wikisql_value(row[i], cells[i]));
    }
  }
  return tables;
}

WikisqlQuery query_of(const Json& json, std::size_t columns) {
  JsonObject object(json, "test");
  return read_wikisql_query(object, columns);
}

bool same_value(const SqlValue& got, const Json& want) {
  if (want.is_null()) return std::holds_alternative<std::monostate>(got);
  if (want == "inf" && std::holds_alternative<double>(got)) {
    return std::get<double>(got) == std::numeric_limits<double>::infinity();
  }
  if (want.is_string()) return got == SqlValue(want.get<std::string>());
  if (want.is_number_integer()) return got == SqlValue(want.get<std::int64_t>());
  return got == SqlValue(want.get<double>());
}

void check_golden_cases(WikisqlDatabase& database, const std::vector<WikisqlTable>& tables) {
  for (const Json& json : goldens()["cases"]) {
    CAPTURE(json.dump());
    const std::string id = json["table_id"];
    const auto table = std::find_if(tables.begin(), tables.end(),
                                    [&](const WikisqlTable& t) { return t.id == id; });
    REQUIRE(table != tables.end());
    const WikisqlQuery gold = query_of(json["gold"], table->header.size());
    const WikisqlQuery prediction = query_of(json["prediction"], table->header.size());
    const QueryResult result = database.execute(id, gold);
    CHECK(result.ok() == !json["rows"].is_null());
    if (result.ok() && !json["rows"].is_null()) {
      CHECK(std::equal(result.rows.begin(), result.rows.end(), json["rows"].begin(),
                       json["rows"].end(), same_value));
      CHECK(database.execute(id, prediction).same_rows(result) == json["execution"].get<bool>());
    }
    CHECK(same_logical_form(prediction, gold) == json["logical_form"].get<bool>());
    CHECK(same_logical_form(prediction, gold, true) == json["logical_form_ordered"].get<bool>());
    // The same through text, where every value is one.
    const WikisqlOutcome outcome = score_wikisql(" " + render_query(prediction, table->header),
                                                 gold, id, table->header, &database);
    CHECK(outcome.parsed);
    CHECK(outcome.logical_form == json["logical_form"].get<bool>());
    CHECK(outcome.execution.has_value() == result.ok());
    CHECK(outcome.gold_error.empty() == result.ok());
  }
}

}  // namespace

TEST_CASE("logical form and execution equal WikiSQL's own, from rows") {
  const std::vector<WikisqlTable> tables = golden_tables();
  WikisqlDatabase database;
  for (const WikisqlTable& table : tables) database.add_table(table);
  CHECK(database.has_table("1-100-1"));
  CHECK_FALSE(database.has_table("1-100-2"));
  check_golden_cases(database, tables);
}

TEST_CASE("logical form and execution equal WikiSQL's own, from a .db file") {
  const tests::TemporaryFolder folder;
  const std::vector<WikisqlTable> tables = golden_tables();
  {
    SQLite::Database file((folder / "own.db").string(),
                          SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    for (const WikisqlTable& table : tables) {
      std::string name = table.id.starts_with("table") ? table.id : "table_" + table.id;
      std::replace(name.begin(), name.end(), '-', '_');
      std::string columns, values;
      for (std::size_t i = 0; i < table.types.size(); ++i) {
        columns += (i ? ", col" : "col") + std::to_string(i) + " " + table.types[i];
        values += i ? ", ?" : "?";
      }
      file.exec("CREATE TABLE " + name + " (" + columns + ")");
      for (const auto& row : table.rows) {
        SQLite::Statement insert(file, "INSERT INTO " + name + " VALUES (" + values + ")");
        for (std::size_t i = 0; i < row.size(); ++i) {
          const int parameter = static_cast<int>(i) + 1;
          if (row[i].kind == WikisqlValue::Kind::kNull) {
            insert.bind(parameter);
          } else if (row[i].kind == WikisqlValue::Kind::kText) {
            insert.bind(parameter, python_lower(row[i].text));
          } else if (row[i].kind == WikisqlValue::Kind::kInteger) {
            insert.bind(parameter, static_cast<std::int64_t>(std::stoll(row[i].text)));
          } else {
            insert.bind(parameter, std::stod(row[i].text));
          }
        }
        insert.exec();
      }
    }
  }
  WikisqlDatabase database(folder / "own.db");
  check_golden_cases(database, tables);
}

// lib/dbengine.py takes the line ends out of a schema and splits at ", ", then at white space.
TEST_CASE("a .db's schema is read as WikiSQL's dbengine reads it") {
  const auto executed = [](const std::string& columns) {
    const tests::TemporaryFolder folder;
    {
      SQLite::Database file((folder / "own.db").string(),
                            SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
      file.exec("CREATE TABLE table_1_1 " + columns);
      file.exec("INSERT INTO table_1_1 VALUES ('ask', 1998), ('embla', 2001)");
    }
    WikisqlQuery query;
    // Compared as a number, as a column of type real is.
    query.conditions = {{1, 1, {"2,000", WikisqlValue::Kind::kText}}};
    return WikisqlDatabase(folder / "own.db").execute("1-1", query);
  };
  for (const char* columns :
       {"(col0 text, col1 real)", "(\n  col0 text, \n  col1 real\n)",
        "(\r\n\tcol0\ttext, \r\n\tcol1  real\r\n)", "(col0 text, col1 real )"}) {
    CAPTURE(columns);
    const QueryResult result = executed(columns);
    CHECK(result.error.empty());
    CHECK(result.rows == std::vector<SqlValue>{"embla"});
  }
  for (const char* columns :
       {"(col0 text,\ncol1 real)", "(col0, col1)", "(name text, year real)"}) {
    CAPTURE(columns);
    CHECK(executed(columns).error ==
          "its schema is not read; it must be CREATE TABLE NAME (col0 text, col1 real, ...)");
  }
}

TEST_CASE("lower case is Python's") {
  for (const auto& [text, lower] : goldens()["lower"].items()) {
    CAPTURE(text);
    CHECK(python_lower(text) == lower.get<std::string>());
  }
  CHECK(python_lower("A\xFF\xC3Z") == "a\xFF\xC3z");
}

// Values of Python's Decimal("1000 _") and so on: it raises, and dbengine's pattern looks for a
// number.
TEST_CASE("an underline is dropped from a number behind the white space around it, as in Python") {
  CHECK(wikisql_number("1,000 _") == 1.0);
  CHECK(wikisql_number("-5 _") == 5.0);
  CHECK(wikisql_number("_ -5") == 5.0);
  CHECK(wikisql_number("1e3 _") == 1.0);
  CHECK(wikisql_number(" 1_000_ ") == 1000.0);
  CHECK_FALSE(wikisql_number("_"));
}

TEST_CASE("a text that is no query is wrong, not an error") {
  const std::vector<WikisqlTable> tables = golden_tables();
  WikisqlDatabase database;
  for (const WikisqlTable& table : tables) database.add_table(table);
  const WikisqlTable& table = tables[0];
  WikisqlQuery gold;
  gold.aggregation = 3;
  const auto score = [&](const std::string& text) {
    return score_wikisql(text, gold, table.id, table.header, &database);
  };
  for (const char* text : {"", "SELECT", "DROP TABLE table_1_100_1", "SELECT Width FROM table",
                           "SELECT COUNT(Harbour) FROM table WHERE"}) {
    const WikisqlOutcome outcome = score(text);
    CHECK_FALSE(outcome.parsed);
    CHECK_FALSE(outcome.logical_form);
    CHECK_FALSE(outcome.exact);
    CHECK(outcome.execution == false);
  }
  const WikisqlOutcome right = score(" SELECT COUNT(Harbour) FROM table\n");
  CHECK(right.parsed);
  CHECK(right.logical_form);
  CHECK(right.exact);
  CHECK(right.execution == true);
  // Another query with the same answer.
  const WikisqlOutcome other = score("SELECT COUNT(Ships) FROM table");
  CHECK_FALSE(other.logical_form);
  CHECK(other.execution == true);
}

TEST_CASE("values stay values") {
  const std::vector<WikisqlTable> tables = golden_tables();
  WikisqlDatabase database;
  for (const WikisqlTable& table : tables) database.add_table(table);
  WikisqlQuery query;
  query.aggregation = 3;
  const std::int64_t rows = std::get<std::int64_t>(database.execute("1-100-1", query).rows.at(0));
  CHECK(rows == 6);
  query.conditions.push_back({3, 0, {"'; DROP TABLE table_1_100_1; --"}});
  CHECK(database.execute("1-100-1", query).rows.at(0) == SqlValue(std::int64_t{1}));
  query.conditions[0].value.text = "x' OR '1'='1";
  CHECK(database.execute("1-100-1", query).rows.at(0) == SqlValue(std::int64_t{0}));
  query.conditions.clear();
  CHECK(database.execute("1-100-1", query).rows.at(0) == SqlValue(rows));
  CHECK_FALSE(database.execute("no-such-table", query).ok());
  CHECK_FALSE(database.execute("sqlite_master", query).ok());
}

TEST_CASE("an integer equals the real of its value, on whichever side it stands") {
  constexpr auto kReal = WikisqlValue::Kind::kReal;
  WikisqlTable table{"2-1", {"port", "depth"}, {"text", "real"}, {}};
  table.rows = {{{"Ayr"}, {"1.0", kReal}}, {{"Wick"}, {"1.5", kReal}}};
  WikisqlDatabase database;
  database.add_table(table);
  const auto aggregated = [&](int column, int aggregation) {
    WikisqlQuery query;
    query.select = column;
    query.aggregation = aggregation;
    query.conditions.push_back({0, 0, {aggregation == 1 ? "Wick" : "Ayr"}});
    return database.execute("2-1", query);
  };
  const QueryResult count = aggregated(0, 3), one = aggregated(1, 2), more = aggregated(1, 1);
  REQUIRE(count.rows == std::vector<SqlValue>{std::int64_t{1}});
  REQUIRE(one.rows == std::vector<SqlValue>{1.0});
  REQUIRE(more.rows == std::vector<SqlValue>{1.5});
  CHECK(count.same_rows(one));
  CHECK(one.same_rows(count));
  CHECK_FALSE(count.same_rows(more));
  CHECK_FALSE(more.same_rows(count));
}

TEST_CASE("tables that cannot be are refused by name") {
  WikisqlDatabase database;
  WikisqlTable table{"1-1", {"a", "b"}, {"text"}, {}};
  CHECK_THROWS_AS(database.add_table(table), InputError);
  table.types = {"text", "blob"};
  CHECK_THROWS_AS(database.add_table(table), InputError);
  table.types = {"text", "real"};
  table.rows = {{{"x"}}};
  CHECK_THROWS_AS(database.add_table(table), InputError);
  table.rows.clear();
  database.add_table(table);
  const WikisqlTable same_name{"1_1", {"a"}, {"text"}, {}};
  CHECK_THROWS_AS(database.add_table(same_name), InputError);
}

TEST_CASE("a .db that is no database file is refused at once, by name") {
  const auto refusal = [](const std::filesystem::path& path) {
    return tests::error_text<InputError>([&] { WikisqlDatabase database(path); });
  };
  const tests::TemporaryFolder folder;
  CHECK_THAT(refusal(folder / "absent.db"), Catch::Contains("absent.db: is not there"));
  CHECK_THAT(refusal(":memory:"), Catch::Contains(":memory:: is not there"));
  CHECK_THAT(refusal(folder.path()), Catch::Contains("Is a directory"));
  REQUIRE(mkfifo((folder / "pipe.db").c_str(), 0600) == 0);
  CHECK_THAT(refusal(folder / "pipe.db"), Catch::Contains("pipe.db': not a regular file"));
  CHECK_THAT(refusal("/dev/zero"), Catch::Contains("not a regular file"));
  write_file_atomically(folder / "text.db", std::string(5000, 'x'));
  CHECK_THAT(refusal(folder / "text.db"), Catch::Contains("text.db: file is not a database"));
}
