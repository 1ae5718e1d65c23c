// What the CUDA kernels are written in: CUDA C++ under nvcc, and under a host compiler (with
// RANKSCOPE_FAKE_DEVICE) a device that runs every thread of a block as a fiber, so that the very
// sources of the kernels are tested where no GPU is.
//
// Rules that both demand: every thread of a block reaches each sync_threads(), all 32 lanes of a
// warp reach each collective (sync_warp, shuffle_*, mma_*), and blocks of one launch are
// independent.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(RANKSCOPE_FAKE_DEVICE)
#define RANKSCOPE_CUDA fake_cuda
#else
#define RANKSCOPE_CUDA cuda
#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <map>
#include <mutex>
#include <utility>

#include "engine/backend/cuda/check.h"
#endif
#endif

namespace rankscope::RANKSCOPE_CUDA {

// A CUDA stream (cudaStream_t); null for the fake device.
struct Stream {
  void* handle = nullptr;
};

inline constexpr int kWarp = 32;

// bfloat16 as it lies in memory.
struct Bf16 {
  uint16_t bits;
};

}  // namespace rankscope::RANKSCOPE_CUDA

#if defined(RANKSCOPE_FAKE_DEVICE)
#include "engine/backend/cuda/fake/fake_device.h"
#endif

#if defined(__CUDACC__) || defined(RANKSCOPE_FAKE_DEVICE)

namespace rankscope::RANKSCOPE_CUDA {

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(Bf16 x) {
  union {
    uint32_t word;
    float value;
  } u;
  u.word = static_cast<uint32_t>(x.bits) << 16;
  return u.value;
}

// Rounded to nearest, ties to even.
template <typename T>
__device__ __forceinline__ T from_float(float x);
template <>
__device__ __forceinline__ float from_float<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ Bf16 from_float<Bf16>(float x) {
#if defined(__CUDACC__)
  return {__bfloat16_as_ushort(__float2bfloat16_rn(x))};
#else
  union {
    float value;
    uint32_t word;
  } u;
  u.value = x;
  if (x != x) return {static_cast<uint16_t>(0x7FFF)};
  return {static_cast<uint16_t>((u.word + 0x7FFFu + ((u.word >> 16) & 1u)) >> 16)};
#endif
}

#if defined(__CUDACC__)

__device__ __forceinline__ void sync_threads() { __syncthreads(); }
__device__ __forceinline__ void sync_warp() { __syncwarp(); }
__device__ __forceinline__ float shuffle_xor(float x, int mask) {
  return __shfl_xor_sync(0xFFFFFFFFu, x, mask);
}
__device__ __forceinline__ double shuffle_xor(double x, int mask) {
  return __shfl_xor_sync(0xFFFFFFFFu, x, mask);
}
__device__ __forceinline__ int shuffle_xor(int x, int mask) {
  return __shfl_xor_sync(0xFFFFFFFFu, x, mask);
}
// The value of lane `lane`.
__device__ __forceinline__ float shuffle(float x, int lane) {
  return __shfl_sync(0xFFFFFFFFu, x, lane);
}
__device__ __forceinline__ int shuffle(int x, int lane) {
  return __shfl_sync(0xFFFFFFFFu, x, lane);
}

// c += a b, mma.sync.m16n8k16 of bfloat16 with fp32 sums: fragments as the PTX manual lays them
// out. With g = lane / 4 and t = lane % 4: a[0] holds A[g][2t, 2t+1], a[1] A[g+8][2t..], a[2]
// A[g][2t+8..], a[3] A[g+8][2t+8..]; b[0] holds B[2t, 2t+1][g], b[1] B[2t+8..][g]; c[0], c[1] are
// C[g][2t, 2t+1], c[2], c[3] C[g+8][2t, 2t+1]. The lower half of a word is the lower index.
__device__ __forceinline__ void mma_bf16(float c[4], const uint32_t a[4], const uint32_t b[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// The block's dynamic shared memory.
template <typename T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char rankscope_shared_memory[];
  return reinterpret_cast<T*>(rankscope_shared_memory);
}

// Lets a kernel have more shared memory than it may by default, on the current device. The runtime
// is asked once for each kernel and size: it takes as long as a launch.
inline void allow_shared_memory(const void* kernel, size_t bytes) {
  static std::mutex mutex;
  static std::map<std::pair<int, const void*>, size_t> allowed;
  int device = 0;
  check_cuda(cudaGetDevice(&device), "asking for the current device");
  const std::lock_guard lock(mutex);
  size_t& most = allowed[{device, kernel}];
  if (bytes <= most) return;
  check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  static_cast<int>(bytes)),
             "a kernel's shared memory");
  most = bytes;
}

// Puts a kernel on the stream. Throws MachineError where the launch itself fails.
template <typename... P, typename... A>
void launch(void (*kernel)(P...), dim3 grid, int threads, size_t shared_bytes, Stream stream,
            A... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  constexpr size_t kDefaultShared = 48 * 1024;
  if (shared_bytes > kDefaultShared)
    allow_shared_memory(reinterpret_cast<const void*>(kernel), shared_bytes);
  kernel<<<grid, static_cast<unsigned>(threads), shared_bytes,
           static_cast<cudaStream_t>(stream.handle)>>>(static_cast<P>(arguments)...);
  check_cuda(cudaGetLastError(), "a kernel's launch");
}

#endif

// The sum over a warp, in a fixed order, in every lane.
template <typename T>
__device__ __forceinline__ T warp_sum(T x) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) x += shuffle_xor(x, mask);
  return x;
}
__device__ __forceinline__ float warp_max(float x) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) x = fmaxf(x, shuffle_xor(x, mask));
  return x;
}

}  // namespace rankscope::RANKSCOPE_CUDA

#endif
