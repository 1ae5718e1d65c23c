// What a figure or a table shows, as exact values: its CSV.
#pragma once

#include <string>
#include <vector>

#include "results/query.h"

namespace rankscope {

struct DataGrid {
  std::vector<std::string> columns;
  std::vector<Row> rows;  // as wide as `columns`
};

// RFC 4180 (results/row_writers.h).
std::string csv_of(const DataGrid& grid);

}  // namespace rankscope
