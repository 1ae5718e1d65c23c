#include "engine/backend/cuda/arena.h"

#include <cuda.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/error.h"
#include "engine/backend/cuda/check.h"

namespace rankscope::cuda {

namespace {

// The driver's functions are asked for by name: the program must start where no driver is.
template <typename F>
F driver_function(const char* name) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
#if CUDART_VERSION < 12050
  const cudaError_t code = cudaGetDriverEntryPoint(name, &function, cudaEnableDefault, &found);
#else
  const cudaError_t code =
      cudaGetDriverEntryPointByVersion(name, &function, 12000, cudaEnableDefault, &found);
#endif
  check_cuda(code, "the search for a function of the driver");
  if (found != cudaDriverEntryPointSuccess || function == nullptr)
    throw MachineError(std::string("CUDA: the driver has no ") + name +
                       "; install a driver of CUDA 12 or later");
  return reinterpret_cast<F>(function);
}

size_t rounded_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

class MappedArena final : public Arena {
 public:
  MappedArena() {
    int device = 0;
    check_cuda(cudaGetDevice(&device), "the question for the device");
    size_t free = 0, total = 0;
    check_cuda(cudaMemGetInfo(&free, &total), "the question for free memory");
    property_.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    property_.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    property_.location.id = device;
    size_t granularity = 0;
    check(
        driver_function<decltype(&cuMemGetAllocationGranularity)>("cuMemGetAllocationGranularity")(
            &granularity, &property_, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED),
        "the question for the granularity");
    // Small models want little, large ones a few steps only.
    constexpr size_t kStep = size_t{32} << 20;
    unit_ = rounded_up(kStep, granularity);
    reserved_ = rounded_up(total, unit_);
    check(driver_function<decltype(&cuMemAddressReserve)>("cuMemAddressReserve")(&base_, reserved_,
                                                                                 0, 0, 0),
          "the reservation of addresses");
  }

  ~MappedArena() override {
    if (committed_ > 0) unmap_(base_, committed_);
    for (const CUmemGenericAllocationHandle handle : handles_) release_(handle);
    free_addresses_(base_, reserved_);
  }

  char* base() const override { return reinterpret_cast<char*>(base_); }
  size_t committed() const override { return committed_; }

  bool commit(size_t bytes) override {
    if (bytes <= committed_) return true;
    const size_t more = rounded_up(bytes - committed_, unit_);
    if (committed_ + more > reserved_) return false;
    CUmemGenericAllocationHandle handle = 0;
    const CUresult created = create_(&handle, more, &property_, 0);
    if (created == CUDA_ERROR_OUT_OF_MEMORY) return false;
    check(created, "an allocation");
    CUmemAccessDesc access{};
    access.location = property_.location;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    const CUdeviceptr at = base_ + committed_;
    const CUresult mapped = map_or_release([&] { return map_(at, more, 0, handle, 0); },
                                           [&] { return set_access_(at, more, &access, 1); },
                                           [&] { unmap_(at, more); }, [&] { release_(handle); });
    if (mapped == CUDA_ERROR_OUT_OF_MEMORY) return false;
    check(mapped, "the mapping of memory");
    handles_.push_back(handle);
    committed_ += more;
    return true;
  }

 private:
  static void check(CUresult result, const char* what) {
    if (result != CUDA_SUCCESS)
      throw MachineError(std::string("CUDA: ") + what + " failed, code " +
                         std::to_string(static_cast<int>(result)));
  }

  CUmemAllocationProp property_{};
  CUdeviceptr base_ = 0;
  size_t unit_ = 0, reserved_ = 0, committed_ = 0;
  std::vector<CUmemGenericAllocationHandle> handles_;
  decltype(&cuMemCreate) create_ = driver_function<decltype(&cuMemCreate)>("cuMemCreate");
  decltype(&cuMemMap) map_ = driver_function<decltype(&cuMemMap)>("cuMemMap");
  decltype(&cuMemSetAccess) set_access_ =
      driver_function<decltype(&cuMemSetAccess)>("cuMemSetAccess");
  decltype(&cuMemUnmap) unmap_ = driver_function<decltype(&cuMemUnmap)>("cuMemUnmap");
  decltype(&cuMemRelease) release_ = driver_function<decltype(&cuMemRelease)>("cuMemRelease");
  decltype(&cuMemAddressFree) free_addresses_ =
      driver_function<decltype(&cuMemAddressFree)>("cuMemAddressFree");
};

}  // namespace

std::unique_ptr<Arena> make_arena() { return std::make_unique<MappedArena>(); }

}  // namespace rankscope::cuda
