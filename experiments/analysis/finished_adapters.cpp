#include "experiments/analysis/finished_adapters.h"

#include <fmt/format.h>

#include "common/error.h"
#include "common/files.h"
#include "engine/checkpoint/adapter_record.h"
#include "experiments/content_check.h"
#include "experiments/run_folder.h"
#include "experiments/sweep/file_stamp.h"
#include "experiments/sweep/other_data.h"
#include "experiments/sweep/trial_files.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

// Raised when the same adapters yield other numbers or quantities than before.
constexpr int kAnalysisVersion = 6;
constexpr const char* kWeightsFile = "adapter_model.safetensors";

std::string stamp_of(const Trial& trial, const AnalysisSettings& settings, const fs::path& adapter,
                     const std::map<std::string, std::string>& hashes) {
  std::string stamp = fmt::format("{} {} {} {}", kAnalysisVersion, analysis_json(settings).dump(),
                                  trial.train_hash, file_stamp(adapter / kWeightsFile));
  // What an older program left is not analysed anew: nothing tells whether they are as written.
  if (hashes.contains(kAdapterRecord))
    for (const char* name : {kRecordFile, kExactFile}) stamp += " " + file_stamp(adapter / name);
  for (const auto& [name, hash] : hashes)
    if (name != kAdapterRecord) stamp += " " + file_stamp(adapter.parent_path() / name);
  return stamp;
}

}  // namespace

fs::path adapter_folder(const SweepFolder& folder, const Trial& trial) {
  return folder.train_folder(trial) / "adapter";
}

bool has_weights(const SweepFolder& folder, const Trial& trial) {
  return is_there(adapter_folder(folder, trial) / kWeightsFile);
}

const FinishedAdapters::Facts* FinishedAdapters::find(const Trial& trial) {
  if (const auto known = known_.find(&trial); known != known_.end()) return &known->second;
  const fs::path train = folder_.train_folder(trial), adapter = adapter_folder(folder_, trial);
  try {
    if (trial_state(folder_, trial) != TrialState::kDone || !has_weights(folder_, trial))
      return nullptr;
    const Json done = read_checked_file(train / "done.json");
    refuse_other_data(done, trial.train.at("train.file"), train);
    Facts facts;
    for (const char* name : kRecordedAdapterFiles)
      if (std::string hash = recorded_hash(done, name); !hash.empty())
        facts.hashes[name] = std::move(hash);
    facts.stamp = stamp_of(trial, *manifest_.analysis, adapter, facts.hashes);
    return &known_.emplace(&trial, std::move(facts)).first->second;
  } catch (const PermissionDenied&) {
    throw;
  } catch (const InputError&) {  // damaged, or of other data: the collector says where
    return nullptr;
  } catch (const Json::exception&) {
    return nullptr;
  }
}

}  // namespace rankscope
