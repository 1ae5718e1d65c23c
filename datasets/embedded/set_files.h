// The embedded task sets as files of the official formats.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "datasets/embedded/world.h"

namespace rankscope::embedded {

// The seed of the world that the repository's base was trained on and its sets were made from.
inline constexpr std::uint64_t kWorldSeed = 2106;

// Examples of each training split and of each other.
inline constexpr std::size_t kTrainingExamples = 4000;
inline constexpr std::size_t kScoredExamples = 500;

struct SetFile {
  std::string name;         // below the folder: "wikisql/train.jsonl"
  std::size_t entries = 0;  // examples, or tables
};

// Makes a new folder with wikisql/{train,dev,test}{,.tables}.jsonl, mnli/multinli_1.0_{train,
// dev_matched,dev_mismatched}.jsonl and samsum/{train,val,test}.json, all or none. train is made of
// names and patterns of Pool::kTraining, the others of Pool::kScored. Returns the files. InputError
// where the folder exists; Interrupted where a stop was requested.
std::vector<SetFile> write_sets(const World& world, const std::filesystem::path& folder);

}  // namespace rankscope::embedded
