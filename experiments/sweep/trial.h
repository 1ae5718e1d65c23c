// Trial: one configuration under its name. Two hashes name it: `train`, of all that can change the
// adapter, and `eval`, of the adapter and all that can change its predictions. Neither holds a
// path, a device, a number of threads or workers, nor anything that only reads results.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/json.h"
#include "engine/methods/method.h"
#include "experiments/file_hashes.h"
#include "experiments/sweep/sweep_file.h"

namespace rankscope {

// What a hash is made of, by dotted key: readable, so that `status` can say what differs.
using IdentityKeys = std::map<std::string, std::string>;

struct Trial {
  TrialConfig config;
  IdentityKeys train, eval;
  std::string train_hash, eval_hash;       // 64 digits
  std::vector<std::string> tuning_trials;  // ids, in the order of the tuning's rates

  std::string train_id() const { return train_hash.substr(0, 12); }
  // Names the trial for people, in the database and in the folder: "0c5d1f3a9b2e-77aa01ff".
  std::string id() const { return train_id() + "-" + eval_hash.substr(0, 8); }
  bool is_tuning() const { return config.role == "tuning"; }
  bool trains() const { return config.method != "none"; }
  // A setting of the method's or the training's by its key; empty where the method has none.
  std::string setting(const std::string& key) const;
};

// init_seed and data_seed, where the sweep file gives them: what a setting has, whichever seed its
// trials have. Of a name they are a part only where they are not the seed.
IdentityKeys given_seeds(const TrialConfig& config);

std::unique_ptr<Method> method_of(const Trial& trial);
// The bound of its micro-batches, in tokens.
std::int64_t micro_batch_of(const Trial& trial);

// Hashes the base and the data files. InputError where a file of them cannot be read.
Trial name_trial(const TrialConfig& config, const std::filesystem::path& base, FileHashes& hashes);

// Whether the file of the scored examples still is what names the trial.
bool score_data_is(const Trial& trial, FileHashes& hashes);

// Whether `base`, which trains nothing, is scored on the same data as `trial`, decoded the same
// way: a trial that diverged counts as its score.
bool is_base_of(const Trial& base, const Trial& trial);

// All trials of a sweep: those of the file and, before them, the tuning runs they need, each once.
// `notes` gets a line for each two tasks that have a trial in common, which then stands under the
// first of them alone: for people, as Sweep::notes.
std::vector<Trial> name_trials(const Sweep& sweep, FileHashes& hashes,
                               std::vector<std::string>* notes = nullptr);

std::string hash_of(const IdentityKeys& keys);

OrderedJson trial_json(const Trial& trial);
// InputError by `where` for anything that is not as trial_json writes it.
Trial trial_from_json(const Json& json, const std::string& where);

}  // namespace rankscope
