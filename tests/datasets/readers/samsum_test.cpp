#include "datasets/readers/samsum.h"

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

std::string samsum_refusal(std::string_view text) {
  TemporaryFolder folder;
  const auto path = put(folder / "s.json", text);
  return error_text<InputError>([&] { read_samsum(path); });
}

}  // namespace

TEST_CASE("SAMSum's array is read; the empty dialogue is skipped and counted") {
  const RecordSet set = read_samsum(data_file("samsum/train.json"));
  REQUIRE(set.records.size() == 2);
  CHECK(set.records[0].id == "901");
  CHECK(set.records[0].line == 2);
  CHECK(set.records[0].fields[0] ==
        "Ida: I have \"bread\" {two loaves}]\nJon: Great!\nIda: See you at six");
  CHECK(set.records[1].id == "903");
  CHECK(set.records[1].line == 12);
  CHECK(set.records[1].fields[1] == "Kai is late.\nLea waits.");
  CHECK(set.records[1].references == std::vector<std::string>{"Kai is late.\nLea waits."});
  REQUIRE(set.report.skipped.size() == 1);
  CHECK(set.report.skipped[0].reason == "empty dialogue");
  CHECK_THAT(set.report.skipped[0].first.at(0), Contains("train.json:7"));
}

TEST_CASE("SAMSum as JSON Lines") {
  const RecordSet set = read_samsum(data_file("samsum/val.jsonl"));
  REQUIRE(set.records.size() == 2);
  CHECK(set.records[0].fields[0] == "Mo: hi\nNa: hello");
  CHECK(set.records[1].id == "912");
}

TEST_CASE("what is wrong in SAMSum's files is named by file, line and field") {
  const std::string one = R"({"id": "1", "dialogue": "d", "summary": "s"})";
  CHECK_THAT(samsum_refusal("[" + one + ",\n" + R"({"id": "2", "summary": "s"}])"),
             Contains("s.json:2: field 'dialogue': is missing"));
  CHECK_THAT(samsum_refusal("[" + one + ",\n\n" + one + "]"),
             Contains("s.json:3: field 'id': '1' is also the id of line 1"));
  CHECK_THAT(samsum_refusal("[" + one + ",\n"), Contains("s.json:2: the array is not closed"));
  CHECK_THAT(samsum_refusal("[\n" + one), Contains("s.json:2: the array is not closed"));
  CHECK_THAT(samsum_refusal("[\n{\"id\": \"1\", \"dialogue\": \"d"),
             Contains("s.json:2: the object that begins here is not closed"));
  CHECK_THAT(samsum_refusal("[" + one + "] x"), Contains("s.json:1: text after the array's end"));
  CHECK_THAT(samsum_refusal("[" + one + "\n" + one + "]"), Contains("s.json:2: a ',' or ']'"));
  CHECK_THAT(samsum_refusal("[1]"), Contains("s.json:1: an array's element must be an object"));
  CHECK_THAT(samsum_refusal("[{\n\"id\": \"1\",\n\"dialogue\": d, \"summary\": \"s\"}]"),
             Contains("s.json:3:"));
}

TEST_CASE("SAMSum's shared files have the corpus' counts", "[slow]") {
  const auto train = shared_file("data/samsum/train.json");
  const auto val = shared_file("data/samsum/val.json");
  if (!train || !val) RANKSCOPE_SKIP("no data/samsum in RANKSCOPE_SHARED");
  const RecordSet set = read_samsum(*train);
  CHECK(set.records.size() == 14731);  // 14,732 less the empty dialogue
  CHECK(set.report.skipped_total() == 1);
  CHECK(read_samsum(*val).records.size() == 818);
}
