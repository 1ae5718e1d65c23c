#include "experiments/device_names.h"

#include <algorithm>
#include <charconv>

namespace rankscope {

namespace {

constexpr std::string_view kCuda = "cuda", kPrefix = "cuda:";

}  // namespace

std::optional<int> gpu_index(std::string_view device) {
  if (device == kCuda) return 0;
  if (!device.starts_with(kPrefix)) return std::nullopt;
  device.remove_prefix(kPrefix.size());
  int index = -1;
  const char* end = device.data() + device.size();
  const auto [rest, error] = std::from_chars(device.data(), end, index);
  if (error != std::errc() || rest != end || index < 0) return std::nullopt;
  return index;
}

bool is_device_name(std::string_view text) {
  return text == "cpu" || text == "auto" || gpu_index(text).has_value();
}

int gpus_in_use(const std::string& device, int gpus) {
  if (device == kCuda) return std::max(1, gpus);
  return gpu_index(device) ? 1 : 0;
}

std::string worker_device(const std::string& device, int worker, int gpus) {
  if (device != kCuda) return device;
  return std::string(kPrefix) + std::to_string(worker % gpus_in_use(device, gpus));
}

}  // namespace rankscope
