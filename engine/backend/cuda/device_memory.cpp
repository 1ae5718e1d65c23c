#include "engine/backend/cuda/device_memory.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "common/error.h"
#include "engine/backend/cuda/check.h"

namespace rankscope::cuda {
namespace {

cudaStream_t handle(Stream stream) { return static_cast<cudaStream_t>(stream.handle); }

// CUDA keeps the last error; one that was dealt with must not turn up at the next launch.
cudaError_t forget(cudaError_t code) {
  if (code != cudaSuccess) cudaGetLastError();
  return code;
}

// "13.0" of 13000.
std::string version(int code) {
  return std::to_string(code / 1000) + "." + std::to_string(code % 1000 / 10);
}

void copy(Stream stream, void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
          const char* what) {
  if (bytes == 0) return;
  check_cuda(cudaMemcpyAsync(to, from, bytes, kind, handle(stream)), what);
}

void copy_2d(Stream stream, void* to, size_t to_pitch, const void* from, size_t from_pitch,
             size_t width_bytes, size_t rows, cudaMemcpyKind kind, const char* what) {
  if (width_bytes == 0 || rows == 0) return;
  check_cuda(
      cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width_bytes, rows, kind, handle(stream)),
      what);
}

}  // namespace

int device_count() {
  int count = 0;
  return forget(cudaGetDeviceCount(&count)) == cudaSuccess ? count : 0;
}

DeviceInfo device_info(int index) {
  int count = 0;
  const cudaError_t code = forget(cudaGetDeviceCount(&count));
  if (code != cudaSuccess) count = 0;
  if (index < 0 || index >= count) {
    std::string message = "there is no CUDA device " + std::to_string(index) + ": ";
    if (count == 0) {
      message += code == cudaSuccess ? "no GPU was found" : cudaGetErrorString(code);
    } else {
      for (int i = 0; i < count; ++i) {
        cudaDeviceProp one;
        check_cuda(cudaGetDeviceProperties(&one, i), "reading a device's properties");
        message += (i == 0 ? "there are " : ", ") + std::to_string(i) + " (" + one.name + ")";
      }
    }
    throw InputError(message + "; `rankscope doctor` shows GPUs and their driver");
  }
  cudaDeviceProp properties;
  check_cuda(cudaGetDeviceProperties(&properties, index), "reading the device's properties");
  int driver = 0;
  int runtime = 0;
  check_cuda(cudaDriverGetVersion(&driver), "reading the driver's version");
  check_cuda(cudaRuntimeGetVersion(&runtime), "reading the runtime's version");

  DeviceInfo info;
  info.name = properties.name;
  info.total_bytes = properties.totalGlobalMem;
  info.capability = 10 * properties.major + properties.minor;
  // The runtime knows only which CUDA the driver is for; its own version is Linux's to tell.
  std::ifstream("/sys/module/nvidia/version") >> info.driver;
  info.driver += (info.driver.empty() ? "for CUDA " : " for CUDA ") + version(driver);
  info.runtime = "CUDA " + version(runtime);
  return info;
}

DeviceInfo select_device(int index) {
  DeviceInfo info = device_info(index);
  check_cuda(cudaSetDevice(index), "selecting the device");
  return info;
}

Stream make_stream() {
  cudaStream_t stream = nullptr;
  check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return {stream};
}

void destroy_stream(Stream stream) noexcept {
  if (stream.handle != nullptr) forget(cudaStreamDestroy(handle(stream)));
}

void synchronize(Stream stream) {
  check_cuda(cudaStreamSynchronize(handle(stream)), "work on the GPU");
}

void* device_allocate(size_t bytes) {
  void* pointer = nullptr;
  const cudaError_t code = forget(cudaMalloc(&pointer, std::max(bytes, size_t{1})));
  if (code == cudaErrorMemoryAllocation) return nullptr;
  check_cuda(code, "allocating GPU memory");
  return pointer;
}

void device_free(void* pointer) noexcept { forget(cudaFree(pointer)); }

void copy_to_device(Stream stream, void* to, const void* from, size_t bytes) {
  copy(stream, to, from, bytes, cudaMemcpyHostToDevice, "a copy to the GPU");
}

void copy_from_device(Stream stream, void* to, const void* from, size_t bytes) {
  copy(stream, to, from, bytes, cudaMemcpyDeviceToHost, "a copy from the GPU");
}

void copy_2d_to_device(Stream stream, void* to, size_t to_pitch, const void* from,
                       size_t from_pitch, size_t width_bytes, size_t rows) {
  copy_2d(stream, to, to_pitch, from, from_pitch, width_bytes, rows, cudaMemcpyHostToDevice,
          "a copy to the GPU");
}

void copy_2d_from_device(Stream stream, void* to, size_t to_pitch, const void* from,
                         size_t from_pitch, size_t width_bytes, size_t rows) {
  copy_2d(stream, to, to_pitch, from, from_pitch, width_bytes, rows, cudaMemcpyDeviceToHost,
          "a copy from the GPU");
}

void fill_zero_2d(Stream stream, void* to, size_t pitch, size_t width_bytes, size_t rows) {
  if (width_bytes == 0 || rows == 0) return;
  check_cuda(cudaMemset2DAsync(to, pitch, 0, width_bytes, rows, handle(stream)),
             "filling GPU memory");
}

}  // namespace rankscope::cuda
