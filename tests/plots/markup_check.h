// Looking into what a report wrote, without the libraries that wrote it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rankscope::tests {

// What is wrong with a page's markup: elements that are not closed or closed out of order, a bare
// '<' or
// '&', attributes without quotes, and anything that would be fetched: src, href, url() and their
// like that lead out of the page. Empty where nothing is.
std::vector<std::string> markup_problems(std::string_view html);

// The text that a reader sees, with the entities read.
std::string visible_text(std::string_view html);

// What is wrong with a LaTeX tabular: braces that do not balance, booktabs' rules that are missing,
// rows of another width than the first, characters that LaTeX would take for commands.
std::vector<std::string> latex_problems(const std::string& tex);

// RFC 4180.
std::vector<std::vector<std::string>> parse_csv(std::string_view csv);

}  // namespace rankscope::tests
