// A small sweep's records, and what a database holds as text.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "results/records.h"

namespace rankscope::tests {

// LoRA at rank and targets with one seed, done: metric "exact" with this value, two curve points,
// two predictions over dataset "d1".
TrialRecord lora_trial(const std::string& targets, int64_t rank, int64_t seed, double exact);
DatasetRecord sample_dataset(const std::string& hash = "d1");
SweepRecord sample_sweep(const std::string& name = "small");
// Trials of every kind: two ranks with two seeds, the base, one that diverged, one that failed, one
// without anything, one with hostile texts.
std::vector<TrialRecord> sample_trials();

// Fills a new database at `db` with the sample.
void fill_sample(const std::filesystem::path& db);

// Every table's rows in the order of their keys, values spelt with their types, and every view's.
std::string dump(const std::filesystem::path& db);

}  // namespace rankscope::tests
