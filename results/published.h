// The paper's published numbers (results/published/README.md), which are part of the program.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace SQLite {
class Database;
}

namespace rankscope {

struct PublishedNumber {
  std::string source;  // "table5", "figure3"
  std::string model, method, setting;
  std::optional<double> parameters;
  std::string task, metric;
  std::optional<double> value;
  std::string printed;  // as the paper has it, final zeros kept
  std::optional<double> spread;
  std::string spread_kind, unit, note;
};

// By source, and then in the order of its file.
std::span<const PublishedNumber> published_numbers();

// The numbers of one file. std::runtime_error naming the line that is not as README.md says.
std::vector<PublishedNumber> read_published(std::string_view source, std::string_view csv);

// Brings the table `publication` up to date.
void write_published(SQLite::Database& database);

}  // namespace rankscope
