// Analysis records to rows. The caller has begun a transaction.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "results/analysis_records.h"

namespace rankscope {

// `database` must outlive the writer. SQLite's exceptions pass through; InputError where a record
// contradicts itself.
class AnalysisWriter {
 public:
  explicit AnalysisWriter(SQLite::Database& database);

  void put_adapter(const AdapterFindings& adapter);
  void put_similarity(const SimilarityRecord& similarity);
  void put_chance(const ChanceBandRecord& band);
  bool has_chance(int64_t rows, int64_t cols, int64_t dimension);
  std::vector<std::array<int64_t, 3>> shapes_without_chance();
  std::string stamp(const std::string& one, const std::string& other);
  void remove_not_in(const std::set<std::pair<std::string, std::string>>& kept);
  // Analyses of trials that are no longer stored.
  void remove_without_trial();

 private:
  void remove(const std::string& one, const std::string& other);

  SQLite::Database& database_;
  SQLite::Statement analysis_;
  SQLite::Statement value_;
  SQLite::Statement spectrum_;
  SQLite::Statement similarity_;
  SQLite::Statement chance_;
  SQLite::Statement find_chance_;
  SQLite::Statement find_;
  SQLite::Statement all_;
  SQLite::Statement delete_analysis_;
  SQLite::Statement delete_similarity_;
  std::vector<SQLite::Statement> delete_adapter_;
};

}  // namespace rankscope
