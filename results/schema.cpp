#include "results/schema.h"

#include <fmt/format.h>

#include <array>

#include "common/error.h"
#include "results/migrations.h"

namespace rankscope {

namespace {

constexpr std::array<std::string_view, 19> kTables{
    "sweep",          "dataset",           "example",  "trial",
    "config_value",   "environment_value", "timing",   "curve_point",
    "metric_value",   "prediction",        "analysis", "analysis_value",
    "spectrum_value", "similarity",        "chance",   "publication",
    "latency_cell",   "latency_variant",   "latency"};

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
    for (const Migration& migration : migrations()) {
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
