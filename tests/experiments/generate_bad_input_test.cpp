// Prompts and options that `generate` refuses: one line that names file, line and field.
#include <catch2/catch.hpp>

#include "tests/experiments/program.h"
#include "tests/experiments/text_model.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

// A prompt file of this text beside a model with a tokenizer, and the words behind the command.
struct BadPrompts {
  std::string text, expected;
  std::vector<std::string> more = {};
};

std::string repeated(const std::string& unit, size_t count, const std::string& between = "") {
  std::string text = unit;
  for (size_t i = 1; i < count; ++i) text += between + unit;
  return text;
}

class PromptScene {
 public:
  ProgramResult generate(const std::string& prompts, const std::vector<std::string>& more) const {
    write_file_atomically(file(), prompts);
    return run_with(command(), more);
  }
  std::vector<std::string> command() const {
    return {"generate", "--json",      "--threads", "1",
            "--model",  model_.path(), "--prompts", file().string()};
  }
  std::filesystem::path file() const { return folder_ / "p.jsonl"; }
  TextModel& model() { return model_; }
  const TextModel& model() const { return model_; }

 private:
  TextModel model_;
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("generate continues texts of the command line, which count from 1") {
  const TextModel model;
  const std::vector<std::string> command{"generate", "--json",  "--threads",
                                         "1",        "--model", model.path()};
  const auto run = [&](const std::vector<std::string>& more) {
    const ProgramResult result = run_with(command, more);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return json_lines(result);
  };
  const std::vector<Json> got =
      run({"--prompt", "one two", "--prompt", "[three, four]", "--max-new", "3"});
  REQUIRE(got.size() == 2);
  CHECK(got[0].at("id") == 1);
  CHECK(got[1].at("id") == 2);
  const TemporaryFolder folder;
  write_file_atomically(folder / "p.jsonl", std::string("{\"prompt\": \"one two\"}\n"
                                                        "{\"prompt\": \"[three, four]\"}\n"));
  const std::vector<Json> read =
      run({"--prompts", (folder / "p.jsonl").string(), "--max-new", "3"});
  for (size_t i = 0; i < 2; ++i) CHECK(got[i].at("ids") == read[i].at("ids"));
  check_refused(run_with(command, {"--prompt", "one", "--max-new", "100000"}),
                "--prompt: field 'prompt': ");
  const std::string longer = repeated("one ", 3);
  CHECK(run({"--prompt", longer, "--max-prompt", "2", "--max-new", "1"}).size() == 1);
  const ModelFolder bare("gpt2_tied");
  check_refused(run_with({"generate", "--model", bare.path().string()}, {"--prompt", "one"}),
                "--prompt: the model's folder has no tokenizer.json; give --prompts FILE");
}

TEST_CASE("generate refuses prompts by file, line and field, before it prints anything") {
  const PromptScene scene;
  const std::string good = R"({"id": "a", "prompt": "one"})"
                           "\n";
  const std::string long_ids = "[" + repeated("5", 500, ",") + "]";
  for (const BadPrompts& bad : std::vector<BadPrompts>{
           {"", "p.jsonl: holds no prompts"},
           {"\n \n", "p.jsonl: holds no prompts"},
           {good + "{\"id\": \"b\", \"prompt\": \"t", "p.jsonl:2:"},
           {"Once upon a time\n",
            "p.jsonl:1:1: syntax error while parsing value - invalid literal; last read: 'O'; give "
            "lines of {\"id\", \"prompt\"}"},
           {good + "[1, 2]",
            "p.jsonl:2: must be a JSON object, not an array; give lines of {\"id\", \"prompt\"}"},
           {good + "null", "p.jsonl:2: must be a JSON object"},
           {good + "{\"id\": \"b\", \"prompt\": \"\xff\"}", "p.jsonl:2:"},
           {good + R"({"id": "b", "prompt": "\ud800"})", "p.jsonl:2:"},
           {good + R"({"id": "b"})", "p.jsonl:2: field 'prompt': is missing"},
           {good + R"({"id": "b", "prompt": null})", "p.jsonl:2: field 'prompt': is missing"},
           {good + R"({"id": "b", "prompt": 5})", "p.jsonl:2: field 'prompt': must be a string"},
           {good + R"({"id": "b", "prompt_ids": "5"})",
            "p.jsonl:2: field 'prompt_ids': must be an array"},
           {good + R"({"id": "b", "prompt_ids": [1.5]})", "p.jsonl:2: field 'prompt_ids[0]'"},
           {good + R"({"id": "b", "prompt_ids": []})",
            "p.jsonl:2: field 'prompt_ids': has no token"},
           {good + R"({"id": "b", "prompt_ids": [800]})",
            "p.jsonl:2: field 'prompt_ids': token id 800 is outside the model's vocabulary of 800"},
           {good + R"({"id": "b", "prompt_ids": [-1]})",
            "p.jsonl:2: field 'prompt_ids': token id -1 is outside"},
           {good + R"({"id": "b", "prompt_ids": [4294967297]})",
            "p.jsonl:2: field 'prompt_ids': token id 4294967297 is outside"},
           {good + R"({"id": [], "prompt": "x"})", "p.jsonl:2: field 'id': must be a text"},
           {good + R"({"id": 1.5, "prompt": "x"})", "p.jsonl:2: field 'id': must be a text"},
           {good + R"({"id": "", "prompt": "x"})", "p.jsonl:2: field 'id': must not be empty"},
           {good + R"({"id": "b", "prompt": "x", "choises": ["y", "z"]})",
            "p.jsonl:2: field 'choises': is not known; did you mean 'choices'?"},
           {good + good, "p.jsonl:2: field 'id': 'a' is also the id of line 1"},
           {R"({"id": 1, "prompt": "x"})"
            "\n\n"
            R"({"id": "1", "prompt": "x"})",
            "p.jsonl:3: field 'id': '1' is also the id of line 1"},
           {good + R"({"id": "b", "id": "c", "prompt": "x"})", "is given twice"},
           {good + R"({"id": "b", "prompt_ids": )" + long_ids + "}",
            "p.jsonl:2: field 'prompt_ids': 500 tokens and 64 behind them are more than the "
            "model's context, 512; shorten it, or cut prompts with --max-prompt 448"},
           {good + R"({"id": "b", "prompt": ")" + repeated("word ", 500) + "\"}",
            "p.jsonl:2: field 'prompt': "},
           {good, "are more than the model's context, 512; lower --max-new", {"--max-new", "512"}},
           {good + R"({"id": "b", "prompt": "x", "choices": ["y"]})",
            "p.jsonl:2: field 'choices': must hold at least two texts"},
           {good + R"({"id": "b", "prompt": "x", "choices": []})",
            "p.jsonl:2: field 'choices': must hold at least two texts"},
           {good + R"({"id": "b", "prompt": "x", "choices": ["y", 1]})",
            "p.jsonl:2: field 'choices': must hold texts, not 1"},
           {good + R"({"id": "b", "prompt": "x", "choices": "yz"})",
            "p.jsonl:2: field 'choices': must be an array"},
           {good + R"({"id": "b", "prompt": "x", "choices": ["y", "z", "y"]})",
            "p.jsonl:2: field 'choices': \"y\" is given twice"},
           {good, "--max-new", {"--max-new", "0"}},
           {good, "--beams", {"--beams", "0"}},
           {good, "--beams", {"--beams", "1001"}},
           {good, "--length-penalty", {"--length-penalty", "nan"}},
           {good, "--in-flight", {"--in-flight", "0"}},
           {good, "token id 800 is outside", {"--stop", "800"}},
           {good, "tokens to this tokenizer, not one", {"--stop", "good night"}},
           {good, "tokens to this tokenizer, not one", {"--end-token", "good night"}},
           {good, "--end-token", {"--end-token", ""}},
           {good, "--limit requires --task", {"--limit", "1"}},
           {good, "--max-tokens requires --task", {"--max-tokens", "100"}},
           {good, "--template requires --task", {"--template", "prompt={prompt}"}},
           {good, "--split requires --task", {"--split", "train"}},
           {good, "--unmerged requires --adapter", {"--unmerged"}},
           {good,
            "give one of --prompts FILE, --prompt TEXT, and --task NAME",
            {"--task", "own", "--data", "x.jsonl"}},
           {good, "give one of --prompts FILE, --prompt TEXT", {"--prompt", "one"}},
       }) {
    check_refused(scene.generate(bad.text, bad.more), bad.expected);
  }
  std::filesystem::remove(scene.file());
  check_refused(run_program(scene.command()), "p.jsonl': No such file or directory");
  std::filesystem::create_directory(scene.file());
  check_refused(run_program(scene.command()), "p.jsonl': Is a directory");
}

// Comparing each with each would take minutes.
TEST_CASE("generate finds a choice that is given twice among two hundred thousand") {
  std::vector<std::string> choices;
  for (int i = 0; i < 200000; ++i) choices.push_back(" c" + std::to_string(i));
  choices.push_back(choices.back());
  const Json prompt = {{"prompt", "x"}, {"choices", choices}};
  check_refused(PromptScene().generate(prompt.dump(), {}),
                "p.jsonl:1: field 'choices': \" c199999\" is given twice");
}

TEST_CASE("generate needs a tokenizer for text, and an end token for choices") {
  PromptScene scene;
  const std::string choice = R"({"id": "a", "prompt": "x", "choices": ["y", "z"]})";
  scene.model().folder().change_config([](Json& config) { config.erase("eos_token_id"); });
  check_refused(scene.generate(choice, {}), "p.jsonl:1: field 'choices': ");
  CHECK(scene.generate(choice, {"--end-token", "</s>"}).exit_code == 0);

  std::filesystem::remove(scene.model().folder().path() / "tokenizer.json");
  check_refused(scene.generate(R"({"id": "a", "prompt": "x"})", {}),
                "p.jsonl:1: field 'prompt': is text, but the model's folder has no tokenizer.json");
  check_refused(
      scene.generate(R"({"id": "a", "prompt_ids": [1], "choices": ["y", "z"]})", {}),
      "p.jsonl:1: field 'choices': is text, but the model's folder has no tokenizer.json");
  check_refused(scene.generate(R"({"id": "a", "prompt_ids": [1]})", {"--stop", "x"}),
                "no tokenizer.json");
  check_refused(run_program({"generate", "--model", scene.model().path(), "--task", "own", "--data",
                             scene.file().string()}),
                "--task: the model's folder has no tokenizer.json");
}

TEST_CASE("generate reads prompt files with odd ends") {
  const PromptScene scene;
  const std::string line = R"({"id": "a", "prompt": "one"})";
  const ProgramResult plain = scene.generate(line + "\n", {});
  REQUIRE(plain.exit_code == 0);
  CHECK(plain.out_lines().size() == 1);
  for (const std::string& odd : {line, "\xef\xbb\xbf" + line + "\r\n", "\n" + line + "\n \n"})
    CHECK(scene.generate(odd, {}).out == plain.out);
  // A line of a megabyte, cut to what fits.
  const ProgramResult large = scene.generate(
      R"({"id": "a", "prompt": ")" + repeated("word ", 210'000) + "\"}", {"--max-prompt", "20"});
  CHECK(large.exit_code == 0);
  CHECK(large.out_lines().size() == 1);
}

TEST_CASE("generate reads a prompt file whose name is no UTF-8") {
  const PromptScene scene;
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "p\xff.jsonl";
  write_file_atomically(file, R"({"prompt": "one"})");
  const std::vector<std::string> command = {"generate",  "--model",     scene.model().path(),
                                            "--prompts", file.string(), "--max-new",
                                            "1",         "--threads",   "1"};
  const ProgramResult plain = run_program(command);
  INFO(plain.err);
  CHECK(plain.exit_code == 0);
  CHECK(plain.out.starts_with(R"("p\\xff:1": )"));
  CHECK(json_lines(run_with(command, {"--json"})).at(0).at("id") == R"(p\xff:1)");
}

TEST_CASE("generate names a tokenizer and an adapter that are not the model's") {
  PromptScene scene;
  const std::string prompt = R"({"id": "a", "prompt": "The night"})";
  check_refused(scene.generate(prompt, {"--adapter",
                                        RANKSCOPE_SOURCE_DIR "/tests/reference/peft/gpt2_c_attn"}),
                "check that the adapter belongs to the model");
  // Too few rows for what the tokenizer gives.
  scene.model().folder().change_config([](Json& config) { config["vocab_size"] = 300; });
  scene.model().folder().change_tensors([](OwnedTensors& tensors) {
    OwnedTensor& embedding = tensors.at("model.embed_tokens.weight");
    embedding.bytes.resize(embedding.bytes.size() / 800 * 300);
    embedding.shape[0] = 300;
  });
  check_refused(scene.generate(prompt, {}), "is the tokenizer another model's?");
  const std::filesystem::path file = scene.model().folder().path() / "tokenizer.json";
  write_file_atomically(file, "{\"version\": \"1.0\", ");
  check_refused(scene.generate(prompt, {}), "tokenizer.json:1:");
}
