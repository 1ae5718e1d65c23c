// The shared data sets as the benchmarks use them.
#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "metrics/wikisql_database.h"

namespace rankscope::bench {

// Below $RANKSCOPE_SHARED/data, by default ../shared beside the repository. It need not exist.
// Absolute, as sweep files need it: a relative path in one starts at the file.
std::filesystem::path shared_data(const std::string& name);
// Beside them, below models.
std::filesystem::path shared_model(const std::string& name);

struct WikisqlQueries {
  std::unordered_map<std::string, WikisqlTable> tables;
  std::vector<std::pair<std::string, WikisqlQuery>> queries;  // with their table's id
};

// The first queries of WikiSQL's train set and their tables.
WikisqlQueries read_wikisql_queries(std::size_t count);

}  // namespace rankscope::bench
