// The database's tables and views, and the way from older versions to today's (results/SCHEMA.md).
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace rankscope {

// Written into the file's header as user_version. Raised with every change of a table or view.
inline constexpr int kSchemaVersion = 5;
// "rksc", written into the file's header as application_id.
inline constexpr int64_t kApplicationId = 0x726b7363;

// A table or view for people. `order` is how its rows are listed where it is asked for by name.
struct View {
  std::string_view name;
  std::string_view description;
  std::string_view order;
  std::string_view sql;
};
std::span<const View> views();
std::span<const std::string_view> table_names();

// What the header and the list of tables say the file is.
enum class FileKind { kEmpty, kResults, kForeign };
FileKind file_kind(SQLite::Database& database, int& version);

// Brings the schema to kSchemaVersion in one transaction; several processes may try at once.
// InputError, naming the database as `shown`, where it is another program's or a newer version's.
void migrate(SQLite::Database& database, const std::string& shown);

// The same refusal for readers, who do not migrate: also of older versions.
void require_current_schema(SQLite::Database& database, const std::string& shown);

}  // namespace rankscope
