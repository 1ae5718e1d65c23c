#include "datasets/readers/mnli.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/error.h"
#include "common/text.h"
#include "datasets/readers/json_records.h"
#include "datasets/readers/tab_table.h"
#include "datasets/readers/unique_ids.h"

namespace rankscope {
namespace {

constexpr const char* kNoGold = "gold label '-': the annotators did not agree";
constexpr const char* kNoLabel =
    "is missing or hidden; a test file without labels can be used for predictions alone";
// What the authors' unlabelled test files say in the place of every label.
constexpr std::string_view kHidden = "hidden";

// One pair as the file has it.
struct Pair {
  std::optional<std::string_view> label;
  std::string id;
  std::string_view premise;
  std::string_view hypothesis;
  std::string_view genre;
};

// Adds pairs of either format. `Rows` is where they stand: line(), where() and fail().
class Collector {
 public:
  explicit Collector(const ReadOptions& options) : options_(options) {}

  // False when the number asked for is reached.
  template <typename Rows>
  bool add(const Rows& rows, Pair pair) {
    ReadReport& report = set.report;
    if (pair.label == kHidden) pair.label.reset();
    if (!pair.label && !options_.allow_unlabelled) rows.fail("gold_label", kNoLabel);
    if (seen_any_ && labelled_ != pair.label.has_value()) {
      rows.fail("gold_label",
                labelled_ ? "is missing or hidden" : "is given, but the lines before have none");
    }
    seen_any_ = true;
    labelled_ = pair.label.has_value();
    if (pair.label == "-") {
      report.skip(kNoGold, rows.where());
      return true;
    }
    Record record;
    record.line = rows.line();
    record.fields.reserve(4);
    record.fields.emplace_back(pair.premise);
    record.fields.emplace_back(pair.hypothesis);
    record.fields.emplace_back(pair.genre);
    record.fields.emplace_back(pair.label.value_or(""));
    record.has_target = pair.label.has_value();
    if (pair.label) {
      const auto found = std::ranges::find(kMnliLabels, *pair.label);
      if (found == kMnliLabels.end()) {
        rows.fail("gold_label", "must be entailment, neutral, contradiction or -, not '" +
                                    printable(*pair.label) + "'");
      }
      record.gold = static_cast<int>(found - kMnliLabels.begin());
      record.references.emplace_back(*pair.label);
    }
    ids_.add(pair.id, record.line, rows.where(), "pairID");
    record.id = std::move(pair.id);
    set.records.push_back(std::move(record));
    report.stopped_at_limit = ++report.read == options_.limit;
    return !report.stopped_at_limit;
  }

  RecordSet set;

 private:
  ReadOptions options_;
  UniqueIds ids_;
  bool seen_any_ = false;
  bool labelled_ = false;
};

void read_table(const SourceText& source, Collector& collector) {
  TabTable table(source);
  const std::size_t premise = table.column("sentence1");
  const std::size_t hypothesis = table.column("sentence2");
  const std::optional<std::size_t> label = table.find_column("gold_label");
  const std::optional<std::size_t> genre = table.find_column("genre");
  const std::optional<std::size_t> id = table.find_column("pairID");
  while (table.next()) {
    Pair pair;
    if (label) pair.label = table.cell(*label);
    if (genre) pair.genre = table.cell(*genre);
    if (id && table.cell(*id).empty()) table.fail("pairID", "must not be empty");
    pair.id = id ? std::string(table.cell(*id)) : source.numbered_id(table.line());
    pair.premise = table.cell(premise);
    pair.hypothesis = table.cell(hypothesis);
    if (!collector.add(table, std::move(pair))) break;
  }
  collector.set.report.blank_lines = table.blank_lines();
}

void read_json(const SourceText& source, Collector& collector) {
  JsonRecords records(source);
  while (records.next()) {
    Pair pair;
    pair.label = records.find_string("gold_label");
    pair.premise = records.string("sentence1");
    pair.hypothesis = records.string("sentence2");
    pair.genre = records.find_string("genre").value_or("");
    pair.id = records.id("pairID");
    if (!collector.add(records, std::move(pair))) break;
  }
  collector.set.report.blank_lines = records.blank_lines();
}

// The original release names its tables .txt, and standard input has no name.
bool is_table(const SourceText& source) {
  if (std::filesystem::path(source.file().path).extension() == ".tsv") return true;
  const std::string_view text = trimmed(source.text());
  const std::string_view header = text.substr(0, text.find('\n'));
  if (header.starts_with('{') || header.starts_with('[')) return false;
  if (header.find('\t') != std::string_view::npos &&
      header.find("sentence1") != std::string_view::npos)
    return true;
  throw InputError(source.name() +
                   ": is neither JSON, which begins with { or [, nor a table whose first line "
                   "names its columns (sentence1, sentence2, gold_label, ...) with tabs between");
}

}  // namespace

RecordSet read_mnli(const std::filesystem::path& path, const ReadOptions& options) {
  return read_mnli(SourceText(path), options);
}

RecordSet read_mnli(const SourceText& source, const ReadOptions& options) {
  Collector collector(options);
  collector.set.report.files = {source.file()};
  if (is_table(source)) {
    read_table(source, collector);
  } else {
    read_json(source, collector);
  }
  return std::move(collector.set);
}

}  // namespace rankscope
