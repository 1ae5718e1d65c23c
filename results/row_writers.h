// Rows as text: for people, for spreadsheets, for programs, for a page.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "results/query.h"

namespace rankscope {

enum class RowFormat {
  // Columns of one width, numbers with six digits, texts cut at kLongestText bytes; what could
  // steer a
  // terminal is spelt out. Widths are those of the first 1,000 rows, so that rows need not be kept.
  kTable,
  // RFC 4180: lines end in CR LF. NULL is an empty field, an empty text is "". Exact.
  kCsv,
  // JSON Lines, an object a row. Exact but for bytes that are no UTF-8, which become U+FFFD.
  kJson,
  // A GitHub table; texts are spelt as in kTable but whole.
  kMarkdown,
};

// What is cut is longer than a SHA-256 with a word before it.
inline constexpr std::size_t kLongestText = 80;
// Of no text, however long, is anything cut.
inline constexpr std::size_t kWholeTexts = std::numeric_limits<std::size_t>::max() / 2;

// Sends the rows as text to `put`, in pieces, none of them cutting a row. `longest_text`: of
// kTable.
std::unique_ptr<RowSink> make_row_writer(RowFormat format,
                                         std::function<void(std::string_view)> put,
                                         std::size_t longest_text = kLongestText);

}  // namespace rankscope
