// The CUDA backend as devices.h knows it.
#include <cuda_runtime.h>

#include "engine/backend/cuda/check.h"
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

std::string gpu_fault() {
  int count = 0, driver = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  cudaDriverGetVersion(&driver);
  cudaGetLastError();  // CUDA keeps the last error, and the next launch would take it for its own
  return cuda::count_fault(code, driver);
}

std::unique_ptr<Backend> make_cuda_backend(int index, DType precision) {
  return cuda::make_backend(index, precision);
}

}  // namespace rankscope
