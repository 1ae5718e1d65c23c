#include "datasets/readers/tab_table.h"

#include <algorithm>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {

TabTable::TabTable(const SourceText& source) : source_(&source), rest_(source.text()) {
  next_line();  // a SourceText is never empty
  header_ = cells_;
  if (std::ranges::any_of(header_,
                          [](std::string_view name) { return name.find('\r') != name.npos; })) {
    throw InputError(where() +
                     ": lines end in carriage returns alone; end them in line feeds, as tr "
                     "'\\r' '\\n' does");
  }
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (std::find(header_.begin(), header_.begin() + static_cast<std::ptrdiff_t>(i), header_[i]) !=
        header_.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw InputError(where() + ": column '" + printable(header_[i]) + "' is named twice");
    }
  }
}

std::optional<std::size_t> TabTable::find_column(std::string_view name) const {
  const auto found = std::ranges::find(header_, name);
  if (found != header_.end()) return static_cast<std::size_t>(found - header_.begin());
  const auto alike = std::ranges::find_if(header_, [&](std::string_view column) {
    return std::ranges::equal(column, name, {}, ascii_lower, ascii_lower);
  });
  if (alike == header_.end()) return std::nullopt;
  throw InputError(source_->where(1) + ": column '" + printable(*alike) +
                   "' is not known; write it '" + std::string(name) + "'");
}

std::size_t TabTable::column(std::string_view name) const {
  const std::optional<std::size_t> found = find_column(name);
  if (!found) {
    throw InputError(source_->where(1) + ": the header row has no column '" + std::string(name) +
                     "'; is it a tab-separated file with a header?");
  }
  return *found;
}

bool TabTable::next() {
  if (!next_line()) return false;
  if (cells_.size() != header_.size()) {
    throw InputError(where() + ": has " + std::to_string(cells_.size()) + " cells, the header " +
                     std::to_string(header_.size()));
  }
  return true;
}

bool TabTable::next_line() {
  while (!rest_.empty()) {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++line_;
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) {
      ++blank_lines_;
      continue;
    }
    if (!valid_utf8(text)) throw InputError(where() + ": is not valid UTF-8");
    cells_.clear();
    for (std::size_t tab = text.find('\t'); tab != std::string_view::npos; tab = text.find('\t')) {
      cells_.push_back(text.substr(0, tab));
      text.remove_prefix(tab + 1);
    }
    cells_.push_back(text);
    return true;
  }
  return false;
}

void TabTable::fail(std::string_view name, const std::string& message) const {
  throw InputError(where() + ": field '" + std::string(name) + "': " + message);
}

}  // namespace rankscope
