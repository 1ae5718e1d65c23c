// `world` as a user runs it.
#include <catch2/catch.hpp>

#include "tests/datasets/test_files.h"
#include "tests/experiments/program.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

TEST_CASE("world writes its sets into a new folder and names each file") {
  const TemporaryFolder folder;
  const std::vector<Json> lines =
      json_lines(run_program({"world", "--out", (folder / "sets").string(), "--documents", "1",
                              "--overlap", "10", "--json"}));
  REQUIRE(lines.size() >= 14);
  for (std::size_t i = 0; i < 12; ++i)
    CHECK(std::filesystem::exists(folder / "sets" / lines[i].at("file").get<std::string>()));
  CHECK(lines[1] == Json{{"file", "wikisql/train.jsonl"}, {"entries", 4000}});
  CHECK(lines[12].contains("text"));
  CHECK(lines[13].at("documents") == 10);
  CHECK(lines[13].at("runs") > 0);
}

TEST_CASE("world replaces no file") {
  const TemporaryFolder folder;
  const std::filesystem::path data = folder / "data";
  std::filesystem::create_directories(data / "wikisql");
  put(data / "wikisql" / "train.jsonl", "the official release");
  check_refused(run_program({"world", "--out", data.string(), "--documents", "1"}),
                "File exists; give another --out folder");
  CHECK(names_below(folder.path()) ==
        std::vector<std::string>{"data", "data/wikisql", "data/wikisql/train.jsonl"});
  CHECK(read_bytes(data / "wikisql" / "train.jsonl") == "the official release");
}
