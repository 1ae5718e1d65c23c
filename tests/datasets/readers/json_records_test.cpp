// What every JSON reader refuses or bears, shown on the own task's.
#include <catch2/catch.hpp>

#include "common/error.h"
#include "datasets/readers/own.h"
#include "datasets/task.h"
#include "tests/datasets/test_files.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

const std::string kLine = R"({"prompt": "p", "target": "t"})";

RecordSet read(std::string_view text) {
  TemporaryFolder folder;
  return read_own(put(folder / "own.jsonl", text));
}

std::string records_refusal(std::string_view text) {
  return error_text<InputError>([&] { read(text); });
}

}  // namespace

TEST_CASE("an own task is read: choices, references, keys that nothing reads") {
  const RecordSet set = read_own(data_file("own/train.jsonl"));
  REQUIRE(set.records.size() == 3);
  CHECK(set.records[0].id == "a");
  CHECK(set.records[0].choices == std::vector<std::string>{" 3", " 4"});
  CHECK(set.records[0].gold == 1);
  CHECK(set.records[0].references == std::vector<std::string>{" 4"});
  CHECK(set.records[1].id == "train:2");
  CHECK(set.records[1].references == std::vector<std::string>{"Paris", "paris"});
  CHECK(set.records[1].gold == -1);
  CHECK(set.records[2].references == std::vector<std::string>{"Hi"});
  CHECK(set.report.unread_keys == std::vector<std::string>{"sourse"});
  CHECK_THAT(report_text(set.report), Contains("sourse"));
  Json many = {{"prompt", "p"}, {"target", "t"}};
  for (char c = 'a'; c < 'a' + 20; ++c) many[std::string(1, c)] = 0;
  CHECK_THAT(report_text(read(many.dump()).report), Catch::EndsWith(", s, t"));
  many["u"] = 0;
  const RecordSet long_set = read(many.dump());
  CHECK(long_set.report.unread_keys.size() == 20);
  CHECK_THAT(report_text(long_set.report), Catch::EndsWith(", s, t and more"));
  // White space around a text counts for as little as when answers are scored.
  CHECK(read(R"({"prompt": "p", "target": " a", "choices": [" a", " b"], "reference": "a"})")
            .records[0]
            .gold == 0);
}

// Comparing each with each would take minutes.
TEST_CASE("an own entry may have choices and references by the hundred thousand") {
  std::vector<std::string> texts;
  for (int i = 0; i < 200000; ++i) texts.push_back("c" + std::to_string(i));
  const Json entry = {
      {"prompt", "p"}, {"target", texts.front()}, {"choices", texts}, {"references", texts}};
  const RecordSet set = read(entry.dump());
  CHECK(set.records[0].references.size() == texts.size());
  texts.back() = "other";
  Json wrong = entry;
  wrong["references"] = texts;
  CHECK_THAT(records_refusal(wrong.dump()), Contains("'other' is none of the choices"));
}

TEST_CASE("what is wrong in an own task's file is named") {
  CHECK_THAT(records_refusal(kLine + "\n" + R"({"prompt": "p"})"),
             Contains("own.jsonl:2: field 'target': is missing"));
  CHECK_THAT(records_refusal(R"({"prompt": ["p"], "target": "t"})"),
             Contains("own.jsonl:1: field 'prompt': must be a string, not an array"));
  CHECK_THAT(records_refusal(R"({"prompt": "p", "target": "t", "choices": ["a", "b"]})"),
             Contains("field 'target': 't' is none of the choices"));
  CHECK_THAT(records_refusal(R"({"prompt": "p", "target": "t", "choices": ["t"]})"),
             Contains("field 'choices': must be at least two"));
  CHECK_THAT(records_refusal(R"({"prompt": "p", "target": "t", "choices": ["t", "t"]})"),
             Contains("field 'choices': 't' is given twice"));
  CHECK_THAT(records_refusal(R"({"prompt": "p", "target": "t", "choices": ["t", "u", " t\n"]})"),
             Contains("field 'choices': 't' is given twice"));
  for (const char* choices : {R"(["", "t"])", R"(["t", " \t"])"}) {
    CHECK_THAT(records_refusal(R"({"prompt": "p", "target": "t", "choices": )" +
                               std::string(choices) + "}"),
               Contains("field 'choices': one of them is empty"));
  }
  const std::string chosen = R"({"prompt": "p", "target": " a", "choices": [" a", " b"], )";
  CHECK_THAT(records_refusal(kLine + "\n" + chosen + R"("reference": "one"})"),
             Contains("own.jsonl:2: field 'reference': 'one' is none of the choices"));
  CHECK_THAT(records_refusal(chosen + R"("references": ["a", "one"]})"),
             Contains("own.jsonl:1: field 'references': 'one' is none of the choices"));
  CHECK_THAT(records_refusal(R"({"prompt": "p", "target": "t", "references": []})"),
             Contains("field 'references'"));
  CHECK_THAT(
      records_refusal(R"({"prompt": "p", "target": "t", "reference": "a", "references": ["b"]})"),
      Contains("field 'reference': give it or"));
  CHECK_THAT(records_refusal(R"({"id": "", "prompt": "p", "target": "t"})"),
             Contains("field 'id'"));
  CHECK_THAT(records_refusal(R"({"id": 1.5, "prompt": "p", "target": "t"})"),
             Contains("field 'id'"));
  CHECK_THAT(records_refusal(R"({"id": "own:2", "prompt": "p", "target": "t"})" + ("\n" + kLine)),
             Contains("own.jsonl:2: field 'id': 'own:2' is also the id of line 1"));
}

TEST_CASE("broken JSON lines are named by line and column") {
  CHECK_THAT(records_refusal(kLine + "\n" + R"({"prompt": "p", "target": })"),
             Contains("own.jsonl:2:27:"));
  CHECK_THAT(records_refusal(kLine + "\n{\"prompt\": \"p\""), Contains("own.jsonl:2:"));
  CHECK_THAT(records_refusal(kLine + " " + kLine), Contains("own.jsonl:1:"));
  CHECK_THAT(records_refusal(kLine + "\n" + R"("text")"),
             Contains("own.jsonl:2: must be a JSON object, not \"text\""));
  CHECK_THAT(records_refusal(R"({"prompt": "p", "target": "t", "prompt": "p"})"),
             Contains("own.jsonl:1: field 'prompt': is given twice"));
  CHECK_THAT(records_refusal("{\"prompt\": \"\xff\", \"target\": \"t\"}"),
             Contains("own.jsonl:1:"));
  CHECK_THAT(records_refusal(R"({"prompt": "\ud800", "target": "t"})"), Contains("own.jsonl:1:"));
  CHECK_THAT(records_refusal("{\"prompt\": \"a\tb\", \"target\": \"t\"}"),
             Contains("own.jsonl:1:"));
  CHECK_THAT(
      records_refusal(R"({"prompt": "p", "target": "t", "x": 123456789012345678901234567890})"),
      Contains("own.jsonl:1: holds a number beyond 64 bits; write it as a text"));
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  CHECK_THAT(records_refusal(R"({"prompt": "p", "target": "t", "x": )" + deep + "}"),
             Contains("own.jsonl:1:"));
}

TEST_CASE("empty files, marks, line ends and long lines") {
  CHECK_THAT(records_refusal(""), Contains("own.jsonl: is empty"));
  CHECK_THAT(records_refusal(" \r\n\n"), Contains("own.jsonl: is empty"));
  CHECK_THAT(records_refusal("\xef\xbb\xbf"), Contains("own.jsonl: is empty"));
  CHECK_THAT(records_refusal("\xff\xfe{\0"), Contains("is UTF-16"));
  CHECK(read("\xef\xbb\xbf" + kLine).records.size() == 1);
  const RecordSet set = read(kLine + "\r\n\r\n" + kLine);  // the last line has no end
  CHECK(set.records.size() == 2);
  CHECK(set.records[1].id == "own:3");
  CHECK(set.report.blank_lines == 1);
  const std::string megabyte(1 << 20, 'x');
  const RecordSet large =
      read(R"({"prompt": ")" + megabyte + R"(", "target": "t"})" + "\n" + kLine);
  REQUIRE(large.records.size() == 2);
  CHECK(large.records[0].fields[0] == megabyte);
  const std::string huge(std::size_t{16} << 20, 'x');
  CHECK_THAT(records_refusal(kLine + "\n" + R"({"prompt": ")" + huge + R"(", "target": "t"})"),
             Contains("own.jsonl:2: an object of more than"));
  std::string many = R"({"prompt": "p", "target": "t")";
  for (int i = 0; i < 300; ++i) many += ", \"k" + std::to_string(i) + "\": 0";
  CHECK_THAT(records_refusal(many + "}"), Contains("own.jsonl:1: more than 256 keys"));
}

TEST_CASE("entries without an id are told apart by their line, in an array by their place") {
  const auto ids = [](const RecordSet& set) {
    std::vector<std::string> all;
    for (const Record& record : set.records) all.push_back(record.id);
    return all;
  };
  const std::vector<std::string> array{"own:1", "own:2", "own:3"};
  CHECK(ids(read("[" + kLine + "," + kLine + "," + kLine + "]")) == array);
  CHECK(ids(read("[\n\n" + kLine + ",\n" + kLine + ",\n\n" + kLine + "\n]\n")) == array);
  CHECK(ids(read(kLine + "\n\n" + kLine)) == std::vector<std::string>{"own:1", "own:3"});
}

TEST_CASE("a file that is missing, or holds nothing to use, is refused") {
  TemporaryFolder folder;
  CHECK_THAT(error_text<InputError>([&] { read_own(folder / "none.jsonl"); }),
             Contains("none.jsonl"));
  const auto path = put(folder / "s.json", R"([{"id": "1", "dialogue": "", "summary": "s"}])");
  CHECK_THAT(error_text<InputError>([&] { read_records(find_task("samsum"), path); }),
             Contains("no example to use") && Contains("empty dialogue"));
  const auto none = put(folder / "n.json", "[]");
  CHECK_THAT(error_text<InputError>([&] { read_records(find_task("samsum"), none); }),
             Contains("no example to use"));
}

TEST_CASE("tasks and splits are found by name") {
  CHECK(find_task("mnli").name == "mnli");
  CHECK_THAT(error_text<InputError>([] { find_task("wikisq"); }),
             Contains("did you mean 'wikisql'?"));
  const Task& mnli = find_task("mnli");
  CHECK(find_split(mnli, data_file("mnli"), "train").filename() == "train.tsv");
  CHECK(find_split(mnli, data_file("mnli"), "dev_matched").filename() ==
        "multinli_1.0_dev_matched.jsonl");
  CHECK(find_split(find_task("samsum"), data_file("samsum"), "dev").filename() == "val.jsonl");
  CHECK_THAT(error_text<InputError>([&] { find_split(mnli, data_file("mnli"), "dev"); }),
             Contains("no split 'dev' of mnli") && Contains("dev.tsv"));
}

TEST_CASE("the report as JSON holds files, counts and reasons") {
  const RecordSet set =
      find_task("samsum").read(SourceText(data_file("samsum/train.json")), {}, {});
  const OrderedJson json = report_json(set.report);
  CHECK(json["read"] == 2);
  CHECK(json["skipped"]["empty dialogue"]["count"] == 1);
  CHECK(json["files"][0]["sha256"].get<std::string>().size() == 64);
}
