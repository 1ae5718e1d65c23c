// The report as a page, as Markdown and as LaTeX tables.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "plots/figure.h"
#include "plots/table.h"

namespace rankscope {

struct DrawnFigure {
  Figure figure;
  std::string svg;  // the element for the page; empty where it was not drawn
  bool png = false;
};

// What stands in the place of something that is missing.
struct Gap {
  std::string title, text;
};

// A text that is shown as it is.
struct Listing {
  std::string title, text;
};

using Block = std::variant<Table, DrawnFigure, Gap, Listing>;

struct PageSection {
  std::string id, heading;
  std::vector<std::string> lead;  // paragraphs
  std::vector<Block> blocks;
};

struct Page {
  std::string subject;  // the first line: on which base and data this is
  std::string title;
  std::vector<PageSection> sections;
};

// A whole document that needs nothing else.
std::string html_page(const Page& page);
// Its figures are those of the folder figures/ beside it.
std::string markdown_page(const Page& page);
// A tabular with booktabs' rules.
std::string latex_table(const Table& table);

}  // namespace rankscope
