// CUDA's return codes as errors.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "common/error.h"

namespace rankscope::cuda {

// Throws MachineError: `what` failed, and why.
inline void check_cuda(cudaError_t code, const char* what) {
  if (code == cudaSuccess) return;
  throw MachineError(std::string("CUDA: ") + what + " failed: " + cudaGetErrorString(code) +
                     "; `rankscope doctor` shows the GPU, its driver and its memory");
}

}  // namespace rankscope::cuda
