// Rows as text: for people, for spreadsheets, for programs, for a page.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "results/query.h"

namespace rankscope {

enum class RowFormat {
  // Columns of one width, numbers with six digits, texts cut at 60 bytes; what could steer a
  // terminal is spelt out. Widths are those of the first 1,000 rows, so that rows need not be kept.
  kTable,
  // RFC 4180: lines end in CR LF. NULL is an empty field, an empty text is "". Exact.
  kCsv,
  // JSON Lines, an object a row. Exact but for bytes that are no UTF-8, which become U+FFFD.
  kJson,
  // A GitHub table; texts are spelt as in kTable but whole.
  kMarkdown,
};

// Sends the rows as text to `put`, in pieces, none of them cutting a row.
std::unique_ptr<RowSink> make_row_writer(RowFormat format,
                                         std::function<void(std::string_view)> put);

}  // namespace rankscope
