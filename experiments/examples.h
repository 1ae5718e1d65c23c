// Where training and scoring take their examples from: a file of token ids, or a task's data.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/json.h"
#include "engine/models/batch.h"
#include "engine/models/config.h"
#include "experiments/task_examples.h"

namespace rankscope {

struct LoadedExamples {
  std::vector<TokenExample> examples;
  std::vector<std::string> ids;  // of a task's examples; none for a token file
  // A task's: which files with which hashes were read, and what was skipped, cut or left out, why.
  OrderedJson account;
  std::string hash;  // SHA-256 of what is trained on or scored: part of a run's identity
};

// Examples made in memory, with their hash.
LoadedExamples made_examples(std::vector<TokenExample> examples);

// Without a task, `source.data` is a token file. InputError for anything that does not fit the
// model.
LoadedExamples load_examples(const DataSource& source, const std::filesystem::path& model_folder,
                             const ModelConfig& config);

}  // namespace rankscope
