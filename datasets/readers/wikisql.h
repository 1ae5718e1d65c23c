// WikiSQL (Zhong, Xiong and Socher 2017, github.com/salesforce/WikiSQL): {train,dev,test}.jsonl,
// each with its .tables.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/wikisql_query.h"
#include "datasets/readers/record.h"
#include "datasets/readers/source_text.h"

namespace rankscope {

struct WikisqlTables {
  std::vector<WikisqlTable> tables;  // in the file's order
  std::unordered_map<std::string, std::uint32_t> by_id;
  ReadFile file;

  // Index into `tables`; -1 where no table has the id.
  std::int64_t find(const std::string& id) const;
  // Whether any table has a row. Where none has, they were left out, and nothing can be executed.
  bool any_rows() const;
};

// A question's gold: its table, and its query, whose indices lie within the table's header.
struct WikisqlGold {
  std::uint32_t table = 0;  // index into WikisqlTables::tables
  WikisqlQuery query;
};

struct WikisqlData {
  RecordSet set;                  // fields: columns, question, sql; the reference is `sql`
  std::vector<WikisqlGold> gold;  // one a record
  WikisqlTables tables;
};

// Reads the questions: `table_id`, `question`, `sql`; `phase` is not read. `tables` empty means the
// file beside: train.tables.jsonl for train.jsonl. Ids are FILE:N.
//
// Of *.tables.jsonl: `id` and `header`, and where they are given `types` ("text" or "real", as many
// as columns) and `rows` (texts, numbers or nulls, as many as columns in each). Other keys
// (page_title, section_title, caption, name, page_id) are not read. With `with_rows` false the rows
// are neither checked nor kept: enough for prompts and logical form. With a limit, rows are read of
// the tables alone that a question within it asks. InputError as JsonRecords; an id met twice is
// one too.
WikisqlData read_wikisql(const SourceText& source, const std::filesystem::path& tables = {},
                         const ReadOptions& options = {}, bool with_rows = true);
WikisqlData read_wikisql(const std::filesystem::path& path,
                         const std::filesystem::path& tables = {}, const ReadOptions& options = {},
                         bool with_rows = true);

// train.tables.jsonl for train.jsonl, in the same folder.
std::filesystem::path wikisql_tables_beside(const std::filesystem::path& path);

}  // namespace rankscope
