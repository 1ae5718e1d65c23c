#include "experiments/training_settings.h"

#include "engine/training/trainer.h"

namespace rankscope {

const std::map<std::string, std::string>& training_settings() {
  static const std::map<std::string, std::string> settings = [] {
    std::map<std::string, std::string> all = TrainSettings{}.canonical();
    for (const char* key : {"steps", "init_seed", "data_seed", "warmup"}) all.erase(key);
    for (const char* key : {"warmup_steps", "warmup_tokens", "warmup_ratio"}) all.emplace(key, "0");
    return all;
  }();
  return settings;
}

}  // namespace rankscope
