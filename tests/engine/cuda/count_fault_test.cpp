// What is said of a machine on which CUDA cannot count the GPUs, and of what CUDA refuses.
#ifdef RANKSCOPE_TEST_CUDA
#include <catch2/catch.hpp>

#include "engine/backend/cuda/check.h"
#include "engine/backend/devices.h"
#include "tests/error_text.h"
#include "tests/skip.h"

TEST_CASE("cuda: what keeps CUDA from counting the GPUs is said, with what to do") {
  using rankscope::why_no_gpu;
  using rankscope::cuda::count_fault;
  const std::string none = "no GPU is found; check that nvidia-smi shows one";
  CHECK(why_no_gpu(count_fault(cudaSuccess, 13000)) == none);
  CHECK(why_no_gpu(count_fault(cudaErrorNoDevice, 13000)) == none);
  CHECK(why_no_gpu(count_fault(cudaErrorInsufficientDriver, 0)) == none);  // no driver
  CHECK(why_no_gpu(count_fault(cudaErrorInsufficientDriver, 11080)) ==
        "no GPU can be used: CUDA driver version is insufficient for CUDA runtime version; update "
        "the driver");
  CHECK(why_no_gpu(count_fault(cudaErrorSystemNotReady, 13000)) ==
        "no GPU can be used: system not yet initialized; see what nvidia-smi says");
}

TEST_CASE("cuda: what a launch lacks memory for ends a trial, other faults the run") {
  using namespace rankscope;
  CHECK_NOTHROW(cuda::check_cuda(cudaSuccess, "a kernel's launch"));
  CHECK_THROWS_AS(cuda::check_cuda(cudaErrorMemoryAllocation, "a kernel's launch"), OutOfGpuMemory);
  const auto fault = tests::error_text<MachineError>(
      [] { cuda::check_cuda(cudaErrorLaunchFailure, "a kernel's launch"); });
  CHECK_THAT(fault, Catch::StartsWith("CUDA: a kernel's launch failed: "));
  const auto lack = tests::error_text<OutOfGpuMemory>(
      [] { cuda::check_cuda(cudaErrorMemoryAllocation, "a kernel's launch"); });
  CHECK_THAT(lack,
             Catch::StartsWith("out of GPU memory: CUDA had none left for a kernel's launch"));
}

TEST_CASE("cuda: a fault that was thrown is not the next launch's", "[gpu]") {
  using namespace rankscope;
  if (usable_gpus(gpus()).empty()) RANKSCOPE_SKIP("no GPU");
  CHECK_THROWS_AS(cuda::check_cuda(cudaSetDevice(1000), "selecting a GPU"), Error);
  CHECK(cudaPeekAtLastError() == cudaSuccess);
}
#endif
