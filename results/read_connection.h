// A connection to results databases that can do nothing but read.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace rankscope {

// One database as it is, or the union of several (results/query.h). `shown` gets what messages call
// it. Errors as ResultsReader's.
SQLite::Database open_for_reading(const std::vector<std::filesystem::path>& folders,
                                  std::chrono::milliseconds busy_timeout, std::string& shown);

}  // namespace rankscope
