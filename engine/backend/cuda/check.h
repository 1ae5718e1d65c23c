// CUDA's return codes as errors.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "common/error.h"

namespace rankscope::cuda {

[[noreturn]] inline void throw_out_of_gpu_memory(const char* whose, const char* what) {
  throw OutOfGpuMemory(std::string("out of GPU memory: ") + whose + " had none left for " + what +
                       "; see what else uses this GPU, or run fewer workers on it");
}

// Throws MachineError: `what` failed, and why. OutOfGpuMemory where it lacked memory, as a kernel
// may whose local memory the driver makes room for at its launch.
inline void check_cuda(cudaError_t code, const char* what) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // CUDA keeps it: the next launch would fail by what was dealt with here
  if (code == cudaErrorMemoryAllocation) throw_out_of_gpu_memory("CUDA", what);
  throw MachineError(std::string("CUDA: ") + what + " failed: " + cudaGetErrorString(code) +
                     "; `rankscope doctor` shows the GPU, its driver and its memory");
}

// As gpu_fault() in devices.h, of what cudaGetDeviceCount and cudaDriverGetVersion gave. Where no
// driver is installed the first says that it is too old, and the second 0.
inline std::string count_fault(cudaError_t code, int driver_version) {
  if (code == cudaSuccess || code == cudaErrorNoDevice) return {};
  const bool old = code == cudaErrorInsufficientDriver;
  if (old && driver_version == 0) return {};
  return std::string(cudaGetErrorString(code)) +
         (old ? "; update the driver" : "; see what nvidia-smi says");
}

}  // namespace rankscope::cuda
