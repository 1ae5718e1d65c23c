#include "experiments/run_folder.h"

#include <cmath>

#include "common/error.h"
#include "common/files.h"
#include "common/folders.h"
#include "common/hash.h"
#include "common/jsonl.h"
#include "common/log.h"
#include "common/safetensors.h"
#include "common/text.h"
#include "engine/backend/cpu/reference_rate.h"
#include "engine/training/numeric_version.h"
#include "experiments/content_check.h"
#include "experiments/environment.h"
#include "experiments/file_hashes.h"

namespace rankscope {

namespace fs = std::filesystem;

constexpr const char* kBackend = "backend";
// Of a GPU its name, the versions of CUDA and of the kernels' arithmetic, and the precision.
constexpr const char* kInstructionSet = "instruction_set";
constexpr const char* kLibraries = "libraries";

bool BestStep::improved(std::int64_t candidate, double eval_loss) {
  if (!std::isfinite(eval_loss) || (step > 0 && eval_loss >= loss)) return false;
  step = candidate;
  loss = eval_loss;
  return true;
}

RunFolder::RunFolder(const TrainRunOptions& options, const Method& method,
                     const TrainSettings& settings, const Backend& backend, const Data& data)
    : out_(options.out), busy_(options.busy), other_machines_(options.other_machines) {
  if (out_.empty()) return;
  FileHashes hashes;
  identity_["model"] = (options.hashes ? *options.hashes : hashes).model(options.model);
  identity_["data"] = data.trained.hash;
  identity_["method"] = std::string(method.name());
  for (const auto& [key, value] : method.settings()) identity_["method." + key] = value;
  for (const auto& [key, value] : settings.canonical()) identity_["training." + key] = value;
  identity_["eval_every"] = std::to_string(options.eval_every);
  if (!data.held_out.hash.empty()) identity_["eval_data"] = data.held_out.hash;
  if (!data.trained.account.is_null()) accounts_["data"] = data.trained.account;
  if (!data.held_out.account.is_null()) accounts_["eval_data"] = data.held_out.account;
  if (options.keep_best) identity_["keep"] = "best";
  identity_[kBackend] = std::string(backend.name());
  identity_[kInstructionSet] = std::string(backend.instruction_set());
  identity_["numeric_version"] = std::to_string(kNumericVersion);
  environment_ = environment_json(backend);
  libraries_ = backend.name() == "cpu"
                   ? "oneDNN " + reference_library_version() + ", compiler " __VERSION__
                   : backend.libraries();
  if (const std::string own = method.libraries(); !own.empty())
    libraries_ += (libraries_.empty() ? "" : ", ") + own;
}

void RunFolder::prepare() {
  if (!keeps()) return;
  make_folder(out_, "give another --out folder");
  lock_.emplace(out_, busy_);
  if (is_done()) return;
  if (other_machines_) forget_other_machines_state();
  // Every run that gets as far as an adapter has a resume point beside it.
  if (!has_state() && has(kAdapter))
    throw InputError("'" + printable_path(out_ / kAdapter) +
                     "' is there, but no resume point of a run; give another --out folder");
  clear_stale_temporaries(out_, Writers::kNone);
  AtomicFile trial(out_ / kCurve);
}

void RunFolder::forget_other_machines_state() {
  if (!has_state()) return;
  const Trainer::Identity now = state_identity();
  std::string other;
  for (const char* key : {kInstructionSet, kLibraries})
    if (const auto was = saved(key); was && now.contains(key) && *was != now.at(key)) other = *was;
  if (other.empty()) return;
  log::info(
      "the resume point in {} was made on another device or with other libraries ({}); the "
      "training starts over",
      printable_path(out_), printable(other));
  std::error_code error;
  // The resume point last: where an earlier one stays, this is tried again.
  for (const char* name : {kAdapter, kBest, kState})
    if (!error) fs::remove_all(out_ / name, error);
  if (error)
    throw MachineError("cannot clear '" + printable_path(out_) +
                       "': " + system_error_text(error.value()));
}

Json RunFolder::read_done() const {
  Json done;
  try {
    done = read_checked_file(out_ / kDone);
  } catch (const AlteredFile& error) {
    throw AlteredFile(std::string(error.what()) + "; restore it, or give another --out folder");
  }
  JsonObject object(done, printable_path(out_ / kDone));
  JsonObject identity = object.get_object("identity");
  Trainer::Identity saved, now = identity_;
  for (const auto& [key, value] : done.at("identity").items())
    saved[key] = identity.get_string(key);
  if (other_machines_)
    for (const char* key : {kBackend, kInstructionSet}) {
      saved.erase(key);
      now.erase(key);
    }
  if (const std::string difference = identity_difference(saved, now); !difference.empty())
    throw InputError(printable_path(out_) + " holds another finished run: " + difference +
                     "; use another --out folder");
  check_adapter_files(done);
  return done;
}

// A done.json without a file's hash is an older program's, or of a run that diverged.
void RunFolder::check_adapter_files(const Json& done) const {
  JsonObject object(done, printable_path(out_ / kDone));
  if (!object.has("files")) return;
  JsonObject files = object.get_object("files");
  for (const char* name : kRecordedAdapterFiles)
    if (has(name) && files.has(name) && files.get_string(name) != sha256_file(out_ / name))
      throw AlteredFile(printable_path(out_ / name) + ": is not the file that " + kDone +
                        " describes (their SHA-256 differ); restore it, or give another --out "
                        "folder");
}

double RunFolder::load(Trainer& trainer) {
  Trainer::Identity identity = state_identity();
  if (!saved(kLibraries)) identity.erase(kLibraries);  // an older program's
  trainer.load_state(out_ / kState, identity);
  double loss = std::nan("");
  int64_t steps = 0;
  if (has(kCurve)) {
    LineReader lines(out_ / kCurve, LineReader::kMaxLineBytes, InputKind::kRegular);
    for (std::string_view line; steps < trainer.steps_done() && lines.next(line);) {
      const Json value = parse_json(line, printable_path(out_ / kCurve), {}, lines.line_number());
      JsonObject object(value, lines.where());
      object.get_int("step", steps + 1, steps + 1);
      loss = object.get_double("loss");
      curve_ += std::string(line) + "\n";
      ++steps;
    }
  }
  if (steps < trainer.steps_done())
    throw InputError(printable_path(out_ / kCurve) + ": ends at step " + std::to_string(steps) +
                     ", but " + kState + " stands at step " + std::to_string(trainer.steps_done()) +
                     "; restore it, or remove " + kState + " to start over");
  return loss;
}

BestStep RunFolder::best_step() const {
  BestStep best;
  std::size_t begin = 0;
  for (std::size_t end; (end = curve_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const Json line = Json::parse(curve_.begin() + static_cast<std::ptrdiff_t>(begin),
                                  curve_.begin() + static_cast<std::ptrdiff_t>(end));
    if (const auto loss = line.find("eval_loss"); loss != line.end() && loss->is_number())
      best.improved(line.at("step"), *loss);
  }
  return best;
}

// A kill between the renaming and done.json leaves the adapter in its place and no best/.
void RunFolder::keep_best_adapter() {
  if (!has(kBest)) return;
  std::error_code error;
  fs::remove_all(adapter(), error);
  fs::rename(best_adapter(), adapter(), error);
  if (error)
    throw MachineError("cannot put '" + printable_path(best_adapter()) +
                       "' in the adapter's place: " + system_error_text(error.value()));
}

void RunFolder::add_to_curve(const TrainProgress& p) {
  if (!keeps()) return;
  curve_ += step_json(p).dump() + "\n";
}

// The curve first: a resume point without its curve would lose lines, the reverse loses nothing.
void RunFolder::save(Trainer& trainer) {
  if (!keeps()) return;
  write_file_atomically(out_ / kCurve, curve_);
  trainer.save_state(out_ / kState, state_identity());
}

// The curve again: a diverged run's last steps come after its last resume point.
void RunFolder::finish(const TrainOutcome& outcome) {
  write_file_atomically(out_ / kCurve, curve_);
  OrderedJson done;
  done["state"] = outcome.diverged ? "diverged" : "done";
  done["steps"] = outcome.steps;
  if (std::isfinite(outcome.loss))
    done["loss"] = outcome.loss;
  else
    done["loss"] = nullptr;
  if (outcome.last_finite_loss) done["last_finite_loss"] = *outcome.last_finite_loss;
  if (outcome.best_step > 0) {
    done["best_step"] = outcome.best_step;
    done["best_eval_loss"] = *outcome.best_eval_loss;
  }
  done["trainable_parameters"] = outcome.trainable_parameters;
  if (!accounts_.empty()) done["read"] = accounts_;
  done["files"][kCurve] = sha256_hex(curve_);
  if (!outcome.diverged)
    for (const char* name : kRecordedAdapterFiles)
      if (has(name)) done["files"][name] = sha256_file(out_ / name);
  done["identity"] = identity_;
  // Beside it, so that done.json is the same whatever made the last step.
  put_environment(out_, environment_);
  write_file_atomically(out_ / kDone, checked_text(done, 1));
}

std::optional<std::string> RunFolder::saved(const char* key) const {
  const SafetensorsFile state(out_ / kState);
  const auto found = state.metadata().find(std::string("identity.") + key);
  if (found == state.metadata().end()) return {};
  return found->second;
}

Trainer::Identity RunFolder::state_identity() const {
  Trainer::Identity identity = identity_;
  if (!libraries_.empty()) identity[kLibraries] = libraries_;
  return identity;
}

bool RunFolder::has(const char* name) const {
  std::error_code ignored;
  return keeps() && fs::exists(out_ / name, ignored);
}

}  // namespace rankscope
