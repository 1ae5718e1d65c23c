#include "datasets/readers/samsum.h"

#include <optional>
#include <utility>

#include "datasets/readers/json_records.h"
#include "datasets/readers/unique_ids.h"

namespace rankscope {
namespace {

std::string with_plain_line_ends(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    result += text[i];
  }
  return result;
}

}  // namespace

RecordSet read_samsum(const std::filesystem::path& path, const ReadOptions& options) {
  return read_samsum(SourceText(path), options);
}

RecordSet read_samsum(const SourceText& source, const ReadOptions& options) {
  RecordSet set;
  ReadReport& report = set.report;
  report.files = {source.file()};
  UniqueIds ids;
  JsonRecords records(source);
  while (records.next()) {
    Record record;
    record.id = records.id("id");
    record.line = records.line();
    ids.add(record.id, record.line, records.where(), "id");
    std::string dialogue = with_plain_line_ends(records.string("dialogue"));
    std::optional<std::string_view> summary = records.find_string("summary");
    if (!summary && !options.allow_unlabelled) records.fail("summary", "is missing");
    if (dialogue.find_first_not_of(" \t\r\n") == std::string::npos) {
      report.skip("empty dialogue", records.where());
      continue;
    }
    record.fields.push_back(std::move(dialogue));
    record.fields.push_back(with_plain_line_ends(summary.value_or("")));
    record.has_target = summary.has_value();
    if (summary) record.references = {record.fields[1]};
    set.records.push_back(std::move(record));
    if (++report.read == options.limit) {
      report.stopped_at_limit = true;
      break;
    }
  }
  report.blank_lines = records.blank_lines();
  return set;
}

}  // namespace rankscope
