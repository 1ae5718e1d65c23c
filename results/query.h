// Questions to one or several results databases: by the name of a view, or as one SELECT.
//
// Reading only, by construction: the files are opened read-only, the connection refuses writes
// (query_only), and an authorizer lets through nothing but reading tables and calling functions:
// no PRAGMA, no ATTACH.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace rankscope {

// NULL, an integer, a real, a text. A blob, which no table holds, becomes the text X'...'.
using Cell = std::variant<std::monostate, int64_t, double, std::string>;
using Row = std::vector<Cell>;

// Takes rows one by one as they are read.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void begin(const std::vector<std::string>& columns) = 0;  // distinct names
  virtual void row(const Row& cells) = 0;
  virtual void end() = 0;
};

// All questions see the databases as they were when the reader was made, whatever a writer adds.
// Errors: InputError where a folder holds no results.db, where a database is of another schema
// version, in use or damaged (DamagedDatabase), and where a question is none; MachineError for a
// failing disk or a lack of memory; Interrupted where a stop was requested.
class ResultsReader {
 public:
  // SQLite joins ten databases at most.
  static constexpr std::size_t kMostFolders = 10;

  // Each folder holds a results.db. With several, every table and view is the union of theirs, and
  // all have a column `sweep`; where two sweeps have one name, their folders are added to it.
  explicit ResultsReader(const std::vector<std::filesystem::path>& folders,
                         std::chrono::milliseconds busy_timeout = std::chrono::seconds(5));
  ~ResultsReader();
  ResultsReader(ResultsReader&&) noexcept;
  ResultsReader& operator=(ResultsReader&&) noexcept;

  // `question` is a view's or table's name, or the text of one SELECT (WITH and VALUES too).
  // `parameters` are for its question marks. Rows go to the sink as they come: their number is not
  // bounded by memory.
  void run(const std::string& question, RowSink& sink, const Row& parameters = {});

  // The rows of a question that has few.
  std::vector<Row> rows(const std::string& question, const Row& parameters = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct ViewName {
  std::string name;
  std::string description;
};
// The views for people, in the order of the documentation.
std::vector<ViewName> view_names();
// A view or a table.
bool is_result_name(const std::string& word);

}  // namespace rankscope
