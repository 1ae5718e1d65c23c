// Which device a computation runs on, by name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/dtype.h"
#include "engine/backend/backend.h"

namespace rankscope {

struct DeviceSettings {
  std::string device = "cpu";      // cpu, cuda (the first usable GPU), cuda:N (from 0), or auto:
                                   // cuda where a GPU is usable
  std::string precision = "fp32";  // fp32; on a GPU also bf16: frozen weights and activations in
                                   // bfloat16, adapters, sums and the optimizer in fp32
  int threads = 0;                 // of the CPU; 0: all processors

  bool operator==(const DeviceSettings&) const = default;
};

// N of "cuda" (0) and "cuda:N"; none of any other text.
std::optional<int> gpu_index(std::string_view device);

struct GpuInfo {
  std::string name;
  int64_t memory_bytes = 0;
  int capability = 0;   // major * 10 + minor
  std::string driver;   // its version where it is known, and for which CUDA: "580.1 for CUDA 13.0"
  std::string runtime;  // the program's: "CUDA 13.0"
};

// The least GpuInfo::capability that code is compiled for (cmake/rankscope_cuda.cmake).
inline constexpr int kLeastCapability = 80;
// The indices of those GPUs that have it.
std::vector<int> usable_gpus(std::span<const GpuInfo> all);
// "7.5" of 75.
std::string capability_text(int capability);
// "cuda:0 is a Tesla T4 of compute capability 7.5; 8.0 or later is needed"
std::string why_unusable(int index, const GpuInfo& gpu);

// Throws InputError for a name that is none, a GPU that is not there or not usable, and bf16 on the
// CPU.
std::unique_ptr<Backend> make_backend(const DeviceSettings& settings);
// The settings with `auto` decided and checked as make_backend would, without starting a device.
DeviceSettings resolved(const DeviceSettings& settings);
// The same on a machine with these GPUs.
DeviceSettings resolved(const DeviceSettings& settings, std::span<const GpuInfo> all);
// Which of the GPUs a process computes on, of "cuda" and "cuda:N" as resolved.
int gpu_of(std::string_view device, std::span<const GpuInfo> all);

// Throws InputError where `device`, as resolved, is a GPU and computes no heads of that width.
void refuse_head_dim(std::string_view device, int64_t head_dim);

// Why gpus() is empty, and what to do: now, and with such a gpu_fault().
std::string why_no_gpu();
std::string why_no_gpu(const std::string& fault);

// cuda/ or, in a program that was built without the toolkit, no_cuda/.
bool cuda_compiled();
std::vector<GpuInfo> gpus();
// Why CUDA cannot count the GPUs, and what to do; empty where there is just none, or no driver.
std::string gpu_fault();
std::unique_ptr<Backend> make_cuda_backend(int index, DType precision);

}  // namespace rankscope
