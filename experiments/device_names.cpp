#include "experiments/device_names.h"

#include <algorithm>

#include "engine/backend/devices.h"

namespace rankscope {

namespace {

constexpr std::string_view kCuda = "cuda";

}  // namespace

bool is_device_name(std::string_view text) {
  return text == "cpu" || text == "auto" || gpu_index(text).has_value();
}

int gpus_in_use(const std::string& device, int gpus) {
  if (device == kCuda) return std::max(1, gpus);
  return gpu_index(device) ? 1 : 0;
}

std::string worker_device(const std::string& device, int worker, int gpus) {
  if (device != kCuda) return device;
  return std::string(kCuda) + ":" + std::to_string(worker % gpus_in_use(device, gpus));
}

}  // namespace rankscope
