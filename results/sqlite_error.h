// SQLite's errors as the program's: what, where and what to do next, in one line.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>
#include <utility>

namespace rankscope {

// `shown` names the database: "'DIR/results.db'". `system_errno` is what the failed system call
// left (sqlite3_system_errno), 0 where none did. Throws as results/store.h says; Interrupted after
// a requested stop. An error of the SQL itself is an InputError.
[[noreturn]] void throw_sqlite_error(const SQLite::Exception& error, int system_errno,
                                     const std::string& shown);

// A path as messages show it, in quotes.
std::string shown_path(const std::filesystem::path& path);

// Runs `action`; what SQLite throws in it is about `database`.
template <typename Action>
decltype(auto) with_sqlite_errors(SQLite::Database& database, const std::string& shown,
                                  Action&& action) {
  try {
    return std::forward<Action>(action)();
  } catch (const SQLite::Exception& error) {
    throw_sqlite_error(error, sqlite3_system_errno(database.getHandle()), shown);
  }
}

}  // namespace rankscope
