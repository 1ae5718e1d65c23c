// The folder of a pretraining (PRETRAIN_FILE.md), held by one process.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "common/json.h"
#include "experiments/folder_lock.h"
#include "experiments/pretrain/pretrain_documents.h"
#include "experiments/pretrain/pretrain_file.h"

namespace rankscope {

// All that can change a bit of the base, as text. The instruction set is not among it: a base that
// is finished counts on every machine, and a half-done training refuses another one itself.
using PretrainIdentity = std::map<std::string, std::string>;
PretrainIdentity identity_of(const PretrainPlan& plan, const Documents& documents);

class PretrainFolder {
 public:
  // Makes the folder where it is not there, and states the identity in it before anything else.
  // InputError where the folder is another pretraining's, naming the first key that differs: where
  // the base is finished, one beside the numeric version.
  PretrainFolder(std::filesystem::path path, const PretrainIdentity& identity);

  std::filesystem::path start() const { return path_ / "start"; }
  std::filesystem::path training() const { return path_ / "training"; }
  std::filesystem::path trained_weights() const {
    return training() / "adapter" / "model.safetensors";
  }
  std::filesystem::path held_out() const { return path_ / "held_out.jsonl"; }
  std::filesystem::path base() const { return path_ / "base"; }
  // The record of the finished base; none before.
  std::optional<OrderedJson> finished() const;

 private:
  void check_identity(const std::filesystem::path& file, PretrainIdentity identity) const;

  std::filesystem::path path_;
  std::optional<FolderLock> lock_;
};

}  // namespace rankscope
