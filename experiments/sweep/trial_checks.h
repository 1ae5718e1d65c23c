// Whether the files of a trial's folders are what was written, or at least read as it.
#pragma once

#include <cstdint>
#include <filesystem>

namespace rankscope {

// All throw what is wrong: an Error, or a Json::exception.

// Demands that a training can go on from what its folder holds, or that it is finished and whole.
// `is_needed`: the adapter's values are going to be read, and are held against their hash.
void check_training(const std::filesystem::path& folder, bool is_needed);

// The step that a resume point stands at.
std::int64_t saved_step(const std::filesystem::path& state);

// Demands that a finished evaluation has all that it is collected from. `predictions_altered`:
// every line of predictions.jsonl reads well, but the file is not the one that was written.
void check_evaluation(const std::filesystem::path& folder, bool& predictions_altered);

}  // namespace rankscope
