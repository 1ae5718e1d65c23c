#pragma once

#include <memory>

#include "engine/backend/backend.h"
#include "engine/backend/cuda/device.h"

namespace rankscope::RANKSCOPE_CUDA {

// On the GPU of that index; `precision`, F32 or BF16, is that of activations and frozen weights.
// Throws InputError where there is no such GPU.
std::unique_ptr<Backend> make_backend(int device, DType precision);

}  // namespace rankscope::RANKSCOPE_CUDA
