// A device backend that takes operands in the host's memory: so the table of kernels and the tests
// that walk it run on a GPU, or on the fake device, as they are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/backend/backend.h"

namespace rankscope::tests {

// The CUDA backend on the fake device.
std::unique_ptr<Backend> make_fake_backend(DType precision);
// That on the first usable GPU, of which there must be one.
std::unique_ptr<Backend> make_gpu_backend(DType precision);

// Each kernel's operands go to `device`, activations in its precision, lie there as they lie here
// (offset to 64 bytes, gaps between rows) with NaN around, and what it writes comes back. Throws
// std::runtime_error where a kernel wrote outside of an operand.
std::unique_ptr<Backend> make_staged_backend(std::unique_ptr<Backend> device);

// The fake device in fp32 and bf16, and the GPU in both where there is one.
struct NamedBackend {
  std::string name;
  bool on_gpu = false;
  DType precision = DType::kF32;
  std::unique_ptr<Backend> backend;  // staged
};
std::vector<NamedBackend> fake_backends();
std::vector<NamedBackend> gpu_backends();

}  // namespace rankscope::tests
