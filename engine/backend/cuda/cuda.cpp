// The CUDA backend as devices.h knows it.
#include "engine/backend/cuda/cuda_backend.h"
#include "engine/backend/cuda/device_memory.h"
#include "engine/backend/devices.h"

namespace rankscope {

bool cuda_compiled() { return true; }

std::vector<GpuInfo> gpus() {
  std::vector<GpuInfo> found;
  for (int i = 0; i < cuda::device_count(); ++i) {
    const cuda::DeviceInfo info = cuda::device_info(i);
    found.push_back({info.name, static_cast<int64_t>(info.total_bytes), info.capability,
                     info.driver, info.runtime});
  }
  return found;
}

std::unique_ptr<Backend> make_cuda_backend(int index, DType precision) {
  return cuda::make_backend(index, precision);
}

}  // namespace rankscope
