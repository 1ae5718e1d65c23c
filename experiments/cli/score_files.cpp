#include "experiments/cli/score_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "common/error.h"
#include "common/jsonl.h"
#include "common/text.h"

namespace rankscope {

namespace {

std::optional<std::string> find_id(JsonObject& object) {
  const Json* const id = object.find("id");
  if (id == nullptr) return {};
  if (id->is_string()) return id->get<std::string>();
  if (id->is_number_integer()) return id->dump();
  object.fail("id", "must be a text or a whole number, not " + json_excerpt(*id));
}

std::string id_by_line(const std::filesystem::path& path, std::uint64_t line) {
  const std::string name = path.filename().string();
  return fmt::format("{}:{}", name.substr(0, name.find('.')), line);
}

// The text under the first of the fields that the object has.
std::string reference_text(JsonObject& object) {
  for (const char* field : {"reference", "summary", "gold_label"}) {
    if (object.has(field)) return object.get_string(field);
  }
  object.fail("reference", "is missing; a reference needs it, or SAMSum's 'summary', or MNLI's "
                           "'gold_label'");
}

bool holds_array(const std::filesystem::path& path) {
  LineReader lines(path);
  std::string_view line;
  while (lines.next(line)) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin != std::string_view::npos) return line[begin] == '[';
  }
  return false;
}

}  // namespace

Predictions::Predictions(const std::filesystem::path& path) : path_(path) {
  JsonlReader reader(path);
  Json json;
  while (reader.next(json)) {
    JsonObject object = reader.object(json);
    const std::optional<std::string> id = find_id(object);
    if (!id) object.fail("id", "is missing; give the id of the example that this predicts");
    const auto [entry, added] =
        entries_.try_emplace(*id, Entry{object.get_string("prediction"), reader.line_number()});
    if (!added) {
      object.fail("id", fmt::format("'{}' is predicted in line {} already; keep one of them",
                                    printable(*id), entry->second.line));
    }
  }
  if (entries_.empty()) {
    throw InputError(fmt::format("{}: there are no predictions; give lines of {{\"id\", "
                                 "\"prediction\"}}",
                                 path.string()));
  }
}

const std::string& Predictions::take(const std::string& id, const std::string& where) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) {
    throw InputError(fmt::format("{}: field 'id': '{}' has no prediction in {}; predict it, or leave "
                                 "it out of the references",
                                 where, printable(id), path_.string()));
  }
  if (found->second.taken) {
    throw InputError(fmt::format("{}: field 'id': '{}' is the id of an earlier reference too; give "
                                 "each its own",
                                 where, printable(id)));
  }
  found->second.taken = true;
  return found->second.text;
}

void Predictions::finish() const {
  const std::pair<const std::string, Entry>* first = nullptr;
  for (const auto& entry : entries_) {
    if (entry.second.taken) continue;
    if (first == nullptr || entry.second.line < first->second.line) first = &entry;
  }
  if (first == nullptr) return;
  throw InputError(fmt::format("{}:{}: field 'id': '{}' is no reference's id; are these the "
                               "predictions of other data?",
                               path_.string(), first->second.line, printable(first->first)));
}

std::vector<TextReference> read_text_references(const std::filesystem::path& path,
                                                std::size_t& unlabelled) {
  std::vector<TextReference> references;
  unlabelled = 0;
  const auto add = [&](JsonObject object, std::uint64_t number) {
    TextReference reference;
    reference.id = find_id(object).value_or(id_by_line(path, number));
    const bool label = !object.has("reference") && object.has("gold_label");
    reference.text = reference_text(object);
    reference.where = object.where();
    if (label && reference.text == "-") {
      ++unlabelled;
    } else {
      references.push_back(std::move(reference));
    }
  };
  if (holds_array(path)) {
    const Json records = read_json_file(path);
    for (std::size_t i = 0; i < records.size(); ++i) {
      add(JsonObject(records[i], fmt::format("{}: record {}", path.string(), i)), i);
    }
  } else {
    JsonlReader reader(path);
    Json json;
    while (reader.next(json)) add(reader.object(json), reader.line_number());
  }
  if (references.empty()) {
    throw InputError(path.string() + ": there are no references; is it the right file?");
  }
  return references;
}

WikisqlTables read_wikisql_tables(const std::filesystem::path& path) {
  WikisqlTables tables;
  JsonlReader reader(path);
  Json json;
  while (reader.next(json)) {
    JsonObject object = reader.object(json);
    WikisqlTable table;
    table.id = object.get_string("id");
    table.header = object.get_string_array("header");
    if (object.has("types")) table.types = object.get_string_array("types");
    if (const Json* rows = object.find_array("rows")) {
      for (const Json& row : *rows) {
        if (!row.is_array() || row.size() != table.header.size()) {
          object.fail("rows", fmt::format("row {} must be an array of {} cells", table.rows.size(),
                                          table.header.size()));
        }
        std::vector<WikisqlValue>& cells = table.rows.emplace_back(row.size());
        for (std::size_t i = 0; i < row.size(); ++i) {
          if (!read_wikisql_value(row[i], cells[i])) {
            object.fail("rows", fmt::format("a cell must be a text, a number or null, not {}",
                                            json_excerpt(row[i])));
          }
        }
      }
    }
    const std::string id = table.id;
    if (!tables.try_emplace(id, std::move(table)).second) {
      object.fail("id", fmt::format("there is a table '{}' already; remove one", printable(id)));
    }
  }
  return tables;
}

std::vector<WikisqlReference> read_wikisql_references(const std::filesystem::path& path,
                                                      const WikisqlTables& tables,
                                                      const std::filesystem::path& tables_path) {
  std::vector<WikisqlReference> references;
  JsonlReader reader(path);
  Json json;
  while (reader.next(json)) {
    JsonObject object = reader.object(json);
    WikisqlReference& reference = references.emplace_back();
    reference.id = find_id(object).value_or(id_by_line(path, reader.line_number()));
    reference.table_id = object.get_string("table_id");
    reference.where = reader.where();
    const auto table = tables.find(reference.table_id);
    if (table == tables.end()) {
      object.fail("table_id", fmt::format("'{}' is no table of {}; give the file that belongs to "
                                          "these questions as --tables",
                                          printable(reference.table_id), tables_path.string()));
    }
    JsonObject sql = object.get_object("sql");
    reference.query = read_wikisql_query(sql, table->second.header.size());
  }
  if (references.empty()) {
    throw InputError(path.string() + ": there are no references; is it the right file?");
  }
  return references;
}

}  // namespace rankscope
