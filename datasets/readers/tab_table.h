// A table as text: a header row, then a row a line, tabs between the cells, quotes without meaning.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/readers/source_text.h"

namespace rankscope {

// Every refusal is an InputError that names file and line: a row of another number of cells than
// the header, a column named twice, invalid UTF-8, lines that end in "\r" alone. Lines end in "\n"
// or "\r\n"; blank ones are skipped and counted.
class TabTable {
 public:
  explicit TabTable(const SourceText& source);

  // The place of the column; nothing where the header does not name it. An InputError where it has
  // the name in other letters, capitals for small ones say: no column is passed over in silence.
  std::optional<std::size_t> find_column(std::string_view name) const;
  // The same, but its absence is an InputError.
  std::size_t column(std::string_view name) const;

  bool next();  // the next row; false at the end
  std::string_view cell(std::size_t column) const { return cells_[column]; }
  std::uint64_t line() const { return line_; }
  std::uint64_t blank_lines() const { return blank_lines_; }
  std::string where() const { return source_->where(line_); }
  [[noreturn]] void fail(std::string_view name, const std::string& message) const;

 private:
  bool next_line();

  const SourceText* source_;
  std::string_view rest_;
  std::vector<std::string_view> header_;
  std::vector<std::string_view> cells_;
  std::uint64_t line_ = 0;
  std::uint64_t blank_lines_ = 0;
};

}  // namespace rankscope
