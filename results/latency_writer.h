// Latency records to rows. The caller has begun a transaction.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <span>
#include <vector>

#include "results/latency_records.h"

namespace rankscope {

// `database` must outlive the writer. SQLite's exceptions pass through; InputError where records
// contradict one another.
class LatencyWriter {
 public:
  explicit LatencyWriter(SQLite::Database& database);

  // All that is stored is replaced.
  void put(std::span<const LatencyRecord> records);

 private:
  void put_one(const LatencyRecord& record);

  SQLite::Statement cell_;
  SQLite::Statement variant_;
  SQLite::Statement time_;
  std::vector<SQLite::Statement> delete_;
};

}  // namespace rankscope
