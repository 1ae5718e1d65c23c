// Which of a split's examples are read.
#include "experiments/task_examples.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "common/error.h"
#include "common/files.h"
#include "engine/methods/method.h"
#include "tests/datasets/test_files.h"
#include "tests/error_text.h"
#include "tests/shared_files.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

BaseTokenizer base_tokenizer(const std::filesystem::path& folder, std::int64_t vocabulary) {
  ModelConfig config;
  config.vocabulary = vocabulary;
  return BaseTokenizer(folder, config);
}

const std::filesystem::path kLlama2 =
    std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/tokenizers/llama2";

ModelConfig llama2_config(std::int64_t context) {
  ModelConfig config;
  config.vocabulary = 800;
  config.context = context;
  config.eos_ids = {2};
  return config;
}

DataSource own_source(const TemporaryFolder& folder) {
  DataSource source;
  source.task = "own";
  source.data = folder.path();
  return source;
}

// By the default template of every task, targets and choices.
void check_as_in_whole_text(const BaseTokenizer& tokenizer) {
  const std::pair<const char*, const char*> files[] = {{"wikisql", "wikisql/dev.jsonl"},
                                                       {"mnli", "mnli/train.tsv"},
                                                       {"samsum", "samsum/train.json"},
                                                       {"own", "own/train.jsonl"}};
  for (const auto& [name, file] : files) {
    const Task& task = find_task(name);
    const CompiledTemplate form(task, task.default_template());
    for (const Record& record : read_records(task, data_file(file)).records) {
      const Example example = make_example(form, record);
      std::vector<std::string> targets = example.choices;
      targets.push_back(example.target);
      for (const std::string& target : targets) {
        INFO(name << ": " << example.prompt << "|" << target);
        std::vector<std::int32_t> ids = tokenizer.encode(example.prompt, Part::kPrompt);
        for (const std::int32_t id : tokenizer.encode(target, Part::kContinuation))
          ids.push_back(id);
        CHECK(ids == tokenizer.encode(example.prompt + target, Part::kPrompt));
      }
    }
  }
}

}  // namespace

TEST_CASE("a target behind its prompt has the tokens that it has in the whole text") {
  check_as_in_whole_text(base_tokenizer(kLlama2, 800));
  const auto stories = shared_file("models/stories3m");
  if (!stories) RANKSCOPE_SKIP("no models/stories3m in RANKSCOPE_SHARED");
  check_as_in_whole_text(base_tokenizer(*stories, 4096));
}

TEST_CASE("an end token is given as it stands inside a text") {
  const BaseTokenizer tokenizer = base_tokenizer(kLlama2, 800);
  CHECK(tokenizer.single_token("\n") == tokenizer.single_token("<0x0A>"));
  CHECK(tokenizer.single_token(" t") == tokenizer.single_token("▁t"));
}

TEST_CASE("skip leaves out the first examples, limit counts those behind them") {
  const TemporaryFolder folder;
  std::ofstream file(folder / "train.jsonl");
  for (int i = 0; i < 5; ++i) {
    file << "{\"id\": \"e" << i << "\", \"prompt\": \"a\", \"target\": \" b\"}\n";
  }
  file.close();
  ModelConfig config;
  config.vocabulary = 600;
  config.context = 32;
  config.eos_ids = {0};
  const BaseTokenizer tokenizer(
      std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/tokenizers/gpt2", config);
  const auto ids = [&](std::uint64_t skip, std::uint64_t limit) {
    DataSource source = own_source(folder);
    source.skip = skip;
    source.limit = limit;
    std::string text;
    for (const EncodedExample& e :
         read_task_examples(source, tokenizer, config, 0, true).examples) {
      text += e.id + " ";
    }
    return text;
  };
  CHECK(ids(0, 0) == "e0 e1 e2 e3 e4 ");
  CHECK(ids(0, 2) == "e0 e1 ");
  CHECK(ids(2, 2) == "e2 e3 ");
  CHECK(ids(3, 0) == "e3 e4 ");
  CHECK(ids(4, 9) == "e4 ");
  CHECK_THAT(
      error_text<InputError>([&] { ids(5, 0); }),
      Catch::EndsWith("train.jsonl: has 5 usable examples, none is left behind the first 5"));
}

TEST_CASE("an answer that holds the end token's text is refused with its line") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "train.jsonl",
                        "{\"prompt\": \"a\", \"target\": \" b\"}\n"
                        "{\"id\": \"e\", \"prompt\": \"a\", \"target\": \" b</s> c\"}\n");
  const BaseTokenizer tokenizer = base_tokenizer(kLlama2, 800);
  ModelConfig config = llama2_config(32);
  DataSource source = own_source(folder);
  const auto read = [&] { return read_task_examples(source, tokenizer, config, 0, true); };
  CHECK_THAT(error_text<InputError>(read),
             Catch::Contains("train.jsonl:2: the answer ' b</s> c' of 'e' holds the end token, 2"));
  source.end_token = "<s>";
  CHECK(read().examples.size() == 2);
}

TEST_CASE("special tokens leave less of the context, to max_tokens too") {
  ModelConfig config;
  config.context = 512;
  const ModelConfig beside = config_beside(config, {.prefix = 64, .infix = 8});
  DataSource source;
  CHECK(most_tokens(source, beside) == 440);
  source.max_tokens = 480;  // of 512 it is within, of 440 not: prompts are cut to these
  CHECK(most_tokens(source, config) == 480);
  CHECK(most_tokens(source, beside) == 440);
  source.max_tokens = 400;
  CHECK(most_tokens(source, beside) == 400);
  source.max_tokens = 513;
  CHECK_THAT(error_text<InputError>([&] { most_tokens(source, beside); }),
             Catch::Equals("--max-tokens: 513 is more than the model's context, 512"));
}

TEST_CASE("where no example fits, what takes the room is named") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "train.jsonl",
                        "{\"prompt\": \"a\", \"target\": \" b c d e f\"}\n");
  const BaseTokenizer tokenizer = base_tokenizer(kLlama2, 800);
  ModelConfig config = llama2_config(4);
  DataSource source = own_source(folder);
  const auto refusal = [&](const ModelConfig& base, std::int64_t reserved) {
    return error_text<InputError>(
        [&] { read_task_examples(source, tokenizer, base, reserved, true); });
  };
  CHECK_THAT(refusal(config, 0), Catch::EndsWith("no example fits into 4 tokens, the first is "
                                                 "'train:1'; shorten the template or take a base "
                                                 "of a longer context; the model's context is 4"));
  CHECK_THAT(refusal(config, 4), Catch::Contains("; lower max_new; the model's context is 4"));
  config.context = 32;
  const ModelConfig beside = config_beside(config, {.prefix = 24, .infix = 5});
  CHECK_THAT(refusal(beside, 0), Catch::Contains("; take fewer special tokens; the model's context "
                                                 "is 32, of which special tokens take 29"));
  source.max_tokens = 3;
  CHECK_THAT(refusal(config, 0), Catch::Contains("; raise max_tokens; the model's context is 32"));
}

TEST_CASE("a prompt that special tokens leave no room for is refused by the model's own context") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "p.jsonl", "{\"prompt_ids\": [1, 2, 3, 4, 5]}\n");
  ModelConfig config;
  config.vocabulary = 10;
  config.context = 16;
  const PromptLimits limits{.max_new = 2};
  CHECK(read_prompt_file(folder / "p.jsonl", nullptr, config, limits).size() == 1);
  const ModelConfig beside = config_beside(config, {.prefix = 10, .infix = 0});
  CHECK_THAT(error_text<InputError>(
                 [&] { read_prompt_file(folder / "p.jsonl", nullptr, beside, limits); }),
             Catch::EndsWith("5 tokens and 2 behind them are more than the model's context, 16, of "
                             "which special tokens take 10; shorten it, or cut prompts with "
                             "--max-prompt 4"));
}
