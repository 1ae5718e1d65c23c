#include "results/schema.h"

#include <fmt/format.h>

#include <array>

#include "common/error.h"

namespace rankscope {

namespace {

constexpr std::array<std::string_view, 16> kTables{
    "sweep",          "dataset",    "example",      "trial",       "config_value", "environment_value",
    "timing",         "curve_point", "metric_value", "prediction", "analysis",     "analysis_value",
    "spectrum_value", "similarity", "chance",       "publication"};

// Tables have natural keys and no rowid: what they hold does not depend on the order of writing.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE sweep (
  sweep TEXT NOT NULL PRIMARY KEY,
  file_text TEXT NOT NULL,
  base TEXT NOT NULL,
  base_hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dataset (
  dataset TEXT NOT NULL PRIMARY KEY,
  task TEXT NOT NULL,
  split TEXT NOT NULL,
  file TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE example (
  dataset TEXT NOT NULL,
  example TEXT NOT NULL,
  position INTEGER NOT NULL,
  prompt TEXT NOT NULL,
  reference TEXT NOT NULL,
  PRIMARY KEY (dataset, example)
) STRICT, WITHOUT ROWID;

CREATE TABLE trial (
  trial TEXT NOT NULL PRIMARY KEY,
  train_hash TEXT NOT NULL,
  eval_hash TEXT NOT NULL,
  sweep TEXT NOT NULL,
  grp TEXT NOT NULL,
  state TEXT NOT NULL,
  role TEXT NOT NULL,
  method TEXT NOT NULL,
  task TEXT NOT NULL,
  targets TEXT NOT NULL,
  rank INTEGER,
  seed INTEGER NOT NULL,
  setting TEXT NOT NULL,
  trainable_parameters INTEGER,
  steps INTEGER,
  diverged_at INTEGER,
  loss REAL,
  last_finite_loss REAL,
  attempts INTEGER NOT NULL,
  error TEXT NOT NULL,
  dataset TEXT NOT NULL,
  stamp TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE config_value (
  trial TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  number REAL,
  PRIMARY KEY (trial, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE environment_value (
  trial TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (trial, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE timing (
  trial TEXT NOT NULL,
  name TEXT NOT NULL,
  value REAL,
  PRIMARY KEY (trial, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE curve_point (
  trial TEXT NOT NULL,
  step INTEGER NOT NULL,
  loss REAL,
  learning_rate REAL,
  gradient_norm REAL,
  tokens INTEGER NOT NULL,
  target_tokens INTEGER NOT NULL,
  eval_loss REAL,
  PRIMARY KEY (trial, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_value (
  trial TEXT NOT NULL,
  metric TEXT NOT NULL,
  value REAL,
  standard_error REAL,
  count INTEGER NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (trial, metric)
) STRICT, WITHOUT ROWID;

CREATE TABLE prediction (
  trial TEXT NOT NULL,
  example TEXT NOT NULL,
  prediction TEXT NOT NULL,
  outcomes TEXT NOT NULL,
  PRIMARY KEY (trial, example)
) STRICT, WITHOUT ROWID;
)sql";

// `other` of an analysis is empty for what a trial's adapter holds by itself.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE analysis (
  one TEXT NOT NULL,
  other TEXT NOT NULL,
  relation TEXT NOT NULL,
  stamp TEXT NOT NULL,
  PRIMARY KEY (one, other)
) STRICT, WITHOUT ROWID;

CREATE TABLE analysis_value (
  trial TEXT NOT NULL,
  layer INTEGER NOT NULL,
  site TEXT NOT NULL,
  quantity TEXT NOT NULL,
  value REAL,
  reason TEXT NOT NULL,
  PRIMARY KEY (trial, layer, site, quantity)
) STRICT, WITHOUT ROWID;

CREATE TABLE spectrum_value (
  trial TEXT NOT NULL,
  layer INTEGER NOT NULL,
  site TEXT NOT NULL,
  position INTEGER NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY (trial, layer, site, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE similarity (
  one TEXT NOT NULL,
  other TEXT NOT NULL,
  layer INTEGER NOT NULL,
  site TEXT NOT NULL,
  directions TEXT NOT NULL,
  rows INTEGER NOT NULL,
  cols INTEGER NOT NULL,
  dimension INTEGER NOT NULL,
  phi BLOB NOT NULL,
  reason TEXT NOT NULL,
  projection_metric REAL,
  smallest_angle REAL,
  largest_angle REAL,
  mean_excess REAL,
  PRIMARY KEY (one, other, layer, site, directions)
) STRICT, WITHOUT ROWID;

CREATE TABLE chance (
  rows INTEGER NOT NULL,
  cols INTEGER NOT NULL,
  dimension INTEGER NOT NULL,
  low BLOB NOT NULL,
  high BLOB NOT NULL,
  PRIMARY KEY (rows, cols, dimension)
) STRICT, WITHOUT ROWID;

CREATE TABLE publication (
  source TEXT NOT NULL,
  position INTEGER NOT NULL,
  model TEXT NOT NULL,
  method TEXT NOT NULL,
  setting TEXT NOT NULL,
  parameters REAL,
  task TEXT NOT NULL,
  metric TEXT NOT NULL,
  value REAL,
  printed TEXT NOT NULL,
  spread REAL,
  spread_kind TEXT NOT NULL,
  unit TEXT NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (source, position)
) STRICT, WITHOUT ROWID;
)sql";

struct Migration {
  int to_version;
  const char* sql;
};

// Each leads from the version before it. A line is never changed once a database may hold it.
constexpr std::array<Migration, 2> kMigrations{{{1, kVersion1}, {2, kVersion2}}};
static_assert(kMigrations.back().to_version == kSchemaVersion);

// Views hold no data: they are made anew after the tables have changed.
void replace_views(SQLite::Database& database) {
  std::string drops;
  SQLite::Statement old(database, "SELECT name FROM sqlite_schema WHERE type = 'view'");
  while (old.executeStep()) drops += fmt::format("DROP VIEW \"{}\";", old.getColumn(0).getString());
  old.reset();
  database.exec(drops);
  for (const View& view : views()) {
    database.exec(fmt::format("CREATE VIEW {} AS {}", view.name, view.sql));
  }
}

int header_value(SQLite::Database& database, const char* pragma) {
  return database.execAndGet(pragma).getInt();
}

[[noreturn]] void refuse_foreign(const std::string& shown) {
  throw InputError(shown +
                   " is a database of another program; move it away, or give another folder");
}

void refuse_newer(int version, const std::string& shown) {
  if (version <= kSchemaVersion) return;
  throw InputError(
      fmt::format("{} was written by a newer rankscope (schema version {}, this one knows {}); use "
                  "that program, or delete the file and run `rankscope collect` on its folder",
                  shown, version, kSchemaVersion));
}

}  // namespace

std::span<const std::string_view> table_names() { return kTables; }

FileKind file_kind(SQLite::Database& database, int& version) {
  version = header_value(database, "PRAGMA user_version");
  if (header_value(database, "PRAGMA application_id") == kApplicationId) return FileKind::kResults;
  const bool empty =
      version == 0 && database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0;
  return empty ? FileKind::kEmpty : FileKind::kForeign;
}

void migrate(SQLite::Database& database, const std::string& shown) {
  int version = 0;
  FileKind kind = file_kind(database, version);
  if (kind == FileKind::kForeign) refuse_foreign(shown);
  refuse_newer(version, shown);
  if (version == kSchemaVersion) return;
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  // Another process may have been faster.
  kind = file_kind(database, version);
  if (kind == FileKind::kForeign) refuse_foreign(shown);
  refuse_newer(version, shown);
  if (version < kSchemaVersion) {
    for (const Migration& migration : kMigrations) {
      if (migration.to_version > version) database.exec(migration.sql);
    }
    replace_views(database);
    database.exec(fmt::format("PRAGMA user_version = {}; PRAGMA application_id = {}",
                              kSchemaVersion, kApplicationId));
  }
  transaction.commit();
}

void require_current_schema(SQLite::Database& database, const std::string& shown) {
  int version = 0;
  switch (file_kind(database, version)) {
    case FileKind::kForeign:
      refuse_foreign(shown);
    case FileKind::kEmpty:
      throw InputError(shown + " is empty; run `rankscope collect` on its folder");
    case FileKind::kResults:
      break;
  }
  refuse_newer(version, shown);
  if (version < kSchemaVersion) {
    throw InputError(
        fmt::format("{} has the older schema version {}; run `rankscope collect` on its folder, "
                    "which brings it to version {}",
                    shown, version, kSchemaVersion));
  }
}

}  // namespace rankscope
