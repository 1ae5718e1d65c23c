// A folder with a sweep file's data, and a base that is a shape only.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/error.h"
#include "engine/models/config.h"
#include "experiments/sweep/sweep_file.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

namespace rankscope::tests {

inline ModelShape gpt2_shape(int layers, int width, int heads, double attention_dropout = 0) {
  return parse_model_shape("{\"model_type\":\"gpt2\",\"n_layer\":" + std::to_string(layers) +
                               ",\"n_embd\":" + std::to_string(width) +
                               ",\"n_head\":" + std::to_string(heads) +
                               ",\"attn_pdrop\":" + std::to_string(attention_dropout) +
                               ",\"n_positions\":64,\"vocab_size\":50}",
                           "config.json");
}

// read_sweep looks whether the data's files exist; it reads none of them.
class SweepFolder {
 public:
  SweepFolder() {
    std::filesystem::create_directories(folder_ / "data");
    for (const char* name : {"train.jsonl", "dev.jsonl", "dev_matched.jsonl", "extra.jsonl"}) {
      std::ofstream(folder_ / "data" / name) << name << "\n";
    }
  }

  Sweep read(const std::string& text, const std::vector<std::string>& overrides = {},
             const ModelShape& shape = gpt2_shape(2, 8, 2)) const {
    std::ofstream(file()) << text;
    return read_sweep(file(), overrides, [&](const std::filesystem::path&) { return shape; });
  }

  // What reading refuses with, without the folder's name.
  std::string refusal(const std::string& text,
                      const std::vector<std::string>& overrides = {}) const {
    std::string message = error_text<InputError>([&] { read(text, overrides); });
    const std::string folder = folder_.path().string() + "/";
    for (std::size_t at; (at = message.find(folder)) != std::string::npos;) {
      message.erase(at, folder.size());
    }
    return message;
  }

  std::filesystem::path file() const { return folder_ / "s.yaml"; }
  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }

 private:
  TemporaryFolder folder_;
};

// Trials that are no base.
inline std::vector<TrialConfig> trained(const Sweep& sweep) {
  std::vector<TrialConfig> trials;
  for (const TrialConfig& trial : sweep.trials) {
    if (trial.method != "none") trials.push_back(trial);
  }
  return trials;
}

// One setting of each trial that is no base, in order: "1 2 4".
inline std::string values_of(const Sweep& sweep, const std::string& key) {
  std::string text;
  for (const TrialConfig& trial : trained(sweep)) {
    const auto found = trial.settings.find(key);
    text += (text.empty() ? "" : " ") + (found == trial.settings.end() ? "-" : found->second);
  }
  return text;
}

}  // namespace rankscope::tests
