#include "results/published.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

#include "results/published_files.h"
#include "results/statements.h"

namespace rankscope {

namespace {

constexpr std::string_view kHeader =
    "model,method,setting,parameters,task,metric,value,spread,spread_kind,unit,note";
constexpr std::size_t kColumns = 11;

std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += c;
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

std::optional<double> number_of(const std::string& text, const std::string& where) {
  if (text.empty()) return {};
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end)
    throw std::runtime_error(fmt::format("{}: '{}' is no number", where, text));
  return value;
}

}  // namespace

std::vector<PublishedNumber> read_published(std::string_view source, std::string_view csv) {
  std::vector<PublishedNumber> numbers;
  for (int line_number = 1; !csv.empty(); ++line_number) {
    const std::string_view line = csv.substr(0, csv.find('\n'));
    csv.remove_prefix(std::min(csv.size(), line.size() + 1));
    const std::string where = fmt::format("{}.csv:{}", source, line_number);
    if (line_number == 1) {
      if (line != kHeader)
        throw std::runtime_error(where + ": not the header that README.md gives");
      continue;
    }
    const std::vector<std::string> f = fields_of(line);
    if (f.size() != kColumns)
      throw std::runtime_error(fmt::format("{}: {} fields, not {}", where, f.size(), kColumns));
    numbers.push_back({.source = std::string(source),
                       .model = f[0],
                       .method = f[1],
                       .setting = f[2],
                       .parameters = number_of(f[3], where),
                       .task = f[4],
                       .metric = f[5],
                       .value = number_of(f[6], where),
                       .printed = f[6],
                       .spread = number_of(f[7], where),
                       .spread_kind = f[8],
                       .unit = f[9],
                       .note = f[10]});
  }
  return numbers;
}

std::span<const PublishedNumber> published_numbers() {
  static const std::vector<PublishedNumber> all = [] {
    std::vector<PublishedNumber> numbers;
    for (const PublishedFile& file : published_files())
      for (PublishedNumber& number : read_published(file.source, file.csv))
        numbers.push_back(std::move(number));
    return numbers;
  }();
  return all;
}

namespace {

// Of a row "source, model, method, setting, parameters, task, metric, value, printed, spread,
// spread_kind, unit, note".
bool is_stored_as(SQLite::Statement& row, const PublishedNumber& n) {
  const auto text = [&](int column) { return row.getColumn(column).getString(); };
  const auto number = [&](int column) -> std::optional<double> {
    if (row.getColumn(column).isNull()) return {};
    return row.getColumn(column).getDouble();
  };
  return text(0) == n.source && text(1) == n.model && text(2) == n.method && text(3) == n.setting &&
         number(4) == n.parameters && text(5) == n.task && text(6) == n.metric &&
         number(7) == n.value && text(8) == n.printed && number(9) == n.spread &&
         text(10) == n.spread_kind && text(11) == n.unit && text(12) == n.note;
}

bool are_stored(SQLite::Database& database, std::span<const PublishedNumber> numbers) {
  SQLite::Statement stored(
      database,
      "SELECT source, model, method, setting, parameters, task, metric, value, "
      "printed, spread, spread_kind, unit, note FROM publication "
      "ORDER BY source, position");
  for (const PublishedNumber& number : numbers)
    if (!stored.executeStep() || !is_stored_as(stored, number)) return false;
  return !stored.executeStep();
}

}  // namespace

void write_published(SQLite::Database& database) {
  // What stands there already is found by comparing it: writing would wait for other writers.
  if (are_stored(database, published_numbers())) return;
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  database.exec("DELETE FROM publication");
  SQLite::Statement insert(
      database, "INSERT INTO publication VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  int64_t position = 0;
  for (const PublishedNumber& n : published_numbers()) {
    execute(insert, n.source, ++position, n.model, n.method, n.setting, n.parameters, n.task,
            n.metric, n.value, n.printed, n.spread, n.spread_kind, n.unit, n.note);
  }
  transaction.commit();
}

}  // namespace rankscope
