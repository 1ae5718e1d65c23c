// The base in the repository: what it is, that it has seen the tokens it is asked for, and that the
// committed settings begin to make it again.
#include <catch2/catch.hpp>
#include <csignal>
#include <map>

#include "common/files.h"
#include "datasets/embedded/set_files.h"
#include "datasets/embedded/world_documents.h"
#include "datasets/prompts/example.h"
#include "datasets/task.h"
#include "datasets/tokenizer/tokenizer.h"
#include "engine/backend/backend.h"
#include "engine/models/config.h"
#include "tests/experiments/program.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

const fs::path kSource = RANKSCOPE_SOURCE_DIR;
const fs::path kBase = kSource / "datasets/embedded/base";

}  // namespace

TEST_CASE("embedded base: a small GPT-2 with its tokenizer") {
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(kBase)) bytes += entry.file_size();
  CHECK(bytes < 4'000'000);
  const ModelShape shape = read_model_shape(kBase);
  CHECK(shape.parameters() > 1'000'000);
  CHECK(shape.parameters() < 2'000'000);
  const Json config = read_json_file(kBase / "config.json");
  CHECK(config.at("n_embd") >= 160);
  CHECK(config.at("n_layer") >= 4);
  CHECK(config.at("n_positions") >= 512);
  const Json record = read_json_file(kBase / "pretrain.json");
  CHECK(record.at("documents").at("seed") == embedded::kWorldSeed);
}

TEST_CASE("embedded base: every token of a target stood in the documents") {
  const Tokenizer tokenizer = Tokenizer::load(kBase);
  std::map<std::int32_t, int> seen;
  const embedded::World world(embedded::kWorldSeed);
  for (std::uint64_t i = 0; i < 20000; ++i)
    for (const std::int32_t id : tokenizer.encode(embedded::world_document(world, i))) ++seen[id];
  for (const char* name : {"wikisql", "mnli", "samsum"}) {
    const Task& task = find_task(name);
    const CompiledTemplate form(task, task.default_template());
    std::map<std::int32_t, int> asked;
    for (const char* split : {"train", "dev"}) {
      const std::string file =
          std::string(name) == "mnli" && std::string(split) == "dev" ? "dev_matched" : split;
      for (const Record& record :
           read_records(task, find_split(task, kSource / "datasets/embedded" / name, file)).records)
        for (const std::int32_t id : tokenizer.encode(make_example(form, record).target))
          ++asked[id];
    }
    CAPTURE(name);
    for (const auto& [id, count] : asked) {
      CAPTURE(tokenizer.decode(std::vector<std::int32_t>{id}), count);
      CHECK(seen[id] >= 5);
    }
  }
}

TEST_CASE("embedded base: its first 50 steps again give the recorded losses", "[slow]") {
  const Json recorded = read_json_file(kSource / "tests/reference/embedded_base_losses.json");
  const TemporaryFolder folder;
  const ProgramResult result =
      run_program({"pretrain", (kSource / "experiments/embedded_base.yaml").string(), "--out",
                   (folder / "out").string(), "--json"},
                  {.signal_after_lines = 50, .signal = SIGINT});
  CHECK(read_text_file(folder / "out/start/tokenizer.json") ==
        read_text_file(kBase / "tokenizer.json"));
  const std::vector<std::string> lines = result.out_lines();
  REQUIRE(lines.size() >= 50);
  const bool same_machine =
      make_cpu_backend(1)->instruction_set() == recorded.at("instruction_set").get<std::string>();
  for (std::size_t i = 0; i < 50; ++i) {
    const double loss = Json::parse(lines[i]).at("loss");
    const double expected = recorded.at("losses").at(i);
    CAPTURE(i);
    if (same_machine) {
      CHECK(loss == expected);
    } else {
      CHECK(loss == Approx(expected).epsilon(1e-4));
    }
  }
}
