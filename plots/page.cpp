#include "plots/page.h"

#include <algorithm>
#include <functional>
#include <kainjow/mustache.hpp>
#include <stdexcept>
#include <utility>

#include "plots/escape.h"
#include "plots/template_files.h"

namespace rankscope {

namespace {

using kainjow::mustache::data;
using kainjow::mustache::list;
using kainjow::mustache::mustache;

const char* class_of(CellStyle style) {
  switch (style) {
    case CellStyle::kStrong:
      return "strong";
    case CellStyle::kPaper:
      return "paper";
    case CellStyle::kQuiet:
      return "quiet";
    case CellStyle::kCode:
      return "code";
    case CellStyle::kClause:
      return "clause";
    case CellStyle::kHolds:
      return "verdict holds";
    case CellStyle::kContradicted:
      return "verdict contradicted";
    case CellStyle::kUnderpowered:
      return "verdict underpowered";
    case CellStyle::kNotRun:
      return "verdict not-run";
    case CellStyle::kPlain:
      break;
  }
  return "";
}

bool is_strong(CellStyle style) {
  return style == CellStyle::kStrong || std::string_view(class_of(style)).starts_with("verdict");
}

data table_data(const Table& table) {
  data out;
  out.set("name", table.name);
  out.set("title", table.title);
  out.set("caption", table.caption);
  if (!table.answers.empty()) out.set("answers", table.answers);
  list columns;
  std::string alignment;
  for (const TableColumn& column : table.columns) {
    data each;
    each.set("title", column.title);
    each.set("number", column.number);
    each.set("first", columns.empty());
    columns.push_back(std::move(each));
    alignment += column.number ? 'r' : 'l';
  }
  out.set("columns", std::move(columns));
  out.set("alignment", alignment);
  list rows;
  for (const std::vector<ShownCell>& row : table.rows) {
    list cells;
    for (std::size_t i = 0; i < row.size(); ++i) {
      data cell;
      cell.set("text", row[i].text);
      std::string words = class_of(row[i].style);
      if (i < table.columns.size() && table.columns[i].number)
        words += words.empty() ? "number" : " number";
      if (words.empty()) {
        cell.set("class", false);
      } else {
        cell.set("class", words);
      }
      // ** around nothing would be shown.
      cell.set("strong", is_strong(row[i].style) && !row[i].text.empty());
      cell.set("first", i == 0);
      cells.push_back(std::move(cell));
    }
    data line;
    line.set("cells", std::move(cells));
    rows.push_back(std::move(line));
  }
  out.set("rows", std::move(rows));
  return out;
}

data figure_data(const DrawnFigure& drawn) {
  data out;
  out.set("name", drawn.figure.name);
  out.set("title", drawn.figure.title);
  out.set("caption", drawn.figure.caption);
  if (!drawn.figure.answers.empty()) out.set("answers", drawn.figure.answers);
  out.set("svg", drawn.svg);
  out.set("drawn", !drawn.svg.empty());
  out.set("png", drawn.png);
  return out;
}

// Longer than any run of backquotes in the text, as Markdown asks of a fence.
std::string fence_for(const std::string& text) {
  std::size_t longest = 2, run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return std::string(longest + 1, '`');
}

// Sections of the template that are not rendered leave empty lines. Those inside fences are the
// text's own.
std::string without_empty_runs(const std::string& markdown) {
  std::string out, fence;
  bool empty_before = true;
  for (std::size_t at = 0; at < markdown.size();) {
    const std::size_t end = std::min(markdown.find('\n', at), markdown.size());
    const std::string line = markdown.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("```") && line.find_first_not_of('`') == std::string::npos) {
      if (fence.empty()) {
        fence = line;
      } else if (fence == line) {
        fence.clear();
      }
    }
    const bool empty = line.empty() && fence.empty();
    if (!empty || !empty_before) out += line + "\n";
    empty_before = empty;
  }
  return out;
}

struct BlockData {
  data operator()(const Table& table) const { return named("table", table_data(table)); }
  data operator()(const DrawnFigure& figure) const { return named("figure", figure_data(figure)); }
  data operator()(const Gap& gap) const {
    data inner;
    inner.set("title", gap.title);
    inner.set("text", gap.text);
    return named("gap", std::move(inner));
  }
  data operator()(const Listing& listing) const {
    data inner;
    inner.set("title", listing.title);
    inner.set("text", listing.text);
    inner.set("fence", fence_for(listing.text));
    return named("listing", std::move(inner));
  }
  static data named(const char* kind, data inner) {
    data out;
    out.set(kind, std::move(inner));
    return out;
  }
};

data page_data(const Page& page) {
  data out;
  out.set("subject", page.subject);
  out.set("title", page.title);
  out.set("style", std::string(template_file("style.css")));
  list sections;
  for (const PageSection& section : page.sections) {
    data each;
    each.set("id", section.id);
    each.set("heading", section.heading);
    list lead;
    for (const std::string& paragraph : section.lead) lead.emplace_back(paragraph);
    each.set("lead", std::move(lead));
    list blocks;
    for (const Block& block : section.blocks) blocks.push_back(std::visit(BlockData(), block));
    each.set("blocks", std::move(blocks));
    sections.push_back(std::move(each));
  }
  out.set("sections", std::move(sections));
  return out;
}

std::string rendered(const char* file, std::string (*escape)(std::string_view),
                     const data& values) {
  mustache text{std::string(template_file(file))};
  text.set_custom_escape([escape](const std::string& each) { return escape(each); });
  std::string out = text.render(values);
  if (!text.is_valid()) throw std::logic_error(std::string(file) + ": " + text.error_message());
  return out;
}

}  // namespace

std::string html_page(const Page& page) {
  return rendered("report.html.mustache", html_text, page_data(page));
}

std::string markdown_page(const Page& page) {
  return without_empty_runs(rendered("report.md.mustache", markdown_text, page_data(page)));
}

std::string latex_table(const Table& table) {
  return rendered("table.tex.mustache", latex_text, table_data(table));
}

}  // namespace rankscope
