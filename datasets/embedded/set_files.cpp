#include "datasets/embedded/set_files.h"

#include <array>
#include <string>

#include "common/files.h"
#include "common/folders.h"
#include "common/json.h"
#include "datasets/embedded/mnli_set.h"
#include "datasets/embedded/samsum_set.h"
#include "datasets/embedded/wikisql_set.h"

namespace rankscope::embedded {

namespace {

std::size_t size_of(Pool pool) {
  return pool == Pool::kTraining ? kTrainingExamples : kScoredExamples;
}

OrderedJson json_of(const WikisqlValue& value) {
  if (value.kind == WikisqlValue::Kind::kInteger) return std::stoll(value.text);
  return value.text;
}

void write_wikisql(const World& world, const std::filesystem::path& folder,
                   const std::string& split, Pool pool) {
  const WikisqlSet set = make_wikisql_set(world, split, pool, size_of(pool));
  std::string tables, questions;
  for (const WikisqlTable& table : set.tables) {
    OrderedJson line;
    line["id"] = table.id;
    line["header"] = table.header;
    line["types"] = table.types;
    line["rows"] = OrderedJson::array();
    for (const auto& row : table.rows) {
      OrderedJson cells = OrderedJson::array();
      for (const WikisqlValue& cell : row) cells.push_back(json_of(cell));
      line["rows"].push_back(std::move(cells));
    }
    tables += line.dump() + "\n";
  }
  for (const TableQuestion& question : set.questions) {
    OrderedJson line;
    line["phase"] = 1;
    line["table_id"] = set.tables[question.table].id;
    line["question"] = question.text;
    line["sql"]["sel"] = question.query.select;
    line["sql"]["conds"] = OrderedJson::array();
    for (const WikisqlCondition& condition : question.query.conditions)
      line["sql"]["conds"].push_back(
          OrderedJson::array({condition.column, condition.op, json_of(condition.value)}));
    line["sql"]["agg"] = question.query.aggregation;
    questions += line.dump() + "\n";
  }
  write_file_atomically(folder / (split + ".tables.jsonl"), tables);
  write_file_atomically(folder / (split + ".jsonl"), questions);
}

void write_mnli(const World& world, const std::filesystem::path& folder, const std::string& split,
                Pool pool, Genres genres) {
  std::string text;
  std::size_t number = 0;
  for (const Inference& pair : make_mnli_set(world, split, pool, genres, size_of(pool))) {
    OrderedJson line;
    line["annotator_labels"] = OrderedJson::array({label(pair.verdict)});
    line["genre"] = pair.genre;
    line["gold_label"] = label(pair.verdict);
    line["pairID"] = split + "-" + std::to_string(number++);
    line["sentence1"] = pair.premise;
    line["sentence2"] = pair.hypothesis;
    text += line.dump() + "\n";
  }
  write_file_atomically(folder / ("multinli_1.0_" + split + ".jsonl"), text);
}

void write_samsum(const World& world, const std::filesystem::path& folder, const std::string& split,
                  Pool pool) {
  OrderedJson all = OrderedJson::array();
  for (const SummarizedDialogue& dialogue : make_samsum_set(world, split, pool, size_of(pool))) {
    OrderedJson entry;
    entry["id"] = dialogue.id;
    entry["summary"] = dialogue.summary;
    entry["dialogue"] = dialogue.dialogue;
    all.push_back(std::move(entry));
  }
  // An entry a line, which reads as well and changes by lines.
  std::string text = "[";
  for (std::size_t i = 0; i < all.size(); ++i) text += (i ? ",\n" : "\n") + all[i].dump();
  write_file_atomically(folder / (split + ".json"), text + "\n]\n");
}

}  // namespace

void write_sets(const World& world, const std::filesystem::path& folder) {
  for (const char* task : {"wikisql", "mnli", "samsum"})
    make_folder(folder / task, "give another folder");
  for (const char* split : {"train", "dev", "test"})
    write_wikisql(world, folder / "wikisql", split,
                  split == std::string_view("train") ? Pool::kTraining : Pool::kScored);
  write_mnli(world, folder / "mnli", "train", Pool::kTraining, Genres::kMatched);
  write_mnli(world, folder / "mnli", "dev_matched", Pool::kScored, Genres::kMatched);
  write_mnli(world, folder / "mnli", "dev_mismatched", Pool::kScored, Genres::kMismatched);
  for (const char* split : {"train", "val", "test"})
    write_samsum(world, folder / "samsum", split,
                 split == std::string_view("train") ? Pool::kTraining : Pool::kScored);
}

}  // namespace rankscope::embedded
