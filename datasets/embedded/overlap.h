// How much of what is scored stood in the documents.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/embedded/world.h"

namespace rankscope::embedded {

// Runs of eight words, as white space parts them, in the targets of a task's scored splits.
struct Overlap {
  std::string_view task;
  std::size_t in_targets = 0;    // different ones
  std::set<std::string> shared;  // those of them that some document holds
};

// Of the first `documents` documents, task by task. MNLI's targets, single words, have no such run.
std::vector<Overlap> shared_eight_grams(const World& world, std::uint64_t documents);

}  // namespace rankscope::embedded
