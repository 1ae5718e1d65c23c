// What stands in for the CUDA backend where the toolkit is not installed.
#include "common/error.h"
#include "engine/backend/devices.h"

namespace rankscope {

bool cuda_compiled() { return false; }

std::vector<GpuInfo> gpus() { return {}; }

std::string gpu_fault() { return {}; }

std::unique_ptr<Backend> make_cuda_backend(int, DType) {
  throw InputError("this program was built without CUDA");
}

}  // namespace rankscope
