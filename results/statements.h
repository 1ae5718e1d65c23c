// Binding and running prepared statements.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "common/error.h"

namespace rankscope {

// A text is bound where it lies: it must live until the statement is reset.
inline void bind(SQLite::Statement& statement, int parameter, const std::string& text) {
  statement.bindNoCopy(parameter, text);
}

inline void bind(SQLite::Statement& statement, int parameter, int64_t number) {
  statement.bind(parameter, number);
}

// SQLite makes NULL of NaN but keeps infinities, which JSON and CSV cannot carry.
inline void bind(SQLite::Statement& statement, int parameter, double number) {
  if (std::isfinite(number)) {
    statement.bind(parameter, number);
  } else {
    statement.bind(parameter);
  }
}

template <typename T>
void bind(SQLite::Statement& statement, int parameter, const std::optional<T>& value) {
  if (value) {
    bind(statement, parameter, *value);
  } else {
    statement.bind(parameter);
  }
}

// Leaves the statement ready for its next use whatever happens: an open one would hold the
// transaction open.
template <typename... Values>
void execute(SQLite::Statement& statement, const Values&... values) {
  int parameter = 0;
  (bind(statement, ++parameter, values), ...);
  try {
    statement.exec();
  } catch (...) {
    statement.tryReset();
    throw;
  }
  statement.reset();
}

// As execute, where the key can be there only if the record itself says a thing twice: `twice`
// returns that as the beginning of a message.
template <typename Twice, typename... Values>
void insert_once(SQLite::Statement& statement, Twice&& twice, const Values&... values) {
  try {
    execute(statement, values...);
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() != SQLITE_CONSTRAINT) throw;
    throw InputError(twice() + " twice; keep one of them");
  }
}

template <typename... Values>
bool has_row(SQLite::Statement& statement, const Values&... values) {
  int parameter = 0;
  (bind(statement, ++parameter, values), ...);
  const bool found = statement.executeStep();
  statement.reset();
  return found;
}

}  // namespace rankscope
