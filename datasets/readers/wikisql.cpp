#include "datasets/readers/wikisql.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <optional>
#include <unordered_set>
#include <utility>

#include "common/error.h"
#include "common/text.h"
#include "datasets/readers/json_records.h"

namespace rankscope {
namespace {

using Element = JsonRecords::Element;

// A cell or a condition's value. False for what read_wikisql_value refuses.
bool read_value(const Element& element, WikisqlValue& value) {
  switch (element.type()) {
    case simdjson::dom::element_type::STRING:
      value.text = element.get_string().value_unsafe();
      value.kind = WikisqlValue::Kind::kText;
      return true;
    case simdjson::dom::element_type::INT64:
      return read_wikisql_value(element.get_int64().value_unsafe(), value);
    case simdjson::dom::element_type::UINT64:
      return read_wikisql_value(element.get_uint64().value_unsafe(), value);
    case simdjson::dom::element_type::DOUBLE:
      return read_wikisql_value(element.get_double().value_unsafe(), value);
    case simdjson::dom::element_type::NULL_VALUE:
      return read_wikisql_value(nullptr, value);
    default:
      return false;
  }
}

// An integer from 0 to `count` - 1.
bool read_index(const Element& element, std::size_t count, int& index) {
  std::int64_t value = 0;
  if (element.get(value) != simdjson::SUCCESS) return false;
  if (value < 0 || value >= static_cast<std::int64_t>(count)) return false;
  index = static_cast<int>(value);
  return true;
}

bool read_condition(const Element& element, std::size_t columns, WikisqlCondition& condition) {
  simdjson::dom::array parts;
  if (element.get(parts) != simdjson::SUCCESS || parts.size() != 3) return false;
  auto part = parts.begin();
  if (!read_index(*part, columns, condition.column)) return false;
  if (!read_index(*++part, kWikisqlOperators.size(), condition.op)) return false;
  const Element value = *++part;
  return !value.is_null() && read_value(value, condition.value);
}

// What read_wikisql_query makes of the same object, without building a Json of it. Nothing where
// anything is irregular: then read_wikisql_query decides, and words the message.
std::optional<WikisqlQuery> read_query(const Element& sql, std::size_t columns) {
  simdjson::dom::object object;
  if (sql.get(object) != simdjson::SUCCESS) return std::nullopt;
  WikisqlQuery query;
  unsigned seen = 0;
  for (const auto& [key, value] : object) {
    if (key == "sel") {
      if ((seen & 1U) != 0 || !read_index(value, columns, query.select)) return std::nullopt;
      seen |= 1U;
    } else if (key == "agg") {
      if ((seen & 2U) != 0 || !read_index(value, kWikisqlAggregations.size(), query.aggregation)) {
        return std::nullopt;
      }
      seen |= 2U;
    } else if (key == "conds") {
      simdjson::dom::array conditions;
      if ((seen & 4U) != 0 || value.get(conditions) != simdjson::SUCCESS) return std::nullopt;
      for (const Element condition : conditions) {
        if (!read_condition(condition, columns, query.conditions.emplace_back())) {
          return std::nullopt;
        }
      }
      seen |= 4U;
    } else {
      return std::nullopt;
    }
  }
  if (seen != 7U) return std::nullopt;
  return query;
}

WikisqlQuery query_of(const JsonRecords& records, std::size_t columns) {
  if (std::optional<WikisqlQuery> query = read_query(records.need("sql"), columns)) return *query;
  const Json json = records.json();
  JsonObject object(json, records.where());
  JsonObject sql = object.get_object("sql");
  return read_wikisql_query(sql, columns);
}

void read_rows(const JsonRecords& records, const Element& element, WikisqlTable& table) {
  simdjson::dom::array rows;
  if (element.get(rows) != simdjson::SUCCESS) records.fail("rows", "must be an array of rows");
  const auto refuse = [&](const std::string& message) {
    records.fail("rows", "row " + std::to_string(table.rows.size()) + ": " + message);
  };
  for (const Element row : rows) {
    std::vector<WikisqlValue>& cells = table.rows.emplace_back();
    simdjson::dom::array values;
    if (row.get(values) != simdjson::SUCCESS) refuse("must be an array of cells");
    // Counting by hand: size() of a simdjson array saturates at 2^24 - 1.
    cells.reserve(table.header.size());
    for (const Element value : values) {
      if (cells.size() == table.header.size()) break;
      WikisqlValue& cell = cells.emplace_back();
      // SQLite's integers are signed.
      if (value.type() == simdjson::dom::element_type::UINT64 || !read_value(value, cell)) {
        refuse("cell " + std::to_string(cells.size()) +
               " must be a text, a number of at most 64 bits or null");
      }
    }
    if (cells.size() != table.header.size() || values.size() != table.header.size()) {
      refuse("has " + std::to_string(values.size()) + " cells for " +
             std::to_string(table.header.size()) + " columns");
    }
  }
}

// Which tables' rows are read.
using WantsRows = std::function<bool(const std::string& id)>;

WikisqlTable read_table(const JsonRecords& records, const WantsRows& wants_rows) {
  WikisqlTable table;
  table.id = records.string("id");
  if (table.id.empty()) records.fail("id", "must not be empty");
  table.header = records.strings("header");
  if (table.header.empty()) records.fail("header", "a table needs at least one column");
  if (records.find("types") != nullptr) {
    table.types = records.strings("types");
    if (table.types.size() != table.header.size()) {
      records.fail("types", "has " + std::to_string(table.types.size()) + " types for " +
                                std::to_string(table.header.size()) + " columns");
    }
    for (const std::string& type : table.types) {
      if (type != "text" && type != "real") {
        records.fail("types", "must be 'text' or 'real', not '" + printable(type) + "'");
      }
    }
  }
  const Element* rows = wants_rows(table.id) ? records.find("rows") : nullptr;
  if (rows != nullptr) read_rows(records, *rows, table);
  if (!table.rows.empty() && table.types.empty()) {
    records.fail("types", "is missing beside 'rows'; give 'text' or 'real' for each column");
  }
  table.has_rows = rows != nullptr && !table.types.empty();
  return table;
}

WikisqlTables read_tables(const std::filesystem::path& path, const WantsRows& wants_rows) {
  const SourceText source(path);
  WikisqlTables result;
  result.file = source.file();
  JsonRecords records(source);
  while (records.next()) {
    result.tables.push_back(read_table(records, wants_rows));
    const std::string& id = result.tables.back().id;
    const auto index = static_cast<std::uint32_t>(result.tables.size() - 1);
    if (!result.by_id.emplace(id, index).second) {
      records.fail("id", "a table '" + printable(id) + "' was given before; remove one");
    }
  }
  return result;
}

// The tables that the first `limit` questions ask.
std::unordered_set<std::string> tables_asked(const SourceText& source, std::uint64_t limit) {
  std::unordered_set<std::string> ids;
  JsonRecords records(source);
  for (std::uint64_t read = 0; read < limit && records.next(); ++read) {
    ids.emplace(records.string("table_id"));
  }
  return ids;
}

}  // namespace

std::int64_t WikisqlTables::find(const std::string& id) const {
  const auto found = by_id.find(id);
  return found == by_id.end() ? -1 : static_cast<std::int64_t>(found->second);
}

bool WikisqlTables::any_rows() const {
  return std::ranges::any_of(tables, [](const WikisqlTable& table) { return !table.rows.empty(); });
}

std::filesystem::path wikisql_tables_beside(const std::filesystem::path& path) {
  return path.parent_path() / (path.stem().native() + ".tables.jsonl");
}

WikisqlData read_wikisql(const std::filesystem::path& path, const std::filesystem::path& tables,
                         const ReadOptions& options, bool with_rows) {
  return read_wikisql(SourceText(path), tables, options, with_rows);
}

WikisqlData read_wikisql(const SourceText& source, const std::filesystem::path& tables,
                         const ReadOptions& options, bool with_rows) {
  WikisqlData data;
  // A few hundred questions of a large split ask few of its tables, and rows are most of the work.
  std::unordered_set<std::string> asked;
  if (with_rows && options.limit > 0) asked = tables_asked(source, options.limit);
  data.tables = read_tables(tables.empty() ? wikisql_tables_beside(source.file().path) : tables,
                            [&](const std::string& id) {
                              return with_rows && (options.limit == 0 || asked.contains(id));
                            });
  ReadReport& report = data.set.report;
  report.files = {source.file(), data.tables.file};
  JsonRecords records(source);
  std::vector<std::string> columns(data.tables.tables.size());  // made when first used
  while (records.next()) {
    const std::string table_id(records.string("table_id"));
    const std::int64_t index = data.tables.find(table_id);
    if (index < 0) {
      records.fail("table_id", "no table '" + printable(table_id) + "' in " +
                                   printable(data.tables.file.path, 300) +
                                   "; the two files must be of one split");
    }
    const WikisqlTable& table = data.tables.tables[static_cast<std::size_t>(index)];
    std::string& names = columns[static_cast<std::size_t>(index)];
    if (names.empty()) names = fmt::format("{}", fmt::join(table.header, ", "));
    WikisqlGold& gold = data.gold.emplace_back();
    gold.table = static_cast<std::uint32_t>(index);
    gold.query = query_of(records, table.header.size());
    Record& record = data.set.records.emplace_back();
    record.id = source.numbered_id(records.number());
    record.line = records.line();
    std::string sql = render_query(gold.query, table.header);
    record.references = {sql};
    record.fields.reserve(3);
    record.fields.push_back(names);
    record.fields.emplace_back(records.string("question"));
    record.fields.push_back(std::move(sql));
    if (++report.read == options.limit) {
      report.stopped_at_limit = true;
      break;
    }
  }
  report.blank_lines = records.blank_lines();
  return data;
}

}  // namespace rankscope
