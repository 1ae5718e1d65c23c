// A table: as it is shown, and its exact values.
//
// A new one is a file in plots/tables and a line in tables.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plots/data_grid.h"

namespace rankscope {

class ReportData;

enum class CellStyle {
  kPlain,
  kStrong,  // cannot be told from the best
  kPaper,   // a number of the paper
  kQuiet,   // beside the point: not run, no number
  kCode,    // a text of a model or a file, its line ends kept
  kClause,  // of several words beside narrow columns, kept from being as narrow
  kHolds,
  kContradicted,
  kUnderpowered,
  kNotRun,
};

struct ShownCell {
  ShownCell() = default;
  ShownCell(std::string shown, CellStyle how = CellStyle::kPlain)
      : text(std::move(shown)), style(how) {}
  ShownCell(const char* shown) : text(shown) {}
  std::string text;
  CellStyle style = CellStyle::kPlain;
};

struct TableColumn {
  std::string title;
  bool number = false;  // set to the right
};

struct Table {
  std::string name;  // of its files: letters, digits and '_'
  std::string title;
  std::string caption;
  std::string answers;  // "Table 4", of the paper; empty where the paper has none
  std::vector<TableColumn> columns;
  std::vector<std::vector<ShownCell>> rows;  // as wide as `columns`
  DataGrid data;                             // of all rows, also of those left out of `rows`
};

struct TableSet {
  std::vector<Table> tables;
  std::string missing;  // a sentence: why there is none
  bool fine = false;    // and nothing is amiss: no trial failed
};

enum class Section { kSummary, kPaper, kClaims, kExamples, kCost, kRun };

struct TableKind {
  Section section;
  std::string_view name;
  std::string_view title;  // what stands in the place of tables that are missing
  TableSet (*make)(ReportData& data);
};

// In the order of the page.
std::span<const TableKind> table_kinds();

}  // namespace rankscope
