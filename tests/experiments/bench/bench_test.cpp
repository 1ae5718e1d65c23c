// What the benchmarks' tables rest on: peers that fail, commands that fail, inputs that are kept.
#include <catch2/catch.hpp>
#include <cstdlib>

#include "common/error.h"
#include "common/files.h"
#include "tests/bench/bench_inputs.h"
#include "tests/bench/command_table.h"
#include "tests/bench/made_once.h"
#include "tests/bench/shared_data.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::bench;
using Catch::Contains;
using rankscope::tests::error_text;
using rankscope::tests::TemporaryFolder;

TEST_CASE("a peer that fails costs its own row of a benchmark's table, which says why") {
  const TemporaryFolder folder;
  Table table(folder / "table.json");
  CHECK_FALSE(table.with_peer("first", [] { run_peer("false", "rouge_speed.py", ""); }));
  CHECK_FALSE(table.with_peer("second", [] { Json::object().at("rate").get<double>(); }));
  CHECK(table.with_peer("third", [&] { table.row("third", 2, 1, 3); }));
  CHECK(table.finish() == 1);
  const Json rows = read_json_file(folder / "table.json");
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].at("work") == "first");
  CHECK_THAT(rows[0].at("error").get<std::string>(), Contains("rouge_speed.py"));
  CHECK_THAT(rows[1].at("error").get<std::string>(), Contains("rate"));
  CHECK(rows[2].at("measured") == 2);
}

TEST_CASE("a command that fails after it has printed is no measurement") {
  CHECK(run_command("echo '{\"a\": 1}'").back().value.at("a") == 1);
  CHECK_THAT(error_text<MachineError>([] { run_command("echo '{}'; exit 1"); }),
             Contains("fails: echo") && Contains("run it to see why"));
  CHECK_THAT(error_text<MachineError>([] { run_command("true"); }), Contains("no output"));
}

TEST_CASE("a benchmark's input is made anew where what it is made from has changed") {
  const TemporaryFolder folder;
  int made = 0;
  const auto make = [&](const std::string& content) {
    make_once(folder / "input", content, [&] {
      CHECK_FALSE(is_there(folder / "input"));
      ++made;
      std::filesystem::create_directory(folder / "input");
      write_file_atomically(folder / "input/file", content);
    });
  };
  make("rank 64");
  make("rank 64");
  CHECK(made == 1);
  make("rank 32");
  CHECK(made == 2);
  CHECK(read_text_file(folder / "input/file") == "rank 32");
  // One that was interrupted.
  std::filesystem::remove(folder / "input.made_from");
  make("rank 32");
  CHECK(made == 3);
}

TEST_CASE("a benchmark's token file follows lengths.json") {
  const TemporaryFolder folder;
  const std::filesystem::path file = token_file(folder.path(), "stories3m", "mnli");
  const std::string whole = read_text_file(file);
  write_file_atomically(file, "kept\n");
  CHECK(read_text_file(token_file(folder.path(), "stories3m", "mnli")) == "kept\n");
  write_file_atomically(file.string() + ".made_from", "other lengths");
  CHECK(read_text_file(token_file(folder.path(), "stories3m", "mnli")) == whole);
}

TEST_CASE("the benchmarks' shared files are named by absolute paths") {
  const char* set = std::getenv("RANKSCOPE_SHARED");
  const std::string before = set != nullptr ? set : "";
  setenv("RANKSCOPE_SHARED", "shared", 1);
  CHECK(shared_data("wikisql").is_absolute());
  CHECK(shared_model("stories3m").is_absolute());
  if (set != nullptr)
    setenv("RANKSCOPE_SHARED", before.c_str(), 1);
  else
    unsetenv("RANKSCOPE_SHARED");
}
