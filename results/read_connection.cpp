#include "results/read_connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "results/query.h"
#include "results/schema.h"
#include "results/sqlite_error.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

struct Source {
  fs::path folder;
  fs::path file;
  std::string uri;
};

std::string file_uri(const fs::path& file, const char* parameters) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  const std::string path = fs::absolute(file).string();
  std::string uri = "file:";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '%' || c == '?' || c == '#' || byte < 0x21 || byte > 0x7e) {
      uri += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      uri += c;
    }
  }
  return uri + "?" + parameters;
}

SQLite::Database open_uri(const std::string& uri, std::chrono::milliseconds busy_timeout) {
  return SQLite::Database(uri, SQLite::OPEN_READONLY | SQLite::OPEN_URI,
                          static_cast<int>(busy_timeout.count()));
}

bool absent_or_empty(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  return error || size == 0;
}

void check_schema(const std::string& uri, std::chrono::milliseconds busy_timeout,
                  const std::string& shown) {
  SQLite::Database database = open_uri(uri, busy_timeout);
  require_current_schema(database, shown);
}

// Checks the file and says how to open it. Reading in WAL mode needs the -shm file, which cannot be
// made in a folder that is not writable; without a -wal file the database is whole as it is, and
// nobody can change it there.
std::string checked_uri(const fs::path& file, std::chrono::milliseconds busy_timeout) {
  require_regular_file(file);
  const std::string shown = shown_path(file);
  const std::string uri = file_uri(file, "mode=ro");
  try {
    try {
      check_schema(uri, busy_timeout, shown);
      return uri;
    } catch (const SQLite::Exception& error) {
      const bool no_shared_memory =
          error.getErrorCode() == SQLITE_CANTOPEN || error.getErrorCode() == SQLITE_READONLY;
      if (!no_shared_memory || !absent_or_empty(file.native() + "-wal")) throw;
    }
    const std::string still = file_uri(file, "mode=ro&immutable=1");
    check_schema(still, busy_timeout, shown);
    return still;
  } catch (const SQLite::Exception& error) {
    throw_sqlite_error(error, error.getErrorCode() == SQLITE_CANTOPEN ? errno : 0, shown);
  }
}

Source find_source(const fs::path& folder, std::chrono::milliseconds busy_timeout) {
  if (!is_folder(folder)) {
    throw InputError("there is no folder " + shown_path(folder) +
                     "; give the folder of a sweep, which holds results.db");
  }
  const fs::path file = folder / "results.db";
  if (!is_there(file)) {
    throw InputError("there is no results.db in " + shown_path(folder) +
                     "; `rankscope run` makes one, `rankscope collect` makes it again");
  }
  return {folder, file, checked_uri(file, busy_timeout)};
}

std::string sql_text(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += c;
    out += c;
  }
  return out + "'";
}

std::vector<std::string> sweeps_of(SQLite::Database& database, const std::string& schema) {
  std::vector<std::string> names;
  SQLite::Statement statement(database, "SELECT sweep FROM " + schema + ".sweep");
  while (statement.executeStep()) names.push_back(statement.getColumn(0).getString());
  return names;
}

// `schema`'s part of the union called `name`: its columns, with `sweep` first where it lacks one,
// and with the folder where another folder has a sweep of that name.
std::string part_of_union(SQLite::Database& database, const std::string& schema,
                          const std::string& name, const std::string& sweep,
                          const std::string& suffix) {
  std::string columns;
  bool has_sweep = false;
  SQLite::Statement info(
      database, fmt::format("SELECT name FROM pragma_table_info('{}', '{}')", name, schema));
  while (info.executeStep()) {
    const std::string column = info.getColumn(0).getString();
    if (!columns.empty()) columns += ", ";
    columns += column;
    if (column != "sweep") continue;
    has_sweep = true;
    if (!suffix.empty()) columns += " || " + sql_text(suffix) + " AS sweep";
  }
  if (!has_sweep) columns = sql_text(sweep + suffix) + " AS sweep, " + columns;
  return fmt::format("SELECT {} FROM {}.{}", columns, schema, name);
}

void make_unions(SQLite::Database& database, const std::vector<Source>& sources) {
  std::vector<std::vector<std::string>> sweeps;
  std::map<std::string, int> uses;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    sweeps.push_back(sweeps_of(database, fmt::format("folder{}", i + 1)));
    for (const std::string& sweep : sweeps.back()) ++uses[sweep];
  }
  std::vector<std::string> names;
  for (const std::string_view table : table_names()) names.emplace_back(table);
  for (const View& view : views()) names.emplace_back(view.name);
  for (const std::string& name : names) {
    std::string sql;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const bool shared =
          std::ranges::any_of(sweeps[i], [&](const std::string& sweep) { return uses[sweep] > 1; });
      const std::string folder = sources[i].folder.string();
      const std::string label = sweeps[i].empty() ? folder : sweeps[i].front();
      if (i > 0) sql += " UNION ALL ";
      sql += part_of_union(database, fmt::format("folder{}", i + 1), name, label,
                           shared ? " (" + folder + ")" : "");
    }
    database.exec(fmt::format("CREATE TEMP VIEW {} AS {}", name, sql));
  }
}

SQLite::Database open_union(const std::vector<Source>& sources,
                            std::chrono::milliseconds busy_timeout) {
  // What is attached inherits the connection's flags: read-only too.
  SQLite::Database database = open_uri(":memory:", busy_timeout);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    SQLite::Statement attach(database, fmt::format("ATTACH ? AS folder{}", i + 1));
    attach.bind(1, sources[i].uri);
    attach.exec();
  }
  make_unions(database, sources);
  return database;
}

int allow_reading(void*, int action, const char*, const char*, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

void forbid_writing(SQLite::Database& database) {
  sqlite3* const handle = database.getHandle();
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // The look at a table of each database fixes the moment that is seen.
  database.exec("PRAGMA query_only = 1; BEGIN; SELECT count(*) FROM sweep");
  sqlite3_set_authorizer(handle, allow_reading, nullptr);
  // Far above what is stored, far below what would fill the memory.
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, 256 << 20);
  // A question may never end; this is where Ctrl-C reaches it.
  constexpr int kInstructionsBetweenLooks = 100'000;
  sqlite3_progress_handler(
      handle, kInstructionsBetweenLooks, [](void*) { return stop_requested() ? 1 : 0; }, nullptr);
}

}  // namespace

SQLite::Database open_for_reading(const std::vector<fs::path>& folders,
                                  std::chrono::milliseconds busy_timeout, std::string& shown) {
  if (folders.size() > ResultsReader::kMostFolders) {
    throw InputError(fmt::format("{} folders were given; at most {} can be read together",
                                 folders.size(), ResultsReader::kMostFolders));
  }
  std::vector<Source> sources;
  std::set<fs::path> seen;
  for (const fs::path& folder : folders) {
    sources.push_back(find_source(folder, busy_timeout));
    if (!seen.insert(fs::canonical(folder)).second)
      throw InputError("the folder " + shown_path(folder) + " is given twice; give it once");
  }
  if (sources.empty()) throw InputError("no folder was given; give the folder of a sweep");
  shown = shown_path(sources.front().file);
  if (sources.size() > 1) shown = fmt::format("{} and {} more", shown, sources.size() - 1);
  try {
    SQLite::Database database = sources.size() == 1 ? open_uri(sources[0].uri, busy_timeout)
                                                    : open_union(sources, busy_timeout);
    forbid_writing(database);
    return database;
  } catch (const SQLite::Exception& error) {
    throw_sqlite_error(error, 0, shown);
  }
}

}  // namespace rankscope
