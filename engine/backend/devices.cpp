#include "engine/backend/devices.h"

#include <charconv>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {

namespace {

[[noreturn]] void refuse_gpu(const std::string& device, size_t count) {
  throw InputError("device: " + device + ": " +
                   (count == 0 ? why_no_gpu()
                               : "there are " + std::to_string(count) +
                                     " GPUs, numbered from 0; `rankscope doctor` lists them"));
}

}  // namespace

std::string why_no_gpu() {
  return cuda_compiled() ? "no GPU is found; check that nvidia-smi shows one"
                         : "this program was built without CUDA; install the CUDA toolkit (nvcc on "
                           "PATH or in /usr/local/cuda), remove the build folder and build again";
}

std::optional<int> gpu_index(std::string_view device) {
  constexpr std::string_view kCuda = "cuda", kPrefix = "cuda:";
  if (device == kCuda) return 0;
  if (!device.starts_with(kPrefix)) return std::nullopt;
  device.remove_prefix(kPrefix.size());
  int index = -1;
  const char* end = device.data() + device.size();
  const auto [rest, error] = std::from_chars(device.data(), end, index);
  if (error != std::errc() || rest != end || index < 0) return std::nullopt;
  return index;
}

DeviceSettings resolved(const DeviceSettings& settings) {
  DeviceSettings r = settings;
  if (r.precision != "fp32" && r.precision != "bf16")
    throw InputError("precision: '" + printable(r.precision) + "' is neither fp32 nor bf16");
  if (r.device == "auto") r.device = gpus().empty() ? "cpu" : "cuda";
  if (r.device == "cpu") {
    if (r.precision == "bf16")
      throw InputError("precision: bf16 needs a GPU; on the CPU leave it at fp32");
    return r;
  }
  const std::optional<int> index = gpu_index(r.device);
  if (!index)
    throw InputError("device: '" + printable(r.device) + "' is none of cpu, cuda, cuda:N, auto");
  const size_t count = gpus().size();
  if (static_cast<size_t>(*index) >= count) refuse_gpu(r.device, count);
  return r;
}

std::unique_ptr<Backend> make_backend(const DeviceSettings& settings) {
  const DeviceSettings r = resolved(settings);
  if (r.device == "cpu") return make_cpu_backend(r.threads);
  return make_cuda_backend(*gpu_index(r.device),
                           r.precision == "bf16" ? DType::kBF16 : DType::kF32);
}

}  // namespace rankscope
