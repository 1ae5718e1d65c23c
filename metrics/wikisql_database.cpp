#include "metrics/wikisql_database.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "common/error.h"
#include "common/files.h"
#include "common/text.h"
#include "metrics/unicode.h"

namespace rankscope {

namespace {

using Kind = WikisqlValue::Kind;

// lib/dbengine.py's name for a table, in the quotes that keep any id a name.
std::string table_name(const std::string& id) {
  if (id.starts_with("table")) return id;
  std::string name = "table_" + id;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string quoted_name(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += c;
    out += c;
  }
  return out + '"';
}

// The words of a text: what white space parts.
std::vector<std::string> words_of(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\v\f";
  std::vector<std::string> words;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    if (text.empty()) return words;
    const std::size_t end = std::min(text.find_first_of(kSpace), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// "CREATE TABLE table_1_2 (col0 text, col1 real)", line ends anywhere, as dbengine reads it: the
// types, or nothing where it is not so.
std::vector<std::string> schema_types(std::string sql) {
  std::erase(sql, '\n');
  const std::size_t open = sql.find('(');
  const std::size_t close = sql.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return {};
  std::string_view columns = std::string_view(sql).substr(open + 1, close - open - 1);
  std::vector<std::string> types;
  while (true) {
    const std::size_t comma = columns.find(", ");
    std::vector<std::string> column = words_of(columns.substr(0, comma));
    if (column.size() != 2 || column[0] != fmt::format("col{}", types.size())) return {};
    types.push_back(std::move(column[1]));
    if (comma == std::string_view::npos) return types;
    columns.remove_prefix(comma + 2);
  }
}

// False where the value does not fit SQLite's integers.
bool bind_value(SQLite::Statement& statement, int parameter, const WikisqlValue& value) {
  switch (value.kind) {
    case Kind::kNull:
      statement.bind(parameter);
      return true;
    case Kind::kText:
      statement.bind(parameter, python_lower(value.text));
      return true;
    case Kind::kInteger: {
      std::int64_t number = 0;
      const char* const end = value.text.data() + value.text.size();
      if (std::from_chars(value.text.data(), end, number).ec != std::errc()) return false;
      statement.bind(parameter, number);
      return true;
    }
    case Kind::kReal: {
      double number = 0;
      std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
      statement.bind(parameter, number);
      return true;
    }
  }
  return false;
}

SqlValue column_value(const SQLite::Column& column) {
  switch (column.getType()) {
    case SQLITE_INTEGER:
      return column.getInt64();
    case SQLITE_FLOAT:
      return column.getDouble();
    case SQLITE_NULL:
      return std::monostate();
    default:
      return column.getString();
  }
}

// What a query can be refused for; anything else is wrong with the database that it is put to.
bool is_of_the_query(const SQLite::Exception& error) {
  constexpr std::array kOfTheQuery{SQLITE_ERROR, SQLITE_MISMATCH, SQLITE_RANGE, SQLITE_TOOBIG};
  return std::ranges::find(kOfTheQuery, error.getErrorCode()) != kOfTheQuery.end();
}

[[noreturn]] void throw_unreadable(const SQLite::Exception& error, const std::string& file) {
  const std::string what = file + ": " + printable(error.what());
  switch (error.getErrorCode()) {
    case SQLITE_NOMEM:
      throw MachineError("SQLite is out of memory");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw InputError(what + "; another program writes to it: wait for its end");
    case SQLITE_IOERR:
      throw InputError(what + "; see whether it is a file that can be read");
    default:
      throw InputError(what + "; it must be an SQLite database such as WikiSQL's dev.db");
  }
}

// Exact, as Python compares an int with a float.
bool equal_numbers(std::int64_t integer, double real) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  return real >= -kTwoTo63 && real < kTwoTo63 && std::trunc(real) == real &&
         static_cast<std::int64_t>(real) == integer;
}

bool equal_values(const SqlValue& a, const SqlValue& b) {
  if (a.index() == b.index()) return a == b;
  if (const auto* i = std::get_if<std::int64_t>(&a)) {
    const auto* d = std::get_if<double>(&b);
    return d != nullptr && equal_numbers(*i, *d);
  }
  if (const auto* d = std::get_if<double>(&a)) {
    const auto* i = std::get_if<std::int64_t>(&b);
    return i != nullptr && equal_numbers(*i, *d);
  }
  return false;
}

}  // namespace

bool QueryResult::same_rows(const QueryResult& other) const {
  return ok() && other.ok() &&
         std::equal(rows.begin(), rows.end(), other.rows.begin(), other.rows.end(), equal_values);
}

struct WikisqlDatabase::State {
  struct Table {
    std::string name;                      // as in SQL, in quotes
    const WikisqlTable* source = nullptr;  // until it is loaded
    std::vector<std::string> types;
    SQLite::Database* home = nullptr;  // once it is loaded
  };

  SQLite::Database& database_with_room();
  void load(Table& table);
  static std::string query_sql(const Table& table, const WikisqlQuery& query);

  std::string file = "the tables in memory";
  std::vector<std::unique_ptr<SQLite::Database>> databases;
  std::size_t tables_in_last = 0;
  std::unordered_map<std::string, Table> tables;  // by the name that dbengine makes of the id
};

// SQLite reads its whole list of tables at each CREATE TABLE, so one database for all of them would
// take time quadratic in their number.
SQLite::Database& WikisqlDatabase::State::database_with_room() {
  constexpr std::size_t kTablesPerDatabase = 64;
  if (databases.empty() || tables_in_last == kTablesPerDatabase) {
    databases.push_back(std::make_unique<SQLite::Database>(
        ":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE));
    databases.back()->exec("PRAGMA journal_mode = OFF; BEGIN");
    tables_in_last = 0;
  }
  ++tables_in_last;
  return *databases.back();
}

WikisqlDatabase::WikisqlDatabase() : state_(std::make_unique<State>()) {}

WikisqlDatabase::WikisqlDatabase(const std::filesystem::path& db_file)
    : state_(std::make_unique<State>()) {
  state_->file = printable_path(db_file);
  // SQLite waits for a pipe's writer, and takes an empty device and names of its own (":memory:")
  // for databases without a table.
  require_regular_file(db_file);
  if (!is_there(db_file))
    throw InputError(state_->file +
                     ": is not there; give an SQLite database such as WikiSQL's dev.db");
  try {
    state_->databases.push_back(std::make_unique<SQLite::Database>(
        std::filesystem::absolute(db_file).string(), SQLite::OPEN_READONLY));
    SQLite::Database& database = *state_->databases.back();
    // A schema from outside may hold functions and views; nothing of it is to be run.
    sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    SQLite::Statement names(database, "SELECT name, sql FROM sqlite_master WHERE type = 'table'");
    while (names.executeStep()) {
      const std::string name = names.getColumn(0).getString();
      state_->tables[name] = {quoted_name(name), nullptr,
                              schema_types(names.getColumn(1).getString()), &database};
    }
  } catch (const SQLite::Exception& e) {
    throw_unreadable(e, state_->file);
  }
}

WikisqlDatabase::~WikisqlDatabase() = default;
WikisqlDatabase::WikisqlDatabase(WikisqlDatabase&&) noexcept = default;
WikisqlDatabase& WikisqlDatabase::operator=(WikisqlDatabase&&) noexcept = default;

bool WikisqlDatabase::has_table(const std::string& table_id) const {
  return state_->tables.contains(table_name(table_id));
}

void WikisqlDatabase::add_table(const WikisqlTable& table) {
  if (table.types.size() != table.header.size()) {
    throw InputError(fmt::format("table '{}' has {} types for {} columns; give one each",
                                 printable(table.id), table.types.size(), table.header.size()));
  }
  for (const std::string& type : table.types) {
    if (type != "text" && type != "real") {
      throw InputError(fmt::format("table '{}' has a column of type '{}'; it must be text or real",
                                   printable(table.id), printable(type)));
    }
  }
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    if (table.rows[row].size() != table.header.size()) {
      throw InputError(fmt::format("table '{}', row {}: {} cells for {} columns",
                                   printable(table.id), row, table.rows[row].size(),
                                   table.header.size()));
    }
  }
  const std::string name = table_name(table.id);
  const auto [entry, added] = state_->tables.try_emplace(
      name, State::Table{quoted_name(name), &table, table.types, nullptr});
  if (!added) {
    throw InputError(fmt::format("table '{}' is there twice (as {}); remove one",
                                 printable(table.id), printable(name)));
  }
}

void WikisqlDatabase::State::load(Table& table) {
  std::string columns, parameters;
  for (std::size_t i = 0; i < table.types.size(); ++i) {
    columns += fmt::format("{}col{} {}", i == 0 ? "" : ", ", i, table.types[i]);
    parameters += i == 0 ? "?" : ", ?";
  }
  SQLite::Database& database = database_with_room();
  database.exec(fmt::format("CREATE TABLE {} ({})", table.name, columns));
  SQLite::Statement insert(database,
                           fmt::format("INSERT INTO {} VALUES ({})", table.name, parameters));
  for (const std::vector<WikisqlValue>& row : table.source->rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!bind_value(insert, static_cast<int>(i + 1), row[i])) {
        throw InputError(fmt::format("table '{}': the integer {} is beyond 64 bits",
                                     printable(table.source->id), row[i].text));
      }
    }
    insert.exec();
    insert.reset();
  }
  table.source = nullptr;
  table.home = &database;
}

std::string WikisqlDatabase::State::query_sql(const Table& table, const WikisqlQuery& query) {
  std::string select = fmt::format("col{}", query.select);
  if (query.aggregation != 0) {
    select = fmt::format(
        "{}({})", kWikisqlAggregations.at(static_cast<std::size_t>(query.aggregation)), select);
  }
  std::string sql = fmt::format("SELECT {} AS result FROM {}", select, table.name);
  for (std::size_t i = 0; i < query.conditions.size(); ++i) {
    const WikisqlCondition& condition = query.conditions[i];
    sql +=
        fmt::format(" {} col{} {} :col{}", i == 0 ? "WHERE" : "AND", condition.column,
                    kWikisqlOperators.at(static_cast<std::size_t>(condition.op)), condition.column);
  }
  return sql;
}

QueryResult WikisqlDatabase::execute(const std::string& table_id, const WikisqlQuery& query) {
  const auto found = state_->tables.find(table_name(table_id));
  if (found == state_->tables.end()) return {{}, "there is no such table"};
  State::Table& table = found->second;
  if (table.types.empty())
    return {{}, "its schema is not read; it must be CREATE TABLE NAME (col0 text, col1 real, ...)"};
  const auto outside = [&](int column) {
    return column < 0 || static_cast<std::size_t>(column) >= table.types.size();
  };
  if (outside(query.select)) return {{}, "the selected column is not in the table"};
  for (const WikisqlCondition& condition : query.conditions) {
    if (outside(condition.column)) return {{}, "a condition's column is not in the table"};
  }
  QueryResult result;
  try {
    if (table.source != nullptr) state_->load(table);
    SQLite::Statement statement(*table.home, State::query_sql(table, query));
    for (const WikisqlCondition& condition : query.conditions) {
      const int parameter = statement.getIndex(fmt::format(":col{}", condition.column).c_str());
      const bool real = table.types[static_cast<std::size_t>(condition.column)] == "real";
      if (real && condition.value.kind == Kind::kText) {
        const std::optional<double> number = wikisql_number(python_lower(condition.value.text));
        if (!number) return {{}, "a real column is compared with a text that holds no number"};
        statement.bind(parameter, *number);
      } else if (!bind_value(statement, parameter, condition.value)) {
        return {{}, "an integer is beyond 64 bits"};
      }
    }
    while (statement.executeStep()) result.rows.push_back(column_value(statement.getColumn(0)));
  } catch (const SQLite::Exception& e) {
    if (is_of_the_query(e)) return {{}, printable(e.what())};
    throw_unreadable(e, state_->file);
  }
  return result;
}

}  // namespace rankscope
