#include "datasets/embedded/set_files.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "common/files.h"
#include "common/folders.h"
#include "common/interrupt.h"
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

// The files that are written into a folder.
class SetFiles {
 public:
  explicit SetFiles(const std::filesystem::path& folder) : folder_(folder) {}
  void write(const std::string& name, std::size_t entries, std::string_view text) {
    throw_if_stop_requested(kNothingWritten);
    write_file_atomically(folder_ / name, text);
    written.push_back({name, entries});
  }
  std::vector<SetFile> written;

 private:
  std::filesystem::path folder_;
};

void write_wikisql(const World& world, SetFiles& files, const std::string& split, Pool pool) {
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
  files.write("wikisql/" + split + ".tables.jsonl", set.tables.size(), tables);
  files.write("wikisql/" + split + ".jsonl", set.questions.size(), questions);
}

void write_mnli(const World& world, SetFiles& files, const std::string& split, Pool pool,
                Genres genres) {
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
  files.write("mnli/multinli_1.0_" + split + ".jsonl", number, text);
}

void write_samsum(const World& world, SetFiles& files, const std::string& split, Pool pool) {
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
  files.write("samsum/" + split + ".json", all.size(), text + "\n]\n");
}

}  // namespace

std::vector<SetFile> write_sets(const World& world, const std::filesystem::path& folder) {
  const char* const advice = "give another folder";
  const std::filesystem::path above = (folder / "").parent_path().parent_path();
  if (!above.empty()) make_folder(above, advice);
  FolderTransaction transaction(folder, FolderTransaction::Existing::kRefuse);
  for (const char* task : {"wikisql", "mnli", "samsum"})
    make_folder(transaction.path() / task, advice);
  SetFiles files(transaction.path());
  for (const char* split : {"train", "dev", "test"})
    write_wikisql(world, files, split,
                  split == std::string_view("train") ? Pool::kTraining : Pool::kScored);
  write_mnli(world, files, "train", Pool::kTraining, Genres::kMatched);
  write_mnli(world, files, "dev_matched", Pool::kScored, Genres::kMatched);
  write_mnli(world, files, "dev_mismatched", Pool::kScored, Genres::kMismatched);
  for (const char* split : {"train", "val", "test"})
    write_samsum(world, files, split,
                 split == std::string_view("train") ? Pool::kTraining : Pool::kScored);
  throw_if_stop_requested(kNothingWritten);
  transaction.commit();
  return std::move(files.written);
}

}  // namespace rankscope::embedded
