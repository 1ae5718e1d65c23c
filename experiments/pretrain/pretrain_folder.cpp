#include "experiments/pretrain/pretrain_folder.h"

#include "common/error.h"
#include "common/files.h"
#include "common/folders.h"
#include "common/safetensors.h"
#include "common/settings.h"
#include "common/text.h"
#include "engine/methods/method.h"
#include "engine/training/numeric_version.h"
#include "engine/training/trainer.h"
#include "experiments/pretrain/base_folder.h"

namespace rankscope {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIdentityFile = "identity.json";

}  // namespace

PretrainIdentity identity_of(const PretrainPlan& plan, const Documents& documents) {
  PretrainIdentity identity;
  identity["seed"] = std::to_string(plan.seed);
  identity["documents"] = documents.sha256;
  identity["held_out"] = std::to_string(plan.held_out);
  identity["window"] = std::to_string(plan.window);
  identity["join"] = plan.joining == Joining::kMany ? "true" : "false";
  identity["tokenizer.vocabulary"] = std::to_string(plan.tokenizer.vocabulary);
  identity["tokenizer.pattern"] = plan.tokenizer.pattern;
  identity["tokenizer.tokens_from"] = std::to_string(
      plan.tokenizer.tokens_from > 0 ? plan.tokenizer.tokens_from
                                     : static_cast<std::int64_t>(documents.trained().size()));
  identity["model.n_embd"] = std::to_string(plan.model.n_embd);
  identity["model.n_layer"] = std::to_string(plan.model.n_layer);
  identity["model.n_head"] = std::to_string(plan.model.n_head);
  identity["model.n_positions"] = std::to_string(plan.model.n_positions);
  identity["model.initializer_range"] = setting_text(plan.model.initializer_range);
  identity["model.initial_positions"] = plan.model.sinusoidal_positions ? "sinusoidal" : "normal";
  Settings settings(plan.training);
  for (const auto& [key, value] : TrainSettings::from(settings).canonical()) {
    if (!key.ends_with("_seed")) identity["training." + key] = value;
  }
  identity["training.eval_every"] = std::to_string(plan.eval_every);
  identity["numeric_version"] = std::to_string(kNumericVersion);
  return identity;
}

PretrainFolder::PretrainFolder(fs::path path, const PretrainIdentity& identity)
    : path_(std::move(path)) {
  make_folder(path_, "give another --out folder");
  lock_.emplace(path_);
  clear_stale_temporaries(path_, Writers::kNone);
  const fs::path file = path_ / kIdentityFile;
  if (is_there(file)) {
    check_identity(file, identity);
    return;
  }
  for (const fs::path& made : {start(), training(), base()}) {
    if (!is_there(made)) continue;
    throw InputError("'" + printable_path(made) + "' is there, but no " + kIdentityFile +
                     " that says what it is of; give another --out folder");
  }
  if (is_there(path_ / "config.json"))
    throw InputError("'" + printable_path(path_) +
                     "' is a model's folder; give another --out folder");
  write_file_atomically(file, OrderedJson(identity).dump(1) + "\n");
}

void PretrainFolder::check_identity(const fs::path& file, PretrainIdentity identity) const {
  const Json json = read_json_file(file);
  JsonObject object(json, printable_path(file));
  PretrainIdentity saved;
  for (const auto& [key, value] : json.items()) saved[key] = object.get_string(key);
  // A base of an older program's numbers is a base all the same: nothing is computed for it.
  if (is_there(base() / kBaseRecord))
    for (PretrainIdentity* one : {&saved, &identity}) one->erase("numeric_version");
  if (const std::string difference = identity_difference(saved, identity); !difference.empty())
    throw InputError(printable_path(path_) + " holds another pretraining: " + difference +
                     "; give another --out folder, or remove this one");
}

std::optional<OrderedJson> PretrainFolder::finished() const {
  const fs::path file = base() / kBaseRecord;
  if (!is_there(file)) {
    // Nothing here writes one without the other; said now, not when the training is done.
    if (is_there(base())) {
      throw InputError("'" + printable_path(base()) + "' has no " + kBaseRecord +
                       "; remove it to make the base anew");
    }
    return std::nullopt;
  }
  // Both refuse what is damaged, as by copying it in part.
  SafetensorsFile(base() / "model.safetensors");
  read_json_file(file);
  return OrderedJson::parse(read_regular_file(file));
}

}  // namespace rankscope
