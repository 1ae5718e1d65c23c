#include "results/query.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/suggest.h"
#include "common/text.h"
#include "results/read_connection.h"
#include "results/schema.h"
#include "results/sqlite_error.h"

namespace rankscope {

namespace {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementHandle = std::unique_ptr<sqlite3_stmt, Finalize>;

bool is_word(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// The SQL of a question; of a name, with the rows in their documented order.
std::string sql_of(const std::string& question) {
  for (const View& view : views()) {
    if (view.name == question)
      return fmt::format("SELECT * FROM {} ORDER BY {}", view.name, view.order);
  }
  if (is_result_name(question)) return "SELECT * FROM " + question;
  if (!is_word(question)) return question;
  std::vector<std::string> known;
  for (const ViewName& view : view_names()) known.push_back(view.name);
  throw InputError("there is no view '" + printable(question) + "'" +
                   did_you_mean(question, known) +
                   "; `rankscope query DIR` lists the views, or write a SELECT");
}

std::string hex_text(const unsigned char* bytes, int size) {
  std::string out = "X'";
  for (int i = 0; i < size; ++i) out += fmt::format("{:02X}", bytes[i]);
  return out + "'";
}

Cell cell_of(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      if (text == nullptr) throw std::bad_alloc();
      return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const unsigned char*>(sqlite3_column_blob(statement, column));
      return hex_text(bytes, sqlite3_column_bytes(statement, column));
    }
    default:
      return {};
  }
}

// A name that stands twice gets the number of its column, so that JSON objects keep both.
std::vector<std::string> column_names(sqlite3_stmt* statement) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    const char* const name = sqlite3_column_name(statement, i);
    if (name == nullptr) throw std::bad_alloc();
    std::string distinct = name;
    while (!seen.insert(distinct).second) distinct += fmt::format(":{}", i + 1);
    names.push_back(std::move(distinct));
  }
  return names;
}

class Collect : public RowSink {
 public:
  void begin(const std::vector<std::string>&) override {}
  void row(const Row& cells) override { rows.push_back(cells); }
  void end() override {}
  std::vector<Row> rows;
};

}  // namespace

struct ResultsReader::State {
  explicit State(const std::vector<std::filesystem::path>& folders,
                 std::chrono::milliseconds busy_timeout)
      : database(open_for_reading(folders, busy_timeout, shown)) {}

  [[noreturn]] void fail(int code);
  StatementHandle prepare(const char*& sql, const char* end);
  StatementHandle prepare_one(const std::string& sql);
  void bind(sqlite3_stmt* statement, const Row& parameters);

  std::string shown;  // filled while the database is opened
  SQLite::Database database;
};

void ResultsReader::State::fail(int code) {
  sqlite3* const handle = database.getHandle();
  if (code == SQLITE_AUTH) {
    throw InputError(fmt::format("{}: {}; a query may only read: write one SELECT", shown,
                                 printable(sqlite3_errmsg(handle), 300)));
  }
  if (code == SQLITE_ERROR) {
    throw InputError(
        fmt::format("{}: {}; `rankscope query DIR` lists the views, SCHEMA.md the tables", shown,
                    printable(sqlite3_errmsg(handle), 300)));
  }
  throw_sqlite_error(SQLite::Exception(handle, code), sqlite3_system_errno(handle), shown);
}

// Moves `sql` behind the statement. Null where nothing but white space and comments is left.
StatementHandle ResultsReader::State::prepare(const char*& sql, const char* end) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v2(database.getHandle(), sql, static_cast<int>(end - sql), &statement, &sql);
  if (code != SQLITE_OK) fail(code);
  return StatementHandle(statement);
}

StatementHandle ResultsReader::State::prepare_one(const std::string& sql) {
  constexpr std::size_t kLongestSql = 1'000'000;
  if (sql.size() > kLongestSql)
    throw InputError(fmt::format("the query is longer than {} bytes", kLongestSql));
  if (sql.find('\0') != std::string::npos)
    throw InputError("the query holds a zero byte; remove it");
  const char* rest = sql.data();
  const char* const end = rest + sql.size();
  StatementHandle statement = prepare(rest, end);
  if (statement == nullptr) throw InputError("the query is empty; write one SELECT");
  while (rest != end) {
    if (prepare(rest, end) != nullptr)
      throw InputError("the query holds several statements; write one SELECT");
  }
  if (sqlite3_stmt_readonly(statement.get()) == 0 || sqlite3_column_count(statement.get()) == 0)
    throw InputError("a query may only read: write one SELECT");
  return statement;
}

void ResultsReader::State::bind(sqlite3_stmt* statement, const Row& parameters) {
  const int wanted = sqlite3_bind_parameter_count(statement);
  if (wanted != static_cast<int>(parameters.size())) {
    throw InputError(fmt::format("the query has {} parameters, but {} values were given", wanted,
                                 parameters.size()));
  }
  for (int i = 0; i < wanted; ++i) {
    const Cell& value = parameters[static_cast<std::size_t>(i)];
    int code = SQLITE_OK;
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      code = sqlite3_bind_int64(statement, i + 1, *integer);
    } else if (const auto* real = std::get_if<double>(&value)) {
      code = sqlite3_bind_double(statement, i + 1, *real);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      code = sqlite3_bind_text64(statement, i + 1, text->data(), text->size(), SQLITE_TRANSIENT,
                                 SQLITE_UTF8);
    }
    if (code != SQLITE_OK) fail(code);
  }
}

ResultsReader::ResultsReader(const std::vector<std::filesystem::path>& folders,
                             std::chrono::milliseconds busy_timeout)
    : state_(std::make_unique<State>(folders, busy_timeout)) {}
ResultsReader::~ResultsReader() = default;
ResultsReader::ResultsReader(ResultsReader&&) noexcept = default;
ResultsReader& ResultsReader::operator=(ResultsReader&&) noexcept = default;

void ResultsReader::run(const std::string& question, RowSink& sink, const Row& parameters) {
  const StatementHandle statement = state_->prepare_one(sql_of(question));
  state_->bind(statement.get(), parameters);
  sink.begin(column_names(statement.get()));
  const int columns = sqlite3_column_count(statement.get());
  Row cells(static_cast<std::size_t>(columns));
  int code = 0;
  while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
    throw_if_stop_requested("interrupted; what was printed is not whole");
    for (int i = 0; i < columns; ++i)
      cells[static_cast<std::size_t>(i)] = cell_of(statement.get(), i);
    sink.row(cells);
  }
  if (code != SQLITE_DONE) state_->fail(code);
  sink.end();
}

std::vector<Row> ResultsReader::rows(const std::string& question, const Row& parameters) {
  Collect collect;
  run(question, collect, parameters);
  return std::move(collect.rows);
}

std::vector<ViewName> view_names() {
  std::vector<ViewName> names;
  for (const View& view : views())
    names.push_back({std::string(view.name), std::string(view.description)});
  return names;
}

bool is_result_name(const std::string& word) {
  const auto is_view = [&](const View& view) { return view.name == word; };
  return std::ranges::any_of(views(), is_view) ||
         std::ranges::find(table_names(), word) != table_names().end();
}

}  // namespace rankscope
