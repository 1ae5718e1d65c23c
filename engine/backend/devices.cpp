#include "engine/backend/devices.h"

#include <charconv>
#include <utility>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {

namespace {

constexpr std::string_view kCuda = "cuda";

void refuse_unusable(const std::string& device, int index, std::span<const GpuInfo> all) {
  const std::vector<int> usable = usable_gpus(all);
  if (all.empty()) throw InputError("device: " + device + ": " + why_no_gpu());
  if (std::cmp_greater_equal(index, all.size()))
    throw InputError("device: " + device + ": there are " + std::to_string(all.size()) +
                     " GPUs, numbered from 0; `rankscope doctor` lists them");
  const GpuInfo& gpu = all[static_cast<size_t>(index)];
  if (device == kCuda ? usable.empty() : gpu.capability < kLeastCapability)
    throw InputError("device: " + why_unusable(index, gpu) + "; use --device " +
                     (usable.empty() ? "cpu" : "cuda:" + std::to_string(usable.front())));
}

}  // namespace

std::string why_no_gpu() {
  return cuda_compiled() ? why_no_gpu(gpu_fault())
                         : "this program was built without CUDA; install the CUDA toolkit (nvcc on "
                           "PATH or in /usr/local/cuda), remove the build folder and build again";
}

std::string why_no_gpu(const std::string& fault) {
  return fault.empty() ? "no GPU is found; check that nvidia-smi shows one"
                       : "no GPU can be used: " + fault;
}

std::optional<int> gpu_index(std::string_view device) {
  constexpr std::string_view kPrefix = "cuda:";
  if (device == kCuda) return 0;
  if (!device.starts_with(kPrefix)) return std::nullopt;
  device.remove_prefix(kPrefix.size());
  int index = -1;
  const char* end = device.data() + device.size();
  const auto [rest, error] = std::from_chars(device.data(), end, index);
  if (error != std::errc() || rest != end || index < 0) return std::nullopt;
  return index;
}

std::vector<int> usable_gpus(std::span<const GpuInfo> all) {
  std::vector<int> usable;
  for (size_t i = 0; i < all.size(); ++i)
    if (all[i].capability >= kLeastCapability) usable.push_back(static_cast<int>(i));
  return usable;
}

std::string capability_text(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

std::string why_unusable(int index, const GpuInfo& gpu) {
  return "cuda:" + std::to_string(index) + " is a " + gpu.name + " of compute capability " +
         capability_text(gpu.capability) + "; " + capability_text(kLeastCapability) +
         " or later is needed";
}

int gpu_of(std::string_view device, std::span<const GpuInfo> all) {
  return device == kCuda ? usable_gpus(all).at(0) : gpu_index(device).value();
}

void refuse_head_dim(std::string_view device, int64_t head_dim) {
  if (device == "cpu" || head_dim <= kMostGpuHeadDim) return;
  throw InputError("device: " + std::string(device) +
                   ": the base has attention heads of a width of " + std::to_string(head_dim) +
                   ", and a GPU computes up to " + std::to_string(kMostGpuHeadDim) +
                   "; use --device cpu");
}

DeviceSettings resolved(const DeviceSettings& settings) {
  // CUDA's start takes time, which a computation on the CPU need not wait for.
  return resolved(settings, settings.device == "cpu" ? std::vector<GpuInfo>() : gpus());
}

DeviceSettings resolved(const DeviceSettings& settings, std::span<const GpuInfo> all) {
  DeviceSettings r = settings;
  if (r.precision != "fp32" && r.precision != "bf16")
    throw InputError("precision: '" + printable(r.precision) + "' is neither fp32 nor bf16");
  if (r.device == "auto") r.device = usable_gpus(all).empty() ? "cpu" : kCuda;
  if (r.device == "cpu") {
    if (r.precision == "bf16")
      throw InputError("precision: bf16 needs a GPU; on the CPU leave it at fp32");
    return r;
  }
  const std::optional<int> index = gpu_index(r.device);
  if (!index)
    throw InputError("device: '" + printable(r.device) + "' is none of cpu, cuda, cuda:N, auto");
  refuse_unusable(r.device, *index, all);
  return r;
}

std::unique_ptr<Backend> make_backend(const DeviceSettings& settings) {
  const DeviceSettings r = resolved(settings);
  if (r.device == "cpu") return make_cpu_backend(r.threads);
  return make_cuda_backend(gpu_of(r.device, gpus()),
                           r.precision == "bf16" ? DType::kBF16 : DType::kF32);
}

}  // namespace rankscope
