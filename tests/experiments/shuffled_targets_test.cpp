// The control of shuffled targets: the same texts, with nothing to learn in them.
#include <catch2/catch.hpp>

#include <algorithm>

#include "experiments/examples.h"
#include "tests/datasets/test_files.h"
#include "tests/experiments/program.h"
#include "tests/experiments/text_model.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

std::vector<std::vector<std::int32_t>> targets_of(const LoadedExamples& examples) {
  std::vector<std::vector<std::int32_t>> targets;
  for (const TokenExample& example : examples.examples) targets.push_back(example.target);
  return targets;
}

}  // namespace

TEST_CASE("shuffled targets are the same targets, dealt out anew by the seed alone") {
  const TextModel model;
  const TemporaryFolder folder;
  std::vector<Json> lines;
  for (int i = 0; i < 30; ++i)
    lines.push_back(
        {{"prompt", "Say " + std::to_string(i)}, {"target", " it is " + std::to_string(i * i)}});
  put(folder / "train.jsonl", to_lines(lines));
  DataSource source;
  source.task = "own";
  source.data = folder / "train.jsonl";
  const ModelConfig config = read_model_shape(model.path()).config;
  const LoadedExamples plain = load_examples(source, model.path(), config);
  source.shuffle_targets = 7;
  const LoadedExamples shuffled = load_examples(source, model.path(), config);
  source.shuffle_targets = 8;
  const LoadedExamples other = load_examples(source, model.path(), config);
  source.shuffle_targets = 7;
  CHECK(load_examples(source, model.path(), config).hash == shuffled.hash);
  CHECK(shuffled.hash != plain.hash);
  CHECK(other.hash != shuffled.hash);

  auto before = targets_of(plain), after = targets_of(shuffled);
  int kept = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    kept += before[i] == after[i];
    CHECK(plain.examples[i].prompt == shuffled.examples[i].prompt);
  }
  CHECK(kept < 6);
  std::ranges::sort(before);
  std::ranges::sort(after);
  CHECK(before == after);
}

TEST_CASE("a prompt whose new target is longer gives way to it") {
  const TextModel model;
  const TemporaryFolder folder;
  std::vector<Json> lines;
  for (int i = 0; i < 12; ++i)
    lines.push_back(
        {{"prompt", std::string(static_cast<std::size_t>(i % 2 == 0 ? 60 : 2), 'a')},
         {"target", " " + std::string(static_cast<std::size_t>(i % 2 == 0 ? 2 : 30), 'b')}});
  put(folder / "train.jsonl", to_lines(lines));
  DataSource source;
  source.task = "own";
  source.data = folder / "train.jsonl";
  source.shuffle_targets = 1;
  const ModelConfig config = read_model_shape(model.path()).config;
  const LoadedExamples whole = load_examples(source, model.path(), config);
  std::size_t longest = 0;
  for (const TokenExample& example : whole.examples)
    longest = std::max(longest, example.prompt.size() + example.target.size());
  source.shuffle_targets.reset();
  std::size_t most = 0;
  for (const TokenExample& example : load_examples(source, model.path(), config).examples)
    most = std::max(most, example.prompt.size() + example.target.size());
  REQUIRE(longest > most);
  source.shuffle_targets = 1;
  source.max_tokens = static_cast<std::int64_t>(most);
  for (const TokenExample& example : load_examples(source, model.path(), config).examples)
    CHECK(example.prompt.size() + example.target.size() <= most);
}
