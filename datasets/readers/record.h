// What a reader makes of one entry of a data set's file, and its account of the whole file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/json.h"

namespace rankscope {

// One entry, before any template. Every text is valid UTF-8.
struct Record {
  // The file's own id, or FILE:N, the file's name without its ending and the line, or the element
  // of a JSON array ("dev:17").
  std::string id;
  std::uint64_t line = 0;  // where the entry begins, from 1
  // The values a template's {fields} stand for, in the order of Task::fields.
  std::vector<std::string> fields;
  // False where the file gives no answer, as in published test sets: its field is then empty.
  bool has_target = true;
  // What a scorer compares a prediction with; empty where the file gives nothing.
  std::vector<std::string> references;
  // An own task's closed set of answers; empty where the answer is free or the template's
  // verbalisers are the choices.
  std::vector<std::string> choices;
  int gold = -1;  // the index of the right choice; -1 where there are no choices or no label
};

// One file that was read.
struct ReadFile {
  std::string path;
  std::uint64_t bytes = 0;
  std::string sha256;  // 64 lower-case digits
};

// Entries left out for one reason.
struct Skipped {
  std::string reason;
  std::uint64_t count = 0;
  std::vector<std::string> first;  // FILE:LINE of the first few
};

struct ReadReport {
  std::vector<ReadFile> files;
  std::uint64_t read = 0;         // entries kept
  std::uint64_t blank_lines = 0;  // lines of white space between entries
  bool stopped_at_limit = false;  // what follows the last entry kept was not looked at
  std::vector<Skipped> skipped;
  // An own task's keys that nothing reads, the first few in the order met: a misspelt key shows
  // here.
  std::vector<std::string> unread_keys;
  bool more_unread_keys = false;  // than those

  void skip(const std::string& reason, const std::string& where);
  std::uint64_t skipped_total() const;
};

// {"files": [{"path":, "bytes":, "sha256":}], "read":, "blank_lines":, "stopped_at_limit":,
//  "skipped": {REASON: {"count":, "first": [...]}}, "unread_keys": [...]}
OrderedJson report_json(const ReadReport& report);
// One line for people: "8421 examples of dev.jsonl; skipped 3: empty dialogue (train:17, ...)".
std::string report_text(const ReadReport& report);

struct RecordSet {
  std::vector<Record> records;
  ReadReport report;
};

struct ReadOptions {
  std::uint64_t limit = 0;  // keep at most this many entries; 0 keeps all
  // Test files are published without labels. They are refused unless this is set; then has_target
  // is false and gold is -1.
  bool allow_unlabelled = false;
};

}  // namespace rankscope
