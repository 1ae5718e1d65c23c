#include "plots/data_grid.h"

#include "results/row_writers.h"

namespace rankscope {

std::string csv_of(const DataGrid& grid) {
  std::string text;
  const auto writer =
      make_row_writer(RowFormat::kCsv, [&](std::string_view piece) { text += piece; });
  writer->begin(grid.columns);
  for (const Row& row : grid.rows) writer->row(row);
  writer->end();
  return text;
}

}  // namespace rankscope
