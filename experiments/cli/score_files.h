// What `score` reads: predictions and the references that they are held against.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/wikisql_query.h"

namespace rankscope {

// The lines {"id": ..., "prediction": "..."} of a file; other fields are passed over. An id is a text
// or a whole number.
class Predictions {
 public:
  // InputError at an id that is there twice.
  explicit Predictions(const std::filesystem::path& path);

  // The prediction of a reference that stands at `where` ("FILE:LINE"). InputError when there is none
  // or when it has been taken: then two references have one id.
  const std::string& take(const std::string& id, const std::string& where);
  // InputError when a prediction was not taken: its id is in no reference.
  void finish() const;

 private:
  struct Entry {
    std::string text;
    std::uint64_t line = 0;
    bool taken = false;
  };
  std::filesystem::path path_;
  std::unordered_map<std::string, Entry> entries_;
};

struct TextReference {
  std::string id;
  std::string text;
  std::string where;  // "FILE:LINE", or "FILE: record N"
};

// JSON Lines, or one JSON array, of objects with an `id` and a text: `reference`, or the task's own
// field, SAMSum's `summary` or MNLI's `gold_label`. Without an id it is the file's name up to its
// first dot and the line, "dev:17". Records whose gold label is "-" have no label: they are counted
// in `unlabelled` and left out.
std::vector<TextReference> read_text_references(const std::filesystem::path& path,
                                                std::size_t& unlabelled);

struct WikisqlReference {
  std::string id;
  std::string table_id;
  WikisqlQuery query;
  std::string where;
};

using WikisqlTables = std::map<std::string, WikisqlTable, std::less<>>;

// A *.tables.jsonl, whole.
WikisqlTables read_wikisql_tables(const std::filesystem::path& path);

// WikiSQL's own lines {"table_id", "question", "sql"}; ids as above.
std::vector<WikisqlReference> read_wikisql_references(const std::filesystem::path& path,
                                                      const WikisqlTables& tables,
                                                      const std::filesystem::path& tables_path);

}  // namespace rankscope
