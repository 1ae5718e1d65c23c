// A small sweep's records, and what a database holds as text.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "results/latency_records.h"
#include "results/query.h"
#include "results/records.h"
#include "results/row_writers.h"
#include "results/store.h"
#include "tests/temporary_folder.h"

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

// And analyses of two of its trials, of each kind; one has an undefined value.
void fill_analyses(const std::filesystem::path& db);

// A latency measurement: two cells of the base, merged LoRA and an adapter, two rounds in each.
std::vector<LatencyRecord> sample_latencies();

// Every table's rows in the order of their keys, values spelt with their types, and every view's.
std::string dump(const std::filesystem::path& db);

// A sweep's folder with the sample and its analyses in it.
class SampleFolder {
 public:
  SampleFolder() {
    fill_sample(folder_ / "results.db");
    fill_analyses(folder_ / "results.db");
    Store::open(folder_ / "results.db").put_latencies(sample_latencies());
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

// What a question's rows are as text.
std::string answer(ResultsReader& reader, const std::string& question,
                   RowFormat format = RowFormat::kCsv, const Row& parameters = {});

}  // namespace rankscope::tests
