#include "experiments/device_names.h"

#include <algorithm>

#include "engine/backend/devices.h"
#include "engine/models/config.h"

namespace rankscope {

namespace {

constexpr std::string_view kCuda = "cuda";

}  // namespace

bool is_device_name(std::string_view text) {
  return text == "cpu" || text == "auto" || gpu_index(text).has_value();
}

int gpus_in_use(const std::string& device, std::span<const int> usable) {
  if (device == kCuda) return std::max(1, static_cast<int>(usable.size()));
  return gpu_index(device) ? 1 : 0;
}

std::string worker_device(const std::string& device, int worker, std::span<const int> usable) {
  if (device != kCuda || usable.empty()) return device;
  const int gpu = usable[static_cast<std::size_t>(worker) % usable.size()];
  return std::string(kCuda) + ":" + std::to_string(gpu);
}

void refuse_head_dim_of(const std::filesystem::path& base, const std::string& device) {
  if (device != "cpu") refuse_head_dim(device, read_model_shape(base).config.head_dim);
}

}  // namespace rankscope
