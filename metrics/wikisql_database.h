// Executes WikiSQL queries in SQLite, as WikiSQL's lib/dbengine.py does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/wikisql_query.h"

namespace rankscope {

// What SQLite returned: NULL, an integer, a real, a text.
using SqlValue = std::variant<std::monostate, std::int64_t, double, std::string>;

// The `result` column, row by row, or why there is none.
struct QueryResult {
  std::vector<SqlValue> rows;
  std::string error;  // empty where the query ran

  bool ok() const { return error.empty(); }
  // Python's == of the two lists: 1 equals 1.0, NULL equals NULL, order counts.
  bool same_rows(const QueryResult& other) const;
};

// The tables of one data file, either from the official .db or built from rows. A query is
//   SELECT [AGG](colN) AS result FROM table_ID WHERE colK OP :colK AND ...
// with the values bound as parameters, texts lower-cased, and on a column of type real the number
// that the text reads as (wikisql_number). As in dbengine a parameter is named after its column:
// with two conditions on one column both get the later one's value.
class WikisqlDatabase {
 public:
  // Opened read-only. InputError where the file is missing or is no database.
  explicit WikisqlDatabase(const std::filesystem::path& db_file);
  // Empty, in memory.
  WikisqlDatabase();
  ~WikisqlDatabase();
  WikisqlDatabase(WikisqlDatabase&&) noexcept;
  WikisqlDatabase& operator=(WikisqlDatabase&&) noexcept;

  // Takes over a table with types and rows, as lib/table.py's create_table does: cells lower-cased,
  // columns named col0, col1, ... The table must outlive this object; it is read when it is first
  // queried. InputError when types are missing or unknown, or a row's length is not the header's.
  void add_table(const WikisqlTable& table);

  bool has_table(const std::string& table_id) const;

  // What dbengine raises is an error in the result: a column that is not there, a real column
  // compared with a text without a number, an operator that is no SQL (OP), a sum that overflows.
  // An unknown table is one too, and a schema of the .db that dbengine does not read. InputError
  // where the database cannot be read.
  QueryResult execute(const std::string& table_id, const WikisqlQuery& query);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rankscope
