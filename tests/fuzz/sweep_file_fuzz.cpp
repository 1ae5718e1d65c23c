// Sweep files. A line "===" ends the file; the lines behind it are overrides. What is refused must
// be refused in one line; what is accepted must be trials that the engine takes as they are.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "engine/methods/method.h"
#include "engine/training/trainer.h"
#include "experiments/sweep/sweep_file.h"
#include "tests/fuzz/fuzz_one.h"
#include "tests/temporary_folder.h"

namespace {

using namespace rankscope;

void require(bool holds) {
  if (!holds) std::abort();
}

// A sweep's folder, in which data/ has splits of every task; they are never read.
const std::filesystem::path& folder() {
  static const tests::TemporaryFolder made;
  static const bool filled = [] {
    std::filesystem::create_directories(made / "data");
    for (const char* name : {"train.jsonl", "dev.jsonl", "train.json", "dev.json"})
      std::ofstream(made / "data" / name) << "\n";
    return true;
  }();
  static_cast<void>(filled);
  return made.path();
}

const ModelShape& shape() {
  static const ModelShape made = parse_model_shape(
      R"({"model_type":"gpt2","n_embd":8,"n_layer":2,"n_head":2,"n_positions":64,"vocab_size":50})",
      "config.json");
  return made;
}

void check_trial(const TrialConfig& trial) {
  require(trial.task.score.data.data.is_absolute());
  if (trial.method == "none") {
    require(trial.settings.empty() && trial.steps == 0 && trial.epochs == 0);
    return;
  }
  require((trial.steps > 0) != (trial.epochs > 0));
  require(trial.settings.contains("lr") != trial.tuning.has_value());
  require(trial.task.held_out.data.empty() == (trial.eval_every == 0));
  Settings settings(trial.settings);
  const auto method = make_method(trial.method, settings);
  TrainSettings::from(settings);
  settings.refuse_unknown("trial");
  for (const auto& [key, value] : method->settings()) {
    const auto found = trial.settings.find(key);
    require(value == (found == trial.settings.end() ? "" : found->second));
  }
  if (trial.tuning) require(tuning_trials(trial).size() == trial.tuning->rates.size());
}

}  // namespace

int fuzz_one(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> overrides;
  constexpr std::string_view kDivider = "\n===\n";
  if (const std::size_t at = text.find(kDivider); at != std::string_view::npos) {
    std::string_view rest = text.substr(at + kDivider.size());
    text = text.substr(0, at + 1);
    while (!rest.empty() && overrides.size() < 8) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      overrides.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  try {
    const Sweep sweep = parse_sweep(text, folder() / "sweep.yaml", overrides,
                                    [](const std::filesystem::path&) { return shape(); });
    require(sweep.trials.empty() == sweep.latency.has_value());
    if (sweep.latency) require(latency_variants(*sweep.latency).size() >= 5);
    for (const TrialConfig& trial : sweep.trials) check_trial(trial);
    for (const std::string& note : sweep.notes) require(note.find('\n') == std::string::npos);
  } catch (const InputError& error) {
    require(std::string_view(error.what()).find('\n') == std::string_view::npos);
  }
  return 0;
}
