// The tables as SQL, version by version.
#pragma once

#include <span>

namespace rankscope {

// Leads from the version before it. Never changed once a database may hold it.
struct Migration {
  int to_version;
  const char* sql;
};
// From an empty database to kSchemaVersion, in order.
std::span<const Migration> migrations();

}  // namespace rankscope
