// The results database's one writer. It can be filled from the trial folders at any time: rows are
// found by natural keys, so that the order of writing leaves no trace in what the tables hold.
#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/error.h"
#include "results/analysis_records.h"
#include "results/latency_records.h"
#include "results/records.h"

namespace rankscope {

// The file is no SQLite database, or pages of it are broken. Nothing in it is worth saving: delete
// it and fill a new one from the trial folders.
class DamagedDatabase : public InputError {
 public:
  using InputError::InputError;
};

// Every call is one transaction: done whole or, when it throws, not at all; a process killed in the
// middle leaves the database as it was before the call. Errors: DamagedDatabase (see above);
// InputError where the file is another program's, a newer version's, held by another program for
// longer than the timeout, not writable, or where a record contradicts itself (two predictions of
// one example); MachineError where the disk is full or fails. After an error the store can go on
// being used.
class Store {
 public:
  // Makes the file or brings its schema up to date.
  static Store open(const std::filesystem::path& db,
                    std::chrono::milliseconds busy_timeout = std::chrono::seconds(10));
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  // Each replaces all that is stored under the record's key.
  void put_sweep(const SweepRecord& sweep);
  void put_dataset(const DatasetRecord& dataset);
  void put_trial(const TrialRecord& trial);

  bool has_dataset(const std::string& dataset);
  bool has_trial(const std::string& trial);

  // A sweep or dataset goes with the last trial that names it, here and where put_trial replaces
  // it; one that no trial has named yet stays. Returns how many trials went.
  std::size_t remove_trials_not_in(const std::set<std::string>& trials);

  // TrialRecord::stamp of the stored trial; empty where there is none.
  std::string trial_stamp(const std::string& trial);
  // Likewise TrialRecord::state.
  std::string trial_state(const std::string& trial);

  // As put_trial. What a trial's analysis says goes with the trial, a pair's with either of them.
  void put_adapter(const AdapterFindings& adapter);
  void put_similarity(const SimilarityRecord& similarity);
  void put_chance(const ChanceBandRecord& band);
  bool has_chance(int64_t rows, int64_t cols, int64_t dimension);
  // {rows, cols, dimension} of similarities that no chance band stands beside.
  std::vector<std::array<int64_t, 3>> shapes_without_chance();
  // The stamp of a stored AdapterFindings (`other` empty) or SimilarityRecord; empty where there is
  // none.
  std::string analysis_stamp(const std::string& one, const std::string& other);
  // Forgets all analyses but these, given as {one, other}.
  void remove_analyses_not_in(const std::set<std::pair<std::string, std::string>>& kept);

  // The latencies of the sweep that the database is of, all at once: others are forgotten.
  void put_latencies(std::span<const LatencyRecord> records);

  // What is stored that one made anew from less may lack, as {kind, of what}: the "results" of a
  // trial that ended, the "examples" that a trial was scored on and the "analysis" of its adapter,
  // by the trial's id, and the "times" of a latency's cell, by its "BATCH x LENGTH".
  std::set<std::pair<std::string, std::string>> contents();

  // Reads every page: DamagedDatabase where one is broken. Takes time with the file's size.
  void verify();

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace rankscope
