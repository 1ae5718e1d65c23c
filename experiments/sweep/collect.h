// Trial folders into results.db. The folders are the truth: the database can be deleted and made
// again at any time, to the same content.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "experiments/analysis/sweep_analysis.h"
#include "experiments/sweep/sweep_folder.h"
#include "results/store.h"

namespace rankscope {

class Collector {
 public:
  // Opens the sweep's database; a damaged one is put aside (results.db.damaged) and made anew,
  // with a warning.
  Collector(const SweepFolder& folder, const Manifest& manifest)
      : Collector(folder, manifest, folder.database()) {}
  // Another file in its place.
  Collector(const SweepFolder& folder, const Manifest& manifest,
            const std::filesystem::path& database);

  // Stores what the folders hold of every trial, and forgets trials that the sweep no longer has.
  // Unchanged ones are passed over. Returns what could not be read, a line each: of trials that
  // could not, the database keeps what it has, and has them as pending where that is nothing.
  std::vector<std::string> collect_all();
  // How many trials collect_all() stored or passed over.
  std::size_t stored() const { return stored_; }
  // Trials that collect() found to be of other data than they are named by, since collect_all()
  // began.
  const std::set<std::string>& refused() const { return refused_; }
  // One trial, as after its end. One of other data (OtherData) is stored as failed, without
  // results. Returns why that is, or why the examples that it was scored on are not stored with it,
  // and where its learning rate is not the one that its tuning chooses; empty: all is stored.
  std::string collect(const Trial& trial);
  // The analysis that the sweep asks for, as far as finished trials allow it and the database lacks
  // it. Of kAdapters each finished trial is read once.
  AnalysisSummary analyse(AnalysisScope scope);
  // What the end of a trial, collected already, adds to that of kAdapters: the first time, and
  // where a folder could not be read the time before, all that is lacking.
  AnalysisSummary analyse_end(const Trial& trial);

 private:
  // What the sweep says of it, whatever its folders hold.
  TrialRecord pending_record(const Trial& trial) const;
  void put_unread(const Trial& trial);
  TrialRecord record_of(const Trial& trial) const;
  // The rate that was trained with. Returns what is wrong where its tuning chooses another now.
  std::string add_tuned_rate(const Trial& trial, TrialRecord& record) const;
  void add_training(const Trial& trial, TrialRecord& record) const;
  void add_evaluation(const Trial& trial, TrialRecord& record) const;
  void add_base_scores(const Trial& trial, TrialRecord& record) const;
  // Why the examples are not stored; empty: they are.
  std::string put_dataset(const Trial& trial);

  const SweepFolder& folder_;
  const Manifest& manifest_;
  FileHashes hashes_;
  Store store_;
  FinishedAdapters finished_;
  std::optional<AdapterFamilies> families_;  // once all that is lacking was looked for
  std::size_t stored_ = 0;
  std::set<std::string> refused_;
};

}  // namespace rankscope
