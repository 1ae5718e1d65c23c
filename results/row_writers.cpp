#include "results/row_writers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "common/json.h"
#include "common/text.h"

namespace rankscope {

namespace {

using Put = std::function<void(std::string_view)>;

// Exact: a reader gets the same number back. SELECT can make infinities, which JSON has no name
// for.
std::string exact_text(double number) {
  return std::isfinite(number) ? Json(number).dump() : fmt::format("{}", number);
}

std::string shown_text(const Cell& cell, std::size_t max_bytes) {
  if (const auto* integer = std::get_if<int64_t>(&cell)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&cell)) return fmt::format("{:.6g}", *real);
  if (const auto* text = std::get_if<std::string>(&cell)) return printable(*text, max_bytes);
  return "";
}

// Characters, each counted as one column.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

class TableWriter : public RowSink {
 public:
  TableWriter(Put put, std::size_t longest_text)
      : put_(std::move(put)), longest_text_(longest_text) {}

  void begin(const std::vector<std::string>& columns) override {
    Line names;
    for (const std::string& column : columns)
      names.texts.push_back(printable(column, longest_text_));
    names.right.resize(columns.size(), false);
    for (const std::string& text : names.texts) widths_.push_back(width_of(text));
    waiting_.push_back(std::move(names));
  }

  void row(const Row& cells) override {
    Line line;
    for (const Cell& cell : cells) {
      line.texts.push_back(shown_text(cell, longest_text_));
      line.right.push_back(std::holds_alternative<int64_t>(cell) ||
                           std::holds_alternative<double>(cell));
    }
    if (flowing_) return put_line(line);
    for (std::size_t i = 0; i < widths_.size(); ++i)
      widths_[i] = std::max(widths_[i], width_of(line.texts[i]));
    waiting_.push_back(std::move(line));
    if (waiting_.size() > kRowsMeasured) flow();
  }

  void end() override {
    if (!flowing_) flow();
  }

 private:
  struct Line {
    std::vector<std::string> texts;
    std::vector<bool> right;  // numbers stand at the right
  };
  static constexpr std::size_t kRowsMeasured = 1000;

  void flow() {
    flowing_ = true;
    // A name stands as the numbers below it do.
    if (waiting_.size() > 1) waiting_[0].right = waiting_[1].right;
    put_line(waiting_[0]);
    std::string rule;
    for (std::size_t i = 0; i < widths_.size(); ++i)
      rule += (i == 0 ? "" : "  ") + std::string(widths_[i], '-');
    put_(rule + "\n");
    for (std::size_t i = 1; i < waiting_.size(); ++i) put_line(waiting_[i]);
    waiting_.clear();
  }

  void put_line(const Line& line) {
    std::string text;
    for (std::size_t i = 0; i < line.texts.size(); ++i) {
      if (i > 0) text += "  ";
      const std::size_t width = width_of(line.texts[i]);
      const std::string padding(widths_[i] - std::min(width, widths_[i]), ' ');
      text += line.right[i] ? padding + line.texts[i] : line.texts[i] + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    put_(text + "\n");
  }

  Put put_;
  std::size_t longest_text_;
  std::vector<std::size_t> widths_;
  std::vector<Line> waiting_;  // the names, and rows until the widths are known
  bool flowing_ = false;
};

class CsvWriter : public RowSink {
 public:
  explicit CsvWriter(Put put) : put_(std::move(put)) {}

  void begin(const std::vector<std::string>& columns) override {
    row(Row(columns.begin(), columns.end()));
  }

  void row(const Row& cells) override {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) line += ',';
      if (const auto* integer = std::get_if<int64_t>(&cells[i]))
        line += fmt::format("{}", *integer);
      if (const auto* real = std::get_if<double>(&cells[i])) line += exact_text(*real);
      if (const auto* text = std::get_if<std::string>(&cells[i])) append_quoted(line, *text);
    }
    put_(line + "\r\n");
  }

  void end() override {}

 private:
  static void append_quoted(std::string& line, const std::string& text) {
    if (!text.empty() && text.find_first_of(",\"\r\n") == std::string::npos) {
      line += text;
      return;
    }
    line += '"';
    for (const char c : text) {
      if (c == '"') line += c;
      line += c;
    }
    line += '"';
  }

  Put put_;
};

class JsonWriter : public RowSink {
 public:
  explicit JsonWriter(Put put) : put_(std::move(put)) {}

  void begin(const std::vector<std::string>& columns) override { columns_ = columns; }

  void row(const Row& cells) override {
    OrderedJson json = OrderedJson::object();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      OrderedJson& value = json[columns_[i]];
      std::visit(
          [&](const auto& cell) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(cell)>, std::monostate>)
              value = cell;
          },
          cells[i]);
    }
    put_(json_text(json) + "\n");
  }

  void end() override {}

 private:
  Put put_;
  std::vector<std::string> columns_;
};

class MarkdownWriter : public RowSink {
 public:
  explicit MarkdownWriter(Put put) : put_(std::move(put)) {}

  void begin(const std::vector<std::string>& columns) override {
    row(Row(columns.begin(), columns.end()));
    std::string line = "|";
    for (std::size_t i = 0; i < columns.size(); ++i) line += "---|";
    put_(line + "\n");
  }

  void row(const Row& cells) override {
    std::string line = "|";
    for (const Cell& cell : cells) line += " " + escaped(shown_text(cell, kWholeTexts)) + " |";
    put_(line + "\n");
  }

  void end() override {}

 private:
  static std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (std::string_view("\\|<*`[~").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
    return out;
  }

  Put put_;
};

}  // namespace

std::unique_ptr<RowSink> make_row_writer(RowFormat format, Put put, std::size_t longest_text) {
  switch (format) {
    case RowFormat::kCsv:
      return std::make_unique<CsvWriter>(std::move(put));
    case RowFormat::kJson:
      return std::make_unique<JsonWriter>(std::move(put));
    case RowFormat::kMarkdown:
      return std::make_unique<MarkdownWriter>(std::move(put));
    case RowFormat::kTable:
      break;
  }
  return std::make_unique<TableWriter>(std::move(put), longest_text);
}

}  // namespace rankscope
