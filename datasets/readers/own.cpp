#include "datasets/readers/own.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <utility>

#include "common/text.h"
#include "datasets/readers/json_records.h"
#include "datasets/readers/unique_ids.h"

namespace rankscope {
namespace {

constexpr std::array<std::string_view, 6> kKeys = {"id",      "prompt",    "target",
                                                   "choices", "reference", "references"};
// Hostile files could name a new key on every line.
constexpr std::size_t kUnreadKeysShown = 20;

void note_unread_keys(const JsonRecords& records, ReadReport& report) {
  for (const std::string_view key : records.keys()) {
    if (std::ranges::find(kKeys, key) != kKeys.end()) continue;
    const std::string name = printable(key);
    if (std::ranges::find(report.unread_keys, name) != report.unread_keys.end()) continue;
    if (report.unread_keys.size() == kUnreadKeysShown) {
      report.more_unread_keys = true;
      return;
    }
    report.unread_keys.push_back(name);
  }
}

// No answer to such an entry would be right.
void refuse_other_references(const JsonRecords& records, const Record& record) {
  std::unordered_set<std::string_view> choices;
  for (const std::string& choice : record.choices) choices.insert(trimmed(choice));
  for (const char* key : {"reference", "references"}) {
    if (records.find(key) == nullptr) continue;
    for (const std::string& reference : record.references) {
      if (!choices.contains(trimmed(reference)))
        records.fail(key, "'" + printable(reference) + "' is none of the choices");
    }
  }
}

void read_choices(const JsonRecords& records, const std::optional<std::string_view>& target,
                  Record& record) {
  record.choices = records.strings("choices");
  if (record.choices.size() < 2) records.fail("choices", "must be at least two texts");
  // Answers are compared without the white space around them.
  std::vector<std::string_view> sorted;
  for (const std::string& choice : record.choices) sorted.push_back(trimmed(choice));
  std::ranges::sort(sorted);
  if (sorted.front().empty()) records.fail("choices", "one of them is empty or white space alone");
  const auto twice = std::ranges::adjacent_find(sorted);
  if (twice != sorted.end()) {
    records.fail("choices", "'" + printable(*twice) +
                                "' is given twice; white space around a choice does not count");
  }
  refuse_other_references(records, record);
  if (!target) return;
  const auto found = std::ranges::find(record.choices, *target);
  if (found == record.choices.end()) {
    records.fail("target", "'" + printable(*target) + "' is none of the choices");
  }
  record.gold = static_cast<int>(found - record.choices.begin());
}

void read_references(const JsonRecords& records, const std::optional<std::string_view>& target,
                     Record& record) {
  if (records.find("references") != nullptr) {
    if (records.find("reference") != nullptr) {
      records.fail("reference", "give it or 'references', not both");
    }
    record.references = records.strings("references");
    if (record.references.empty()) records.fail("references", "must be at least one text");
  } else if (const auto reference = records.find_string("reference")) {
    record.references.emplace_back(*reference);
  } else if (target) {
    record.references.emplace_back(*target);
  }
}

}  // namespace

RecordSet read_own(const std::filesystem::path& path, const ReadOptions& options) {
  return read_own(SourceText(path), options);
}

RecordSet read_own(const SourceText& source, const ReadOptions& options) {
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
    const std::optional<std::string_view> target = records.find_string("target");
    if (!target && !options.allow_unlabelled) records.fail("target", "is missing");
    record.has_target = target.has_value();
    record.fields = {std::string(records.string("prompt")), std::string(target.value_or(""))};
    read_references(records, target, record);
    if (records.find("choices") != nullptr) read_choices(records, target, record);
    note_unread_keys(records, report);
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
