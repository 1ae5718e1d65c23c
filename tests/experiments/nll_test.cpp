// `nll` and `info` as a user runs them.
#include <catch2/catch.hpp>

#include "common/json.h"
#include "experiments/environment.h"
#include "experiments/program_version.h"
#include "tests/engine/models/model_folder.h"
#include "tests/experiments/program.h"
#include "tests/skip.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

std::vector<std::string> nll_command(const std::string& model) {
  const std::filesystem::path folder = golden_folder(model);
  return {"nll", "--json", "--model", folder.string(), "--data", (folder / "batch.jsonl").string()};
}

double total(const ProgramResult& result) {
  double sum = 0;
  for (const std::string& line : result.out_lines())
    sum += Json::parse(line).at("nll").get<double>();
  return sum;
}

}  // namespace

TEST_CASE("nll prints the same bytes whatever the batch and the threads") {
  for (const std::string model : {"gpt2_tied", "llama_gqa"}) {
    INFO(model);
    const ProgramResult reference = run_with(nll_command(model), {"--threads", "1"});
    REQUIRE(reference.exit_code == 0);
    const std::vector<std::string> lines = reference.out_lines();
    REQUIRE(lines.size() >= 2);
    for (size_t i = 0; i < lines.size(); ++i) {
      const Json line = Json::parse(lines[i]);
      CHECK(line.size() == 3);
      CHECK(line.at("index") == i);
      CHECK(line.at("tokens") > 0);
      CHECK(line.at("nll") > 0);
    }
    for (const char* tokens : {"1", "7", "20", "100000"}) {
      for (const char* threads : {"1", "2", "4"}) {
        INFO(tokens << " tokens, " << threads << " threads");
        CHECK(run_with(nll_command(model), {"--micro-batch-tokens", tokens, "--threads", threads})
                  .out == reference.out);
      }
    }
  }
}

TEST_CASE("nll reads an adapter of PEFT") {
  const std::filesystem::path adapter =
      std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/peft/gpt2_c_attn";
  const Json expected = read_json_file(adapter / "nll.json");
  const ProgramResult result =
      run_with(nll_command("gpt2_tied"), {"--threads", "1", "--adapter", adapter.string()});
  REQUIRE(result.exit_code == 0);
  const std::vector<std::string> lines = result.out_lines();
  REQUIRE(lines.size() == expected.at("nll").size());
  for (size_t i = 0; i < lines.size(); ++i)
    CHECK(Json::parse(lines[i]).at("nll").get<double>() ==
          Approx(expected.at("nll").at(i).get<double>()).epsilon(1e-5));
}

TEST_CASE("nll of an adapter that train wrote is the loss that train reported") {
  for (const std::string method : {"none", "lora", "bitfit", "full"}) {
    INFO(method);
    TemporaryFolder folder;
    const std::filesystem::path model = golden_folder("gpt2_tied");
    const std::string data = (model / "batch.jsonl").string();
    const std::string same = (folder / "same.jsonl").string();
    write_file_atomically(same, read_bytes(data) + "\n");  // a copy is refused
    const std::filesystem::path out = folder / "out";
    const ProgramResult trained =
        run_program({"train", "--model", model.string(), "--data", data, "--eval-data", same,
                     "--eval-every", "12", "--method", method, "--set", "lr=1e-2", "--steps", "12",
                     "--threads", "1", "--out", out.string()});
    INFO(trained.err);
    REQUIRE(trained.exit_code == 0);
    const std::string curve = read_bytes(out / "curve.jsonl");
    const Json last = Json::parse(curve.substr(curve.rfind('{')));

    const ProgramResult base = run_with(nll_command("gpt2_tied"), {"--threads", "1"});
    const ProgramResult adapted = run_with(
        nll_command("gpt2_tied"), {"--threads", "1", "--adapter", (out / "adapter").string()});
    INFO(adapted.err);
    REQUIRE(adapted.exit_code == 0);
    int64_t tokens = 0;
    for (const std::string& line : adapted.out_lines())
      tokens += Json::parse(line).at("tokens").get<int64_t>();
    // Nine digits were printed of each line.
    CHECK(total(adapted) / static_cast<double>(tokens) ==
          Approx(last.at("eval_loss").get<double>()).epsilon(1e-8));
    if (method == "none") {
      CHECK(adapted.out == base.out);
    } else {
      CHECK(total(adapted) < total(base));
    }
  }
}

TEST_CASE("nll reads standard input, and names the task of a task's file") {
  const std::filesystem::path model = golden_folder("gpt2_tied");
  const std::vector<std::string> command{"nll",    "--json", "--model",   model.string(),
                                         "--data", "-",      "--threads", "1"};
  const ProgramResult streamed = run_program(command, {.in_file = model / "batch.jsonl"});
  INFO(streamed.err);
  CHECK(streamed.exit_code == 0);
  CHECK(streamed.out == run_with(nll_command("gpt2_tied"), {"--threads", "1"}).out);

  const TemporaryFolder folder;
  for (const auto& [line, task] : std::vector<std::pair<const char*, std::string>>{
           {R"({"prompt": "2 + 2 =", "target": " 4"})", "own"},
           {R"({"question": "Who?", "table_id": "1-1", "sql": {}})", "wikisql"},
           {R"({"sentence1": "a", "sentence2": "b"})", "mnli"},
           {R"({"dialogue": "a: b", "summary": "c"})", "samsum"}}) {
    write_file_atomically(folder / "dev.jsonl", line);
    check_refused(run_program(command, {.in_file = folder / "dev.jsonl"}),
                  "/dev/stdin:1: field 'prompt_ids': is missing; give --task " + task +
                      " if this is a task's file");
  }
  write_file_atomically(folder / "dev.jsonl", R"({"text": "a"})");
  const ProgramResult other = run_program(command, {.in_file = folder / "dev.jsonl"});
  check_refused(other, "field 'prompt_ids': is missing");
  CHECK_THAT(other.err, !Catch::Contains("--task"));
}

TEST_CASE("output that cannot be written is a fault of the machine") {
  if (!std::filesystem::exists("/dev/full")) RANKSCOPE_SKIP("no /dev/full");
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           nll_command("gpt2_tied"), {"--help"}, {"nll", "--help"}}) {
    const ProgramResult result = run_program(command, {.out_file = "/dev/full"});
    INFO(result.err);
    CHECK(result.exit_code == 3);
    CHECK(result.err_lines().size() == 1);
    CHECK_THAT(result.err, Catch::StartsWith("rankscope: cannot write to standard output"));
  }
}

TEST_CASE("info needs config.json alone") {
  TemporaryFolder folder;
  std::filesystem::copy(golden_folder("llama_gqa") / "config.json", folder / "config.json");
  const ProgramResult result = run_program({"info", folder.path().string(), "--method", "lora",
                                            "--set", "rank=4", "--set", "targets=Wq", "--json"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const Json info = Json::parse(result.out);
  const int64_t width = info.at("width"), heads = info.at("heads"), head = info.at("head_dim");
  const int64_t layers = info.at("layers");
  CHECK(info.at("trainable_parameters") == layers * 4 * (width + heads * head));
  CHECK(names_below(folder.path()) == std::vector<std::string>{"config.json"});
}

TEST_CASE("info takes its model as a word or by its option, and asks for neither in the help") {
  const std::string model = golden_folder("gpt2_tied").string();
  const ProgramResult word = run_program({"info", model});
  CHECK(word.exit_code == 0);
  CHECK(run_program({"info", "--model", model}).out == word.out);
  CHECK_THAT(run_program({"info", "--help"}).out, !Catch::Contains("REQUIRED"));
  check_refused(run_program({"info", "--json"}), "--model is required");
}

TEST_CASE("help ends with success and lists the subcommands") {
  const ProgramResult result = run_program({"--help"});
  CHECK(result.exit_code == 0);
  for (const char* command : {"train", "nll", "info", "doctor"})
    CHECK_THAT(result.out, Catch::Contains(command));
}

TEST_CASE("the program says which it is") {
  const ProgramResult result = run_program({"--version"});
  CHECK(result.exit_code == 0);
  CHECK(result.out == program_text() + "\n");
  CHECK_THAT(result.out,
             Catch::StartsWith("rankscope " + program_version() + ", numeric version "));
}
