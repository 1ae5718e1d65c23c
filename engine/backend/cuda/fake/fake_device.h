// CUDA C++ as a host compiler sees it: the words, types and functions of nvcc that kernels use, and
// a device whose threads are fibers of the OS thread that launches. Included by device.h alone.
//
// A launch runs its blocks one after the other and is over when it returns. It throws
// std::logic_error, with the block and the thread, where a kernel breaks the rules of device.h: a
// barrier or a collective that not all reach, or memory written behind the block's dynamic shared
// memory, which begins each block as NaNs; or store()'s memory that is not the device's. __shared__
// variables keep what the block before left.
// What a kernel throws comes out of the launch too.
//
// Kernels need -Wno-unknown-pragmas, for #pragma unroll: GCC 12 heeds no pragma that says the same.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>

#define __global__
#define __device__
#define __host__
#define __grid_constant__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __shared__ static thread_local  // a block's fibers have one OS thread
#define __constant__ static const

struct dim3 {
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  unsigned x, y, z;
};

inline constinit thread_local dim3 threadIdx{0, 0, 0};  // of the fiber that runs
inline constinit thread_local dim3 blockIdx{0, 0, 0};
inline constinit thread_local dim3 blockDim{1, 1, 1};
inline constinit thread_local dim3 gridDim{1, 1, 1};
inline constexpr int warpSize = 32;

// ---- Vectors ------------------------------------------------------------------------------------
#define RANKSCOPE_VECTOR_2(T, name)      \
  struct __align__(2 * sizeof(T)) name { \
    T x, y;                              \
  };                                     \
  inline name make_##name(T x, T y) { return {x, y}; }
#define RANKSCOPE_VECTOR_3(T, name) \
  struct name {                     \
    T x, y, z;                      \
  };                                \
  inline name make_##name(T x, T y, T z) { return {x, y, z}; }
#define RANKSCOPE_VECTOR_4(T, name) \
  struct __align__(16) name {       \
    T x, y, z, w;                   \
  };                                \
  inline name make_##name(T x, T y, T z, T w) { return {x, y, z, w}; }
RANKSCOPE_VECTOR_2(int, int2)
RANKSCOPE_VECTOR_2(unsigned, uint2)
RANKSCOPE_VECTOR_2(float, float2)
RANKSCOPE_VECTOR_2(double, double2)
RANKSCOPE_VECTOR_2(long long, longlong2)
RANKSCOPE_VECTOR_2(unsigned long long, ulonglong2)
RANKSCOPE_VECTOR_3(int, int3)
RANKSCOPE_VECTOR_3(unsigned, uint3)
RANKSCOPE_VECTOR_3(float, float3)
RANKSCOPE_VECTOR_4(int, int4)
RANKSCOPE_VECTOR_4(unsigned, uint4)
RANKSCOPE_VECTOR_4(float, float4)
#undef RANKSCOPE_VECTOR_2
#undef RANKSCOPE_VECTOR_3
#undef RANKSCOPE_VECTOR_4

// ---- Arithmetic ---------------------------------------------------------------------------------
#define RANKSCOPE_LEAST_AND_MOST(T)                   \
  constexpr T min(T a, T b) { return b < a ? b : a; } \
  constexpr T max(T a, T b) { return a < b ? b : a; }
RANKSCOPE_LEAST_AND_MOST(int)
RANKSCOPE_LEAST_AND_MOST(unsigned)
RANKSCOPE_LEAST_AND_MOST(long)
RANKSCOPE_LEAST_AND_MOST(unsigned long)
RANKSCOPE_LEAST_AND_MOST(long long)
RANKSCOPE_LEAST_AND_MOST(unsigned long long)
#undef RANKSCOPE_LEAST_AND_MOST
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }

#if !defined(__GLIBC_PREREQ) || !__GLIBC_PREREQ(2, 42)
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
#endif
// Macros, as glibc declares functions of these names and has none.
#define __expf(x) expf(x)
#define __exp10f(x) powf(10.0f, x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __powf(x, y) powf(x, y)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
inline float __fdividef(float x, float y) { return x / y; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frsqrt_rn(float x) { return static_cast<float>(1.0 / sqrt(x)); }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline float __saturatef(float x) { return x > 0.0f ? fminf(x, 1.0f) : 0.0f; }  // NaN: 0
inline int __float2int_rn(float x) { return static_cast<int>(rintf(x)); }
inline int __float2int_rz(float x) { return static_cast<int>(x); }
inline int __float2int_rd(float x) { return static_cast<int>(floorf(x)); }
inline int __float2int_ru(float x) { return static_cast<int>(ceilf(x)); }
inline unsigned __float2uint_rn(float x) { return static_cast<unsigned>(rintf(x)); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
inline float __double2float_rn(double x) { return static_cast<float>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<uint64_t>(a) * b) >> 32);
}
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
template <typename T>
inline T __ldg(const T* address) {
  return *address;
}
template <typename T>
inline T __ldcs(const T* address) {
  return *address;
}
template <typename T>
inline void __stcs(T* address, T value) {
  *address = value;
}

// ---- The device ---------------------------------------------------------------------------------
namespace rankscope::fake_cuda {

// Throws std::logic_error unless the bytes are the device's: of what the machine does in global
// memory alone, and not in shared. In fake_memory.cpp.
void expect_global(const void* pointer, size_t bytes);

void sync_threads();
void sync_warp();
float shuffle_xor(float x, int mask);
double shuffle_xor(double x, int mask);
int shuffle_xor(int x, int mask);
float shuffle(float x, int lane);
int shuffle(int x, int lane);
// Each sum begins at zero, adds the exact products in the order of k, and is then added to c.
void mma_bf16(float c[4], const uint32_t a[4], const uint32_t b[2]);

inline constinit thread_local unsigned char* block_shared_memory = nullptr;
template <typename T>
T* dynamic_shared() {
  return reinterpret_cast<T*>(block_shared_memory);
}

// Blocks, and the threads of each, begin from the last instead of from the first, for launches of
// this OS thread. A kernel whose results the order changes lacks a barrier.
// RANKSCOPE_FAKE_REVERSE=1 in the environment is the same for a whole program.
void run_in_reverse(bool reverse);

// body(context) by every thread of the grid.
void run_grid(void (*body)(const void* context), const void* context, dim3 grid, int threads,
              size_t shared_bytes);

template <typename... P, typename... A>
void launch(void (*kernel)(P...), dim3 grid, int threads, size_t shared_bytes, Stream,
            A... arguments) {
  struct Call {
    void (*kernel)(P...);
    std::tuple<P...> arguments;
  };
  const Call call{kernel, std::tuple<P...>(static_cast<P>(arguments)...)};
  run_grid(
      [](const void* context) {
        const Call& c = *static_cast<const Call*>(context);
        std::apply(c.kernel, c.arguments);
      },
      &call, grid, threads, shared_bytes);
}

}  // namespace rankscope::fake_cuda
