// Text from outside in each of the languages that a report is written in. CSV is
// results/row_writers.h's.
#pragma once

#include <limits>
#include <string>
#include <string_view>

namespace rankscope {

// For the content and the double-quoted attributes of HTML and SVG elements. Bytes that are no
// UTF-8, and control characters that neither language has, become U+FFFD.
std::string html_text(std::string_view text);

// For a line or a table cell of Markdown as GitHub reads it: no character of it is markup, a line's
// end is spelt \n.
std::string markdown_text(std::string_view text);

// For a paragraph or a table cell of LaTeX with UTF-8 input: no character of it is a command. A
// line's end becomes a space, and a character that pdfLaTeX's fonts for texts lack a question mark.
std::string latex_text(std::string_view text);

// A string constant of gnuplot, with its quotes: single ones, in which nothing is substituted.
// Drawn as written where the terminal is `noenhanced`. A line's end is spelt \n. Longer texts than
// `max_bytes` end in "...".
std::string gnuplot_string(std::string_view text,
                           std::size_t max_bytes = std::numeric_limits<std::size_t>::max() / 2);

// The same for a mark of an axis, which gnuplot reads as a format.
std::string gnuplot_tic(std::string_view text,
                        std::size_t max_bytes = std::numeric_limits<std::size_t>::max() / 2);

// A part of a file's name: letters, digits and '_', lower case, 1 to 40 bytes.
std::string file_word(std::string_view text);

}  // namespace rankscope
