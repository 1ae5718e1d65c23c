#include "datasets/readers/mnli.h"

#include <array>
#include <catch2/catch.hpp>

#include "common/error.h"
#include "tests/datasets/test_files.h"
#include "tests/error_text.h"
#include "tests/shared_files.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

std::string mnli_refusal(const std::string& name, std::string_view text) {
  TemporaryFolder folder;
  const auto path = put(folder / name, text);
  return error_text<InputError>([&] { read_mnli(path); });
}

}  // namespace

TEST_CASE("MNLI is read from GLUE's table: columns by name, quotes without meaning") {
  const RecordSet set = read_mnli(data_file("mnli/train.tsv"));
  REQUIRE(set.records.size() == 3);
  CHECK(set.records[0].id == "11e");
  CHECK(set.records[0].line == 2);
  CHECK(set.records[0].fields == std::vector<std::string>{"The cat \"sleeps.", "An animal sleeps.",
                                                          "fiction", "entailment"});
  CHECK(set.records[0].gold == 0);
  CHECK(set.records[1].gold == 2);
  CHECK(set.records[2].gold == 1);
  CHECK(set.records[2].references == std::vector<std::string>{"neutral"});
  CHECK(set.records[2].fields[0] == "Caf\xc3\xa9s line the quay.");
}

TEST_CASE("MNLI's test table has no labels, which has to be allowed") {
  const auto path = data_file("mnli/test_matched.tsv");
  CHECK_THAT(error_text<InputError>([&] { read_mnli(path); }),
             Contains("test_matched.tsv:2: field 'gold_label': is missing"));
  const RecordSet set = read_mnli(path, {.allow_unlabelled = true});
  REQUIRE(set.records.size() == 1);
  CHECK_FALSE(set.records[0].has_target);
  CHECK(set.records[0].gold == -1);
  CHECK(set.records[0].references.empty());
}

TEST_CASE("MNLI's original test files hide their labels, which is as good as none") {
  const std::string hidden = R"({"gold_label": "hidden", "sentence1": "a", "sentence2": "b"})";
  const std::string given = R"({"gold_label": "neutral", "sentence1": "a", "sentence2": "b"})";
  TemporaryFolder folder;
  const auto path = put(folder / "multinli_1.0_test.jsonl", hidden + "\n" + hidden);
  CHECK_THAT(error_text<InputError>([&] { read_mnli(path); }),
             Contains("test.jsonl:1: field 'gold_label': is missing or hidden"));
  const RecordSet set = read_mnli(path, {.allow_unlabelled = true});
  REQUIRE(set.records.size() == 2);
  CHECK_FALSE(set.records[1].has_target);
  CHECK(set.records[1].gold == -1);
  CHECK(set.records[1].references.empty());
  CHECK(set.records[1].fields[3].empty());
  // Not beside labels.
  const auto mixed = put(folder / "m.jsonl", given + "\n" + hidden);
  CHECK_THAT(error_text<InputError>([&] { read_mnli(mixed, {.allow_unlabelled = true}); }),
             Contains("m.jsonl:2: field 'gold_label': is missing or hidden"));
}

TEST_CASE("MNLI's original release: a gold label '-' is skipped and counted") {
  const RecordSet set = read_mnli(data_file("mnli/multinli_1.0_dev_matched.jsonl"));
  REQUIRE(set.records.size() == 2);
  CHECK(set.records[0].id == "31n");
  CHECK(set.records[1].id == "33c");
  CHECK(set.records[1].fields[0] == "Caf\xc3\xa9s are open.");
  REQUIRE(set.report.skipped.size() == 1);
  CHECK(set.report.skipped[0].count == 1);
  CHECK_THAT(set.report.skipped[0].reason, Contains("gold label '-'"));
  REQUIRE(set.report.skipped[0].first.size() == 1);
  CHECK_THAT(set.report.skipped[0].first[0], Contains("multinli_1.0_dev_matched.jsonl:2"));
  CHECK(set.report.skipped_total() == 1);
}

TEST_CASE("MNLI with fewer keys: ids are lines, blank lines count") {
  const RecordSet set = read_mnli(data_file("mnli/reduced.jsonl"));
  REQUIRE(set.records.size() == 2);
  CHECK(set.records[0].id == "reduced:1");
  CHECK(set.records[1].id == "reduced:3");
  CHECK(set.records[1].fields[2].empty());
  CHECK(set.report.blank_lines == 1);
}

TEST_CASE("what is wrong in MNLI's files is named by file, line and field") {
  const std::string line = R"({"gold_label": "neutral", "sentence1": "a", "sentence2": "b"})";
  CHECK_THAT(
      mnli_refusal("d.jsonl", R"({"gold_label": "maybe", "sentence1": "a", "sentence2": "b"})"),
      Contains("d.jsonl:1: field 'gold_label'") && Contains("not 'maybe'"));
  CHECK_THAT(
      mnli_refusal("d.jsonl", line + "\n" + R"({"gold_label": "neutral", "sentence1": "a"})"),
      Contains("d.jsonl:2: field 'sentence2': is missing"));
  CHECK_THAT(mnli_refusal("d.jsonl", line + "\n" + R"({"sentence1": "a", "sentence2": "b"})"),
             Contains("d.jsonl:2: field 'gold_label': is missing"));
  const std::string with_id =
      R"({"pairID": "1n", "gold_label": "neutral", "sentence1": "a", "sentence2": "b"})";
  CHECK_THAT(mnli_refusal("d.jsonl", with_id + "\n" + with_id),
             Contains("d.jsonl:2: field 'pairID': '1n' is also the id of line 1"));

  const std::string null_genre =
      R"({"gold_label": "neutral", "sentence1": "a", "sentence2": "b", "genre": null})";
  CHECK(mnli_refusal("d.jsonl", null_genre) == "nothing was thrown");
  CHECK_THAT(mnli_refusal("d.jsonl", R"({"gold_label": "neutral", "sentence1": null})"),
             Contains("d.jsonl:1: field 'sentence1': must not be null"));

  CHECK_THAT(mnli_refusal("d.tsv", "sentence1\tgold_label\na\tneutral\n"),
             Contains("d.tsv:1: the header row has no column 'sentence2'"));
  CHECK_THAT(mnli_refusal("d.tsv", "sentence1\tsentence2\tgold_label\na\tneutral\n"),
             Contains("d.tsv:2: has 2 cells, the header 3"));
  CHECK_THAT(mnli_refusal("d.tsv", "sentence1\tsentence2\tgold_label\na\t\xff\tneutral\n"),
             Contains("d.tsv:2: is not valid UTF-8"));
  CHECK_THAT(mnli_refusal("d.tsv", "sentence1\tsentence1\tgold_label\n"),
             Contains("d.tsv:1: column 'sentence1' is named twice"));
  CHECK_THAT(mnli_refusal("d.tsv", "sentence1\tsentence2\tGold_Label\na\tb\tneutral\n"),
             Contains("d.tsv:1: column 'Gold_Label' is not known; write it 'gold_label'"));
  CHECK_THAT(mnli_refusal("d.tsv", "sentence1\tsentence2\tgold_label\ra\tb\tneutral\r"),
             Contains("d.tsv:1: lines end in carriage returns alone"));
}

TEST_CASE("MNLI's table is known by its first line, whatever the file's name") {
  const std::string table = "gold_label\tsentence1\tsentence2\tpairID\nneutral\tA \"cat.\tB.\t1n\n";
  TemporaryFolder folder;
  for (const char* name : {"multinli_1.0_dev_matched.txt", "dev.TSV", "dev", "dev.tsv"}) {
    for (const char* before : {"", "\xef\xbb\xbf", "\n"}) {
      INFO(name << " " << before);
      const RecordSet set = read_mnli(put(folder / name, before + table));
      REQUIRE(set.records.size() == 1);
      CHECK(set.records[0].id == "1n");
      CHECK(set.records[0].fields[0] == "A \"cat.");
    }
  }
  // JSON may hold tabs and the same name.
  const auto json = put(folder / "dev.txt",
                        "{\t\"sentence1\": \"a\", \"sentence2\": \"b\", "
                        "\"gold_label\": \"neutral\"}");
  CHECK(read_mnli(json).records.size() == 1);
  for (const char* text : {"gold_label,sentence1,sentence2\n", "premise\thypothesis\n", "x"}) {
    INFO(text);
    CHECK_THAT(mnli_refusal("d.txt", text),
               Contains("d.txt: is neither JSON, which begins with { or [, nor a table whose first "
                        "line names its columns (sentence1, "));
  }
}

TEST_CASE("MNLI's shared files have the official counts", "[slow]") {
  const auto dev = shared_file("data/mnli/dev_matched.jsonl");
  const auto train = shared_file("data/mnli/train.jsonl");
  if (!dev || !train) RANKSCOPE_SKIP("no data/mnli in RANKSCOPE_SHARED");
  const RecordSet set = read_mnli(*dev);
  CHECK(set.records.size() == 9815);
  std::array<std::size_t, 3> counts{};
  for (const Record& record : set.records) ++counts[static_cast<std::size_t>(record.gold)];
  CHECK(counts == std::array<std::size_t, 3>{3479, 3123, 3213});
  CHECK(read_mnli(*train).records.size() == 52275);
}
