// The data sets' readers. The first byte chooses the reader, the rest is the file; for WikiSQL a
// line "---" divides the questions from the tables. What is accepted must keep the readers'
// promises.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/text.h"
#include "datasets/prompts/example.h"
#include "datasets/readers/wikisql.h"
#include "datasets/task.h"
#include "tests/fuzz/fuzz_one.h"
#include "tests/temporary_folder.h"

namespace {

using namespace rankscope;

std::filesystem::path put(const char* name, std::string_view text) {
  static const tests::TemporaryFolder folder;
  const std::filesystem::path path = folder / name;
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr || std::fwrite(text.data(), 1, text.size(), file) != text.size())
    std::abort();
  std::fclose(file);
  return path;
}

std::vector<std::int32_t> bytes(std::string_view text, Part) { return {text.begin(), text.end()}; }

void check(const Task& task, const RecordSet& set) {
  const CompiledTemplate form(task, task.default_template());
  if (set.report.read != set.records.size()) std::abort();
  std::set<std::string> ids;
  EncodeReport report;
  for (const Record& record : set.records) {
    if (!ids.insert(record.id).second) std::abort();
    if (record.fields.size() != task.fields.size()) std::abort();
    const Example example = make_example(form, record);
    if (!valid_utf8(example.prompt) || !valid_utf8(example.target)) std::abort();
    if (record.has_target && !example.choices.empty() &&
        example.choices.at(static_cast<std::size_t>(example.gold)) != example.target) {
      std::abort();
    }
    const auto encoded =
        encode_example(form, record, bytes, {.max_tokens = 64, .end_token = 0}, report);
    if (encoded && encoded->prompt.size() + encoded->target.size() > 64) std::abort();
  }
}

void read_wikisql_pair(std::string_view text) {
  constexpr std::string_view kDivider = "\n---\n";
  const std::size_t at = text.find(kDivider);
  const auto questions = put("w.jsonl", text.substr(0, at));
  put("w.tables.jsonl", at == std::string_view::npos ? "" : text.substr(at + kDivider.size()));
  const WikisqlData data = read_wikisql(questions);
  check(find_task("wikisql"), data.set);
  if (data.gold.size() != data.set.records.size()) std::abort();
  for (const WikisqlGold& gold : data.gold) {
    const WikisqlTable& table = data.tables.tables.at(gold.table);
    const auto columns = static_cast<int>(table.header.size());
    if (gold.query.select < 0 || gold.query.select >= columns) std::abort();
    for (const WikisqlCondition& condition : gold.query.conditions) {
      if (condition.column < 0 || condition.column >= columns) std::abort();
    }
  }
  for (const WikisqlTable& table : data.tables.tables) {
    for (const auto& row : table.rows) {
      if (row.size() != table.header.size()) std::abort();
    }
  }
}

}  // namespace

int fuzz_one(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    const ReadOptions options{.allow_unlabelled = (data[0] & 0x10) != 0};
    switch (data[0] % 5) {
      case 0:
        read_wikisql_pair(text);
        break;
      case 1:
        check(find_task("mnli"),
              find_task("mnli").read(SourceText(put("m.tsv", text)), {}, options));
        break;
      case 2:
        check(find_task("mnli"),
              find_task("mnli").read(SourceText(put("m.jsonl", text)), {}, options));
        break;
      case 3:
        check(find_task("samsum"),
              find_task("samsum").read(SourceText(put("s.json", text)), {}, options));
        break;
      default:
        check(find_task("own"),
              find_task("own").read(SourceText(put("o.jsonl", text)), {}, options));
        break;
    }
  } catch (const InputError&) {
  }
  return 0;
}
