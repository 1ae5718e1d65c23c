#include "experiments/sweep/sweep_keys.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "engine/methods/method.h"

namespace rankscope {
namespace {

struct Section {
  std::string_view name;
  std::vector<std::string> keys;
};

const std::vector<Section>& sections() {
  static const std::vector<Section> all = {
      {"sweep",
       {"name", "base", "seeds", "tasks", "training", "groups", "tuning", "analysis", "latency",
        "report", "precision", "device", "pack_trials"}},
      {"task", {"task", "data", "max_tokens", "end_token", "template", "train", "score", "tune"}},
      {"train", {"data", "split", "skip", "limit"}},
      {"score",
       {"data", "split", "skip", "limit", "max_new", "min_new", "beams", "length_penalty",
        "no_repeat_ngram", "merged", "metric", "free_text"}},
      {"tune", {"data", "split", "skip", "limit"}},
      {"template", {"prompt", "target", "truncate", "verbalisers"}},
      {"tuning", {"lr", "steps", "seed", "examples", "per"}},
      {"analysis", {"pairs", "directions", "amplification", "intruders"}},
      {"latency",
       {"batch", "length", "bottleneck", "rank", "targets", "rounds", "tokens", "threads"}},
      {"training", {"steps", "epochs", "eval_every", "keep", "shuffle_targets"}},
      {"group",
       {"name", "method", "tasks", "seeds", "optional", "init_seed", "data_seed", "parameters",
        "grid", "zip"}},
  };
  return all;
}

void append_keys(std::vector<std::string>& keys, const std::map<std::string, std::string>& map) {
  for (const auto& [key, value] : map) {
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
  }
}

}  // namespace

std::vector<std::string> sweep_keys(std::string_view section) {
  std::vector<std::string> keys = std::ranges::find(sections(), section, &Section::name)->keys;
  if (section == "training") append_keys(keys, training_settings());
  if (section == "group") {
    for (const std::string& key : sweep_keys("training")) keys.push_back(key);
    for (const std::string_view method : method_names()) {
      append_keys(keys, method_settings(std::string(method)));
    }
  }
  return keys;
}

const std::map<std::string, std::string>& method_settings(const std::string& method) {
  static std::map<std::string, std::map<std::string, std::string>> known;
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = known.find(method);
  if (found != known.end()) return found->second;
  Settings none;
  return known.emplace(method, make_method(method, none)->settings()).first->second;
}

bool is_setting(const std::string& key, const std::string& name) {
  return key == name || std::ranges::any_of(method_names(), [&](std::string_view method) {
           return key == std::string(method) + "_" + name;
         });
}

std::span<const std::string_view> exclusive_with(std::string_view key) {
  static constexpr std::array<std::string_view, 2> kLength{"steps", "epochs"};
  static constexpr std::array<std::string_view, 3> kWarmup{"warmup_steps", "warmup_tokens",
                                                           "warmup_ratio"};
  static constexpr std::array<std::string_view, 2> kRank{"rank", "parameters"};
  for (const std::span<const std::string_view> set :
       {std::span<const std::string_view>(kLength), std::span<const std::string_view>(kWarmup),
        std::span<const std::string_view>(kRank)}) {
    if (std::ranges::find(set, key) != set.end()) return set;
  }
  return {};
}

}  // namespace rankscope
