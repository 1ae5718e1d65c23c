// Which of a split's examples are read.
#include "experiments/task_examples.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "common/error.h"
#include "engine/methods/method.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

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
    DataSource source;
    source.task = "own";
    source.data = folder.path();
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
