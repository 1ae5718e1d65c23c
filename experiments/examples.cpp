#include "experiments/examples.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/draws.h"
#include "common/error.h"
#include "common/hash.h"
#include "engine/training/token_file.h"

namespace rankscope {

namespace {

std::string hash_of(const std::vector<TokenExample>& examples) {
  Sha256 hash;
  for (const TokenExample& example : examples) {
    for (const std::vector<int32_t>* part : {&example.prompt, &example.target}) {
      hash.update_u64(part->size()).update(std::as_bytes(std::span(*part)));
    }
  }
  return hash.hex();
}

// A prompt whose new target is longer loses as much of its beginning as the limit asks for.
void shuffle_targets(std::vector<EncodedExample>& examples, std::uint64_t seed, std::size_t most) {
  std::vector<std::vector<std::int32_t>> targets;
  for (EncodedExample& example : examples) targets.push_back(std::move(example.target));
  const auto order = Draws(seed, "data", "shuffled targets").permutation(examples.size());
  for (std::size_t i = 0; i < examples.size(); ++i) {
    EncodedExample& example = examples[i];
    example.target = std::move(targets[order[i]]);
    const std::size_t room = most - std::min(most, example.target.size());
    if (example.prompt.size() <= room) continue;
    example.prompt.erase(example.prompt.begin(),
                         example.prompt.end() - static_cast<std::ptrdiff_t>(room));
  }
}

void refuse_task_options(const DataSource& source) {
  const char* option = source.limit > 0                ? "--limit"
                       : !source.template_keys.empty() ? "--template"
                       : source.max_tokens > 0         ? "--max-tokens"
                       : !source.end_token.empty()     ? "--end-token"
                                                       : nullptr;
  if (option != nullptr) {
    throw InputError(fmt::format(
        "{}: a file of token ids is taken as it is; give --task for a task's data", option));
  }
}

}  // namespace

LoadedExamples made_examples(std::vector<TokenExample> examples) {
  LoadedExamples made;
  made.examples = std::move(examples);
  made.hash = hash_of(made.examples);
  return made;
}

LoadedExamples load_examples(const DataSource& source, const std::filesystem::path& model_folder,
                             const ModelConfig& config) {
  LoadedExamples loaded;
  if (source.task.empty()) {
    refuse_task_options(source);
    loaded.examples = read_token_file(source.data, config);
  } else {
    const BaseTokenizer tokenizer(model_folder, config);
    TaskExamples task = read_task_examples(source, tokenizer, config, 0, true);
    log_reports(task);
    loaded.account = account_of(task);
    if (source.shuffle_targets) {
      shuffle_targets(task.examples, *source.shuffle_targets,
                      static_cast<std::size_t>(most_tokens(source, config)));
    }
    for (EncodedExample& example : task.examples) {
      loaded.examples.push_back({std::move(example.prompt), std::move(example.target)});
      loaded.ids.push_back(std::move(example.id));
    }
  }
  loaded.hash = hash_of(loaded.examples);
  return loaded;
}

}  // namespace rankscope
