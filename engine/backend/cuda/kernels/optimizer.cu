// The optimiser over many arrays at once. Their table goes along in the parameters of the kernel,
// which the device reads as constants: as many arrays as fit make one launch. A block works on a
// stretch of one array.
#include <algorithm>

#include "engine/backend/cuda/kernels.h"
#include "engine/backend/cuda/kernels/chunk.cuh"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kThreads = 256;
constexpr int kUnroll = 8;
// Elements of a block: part of the arithmetic of sums, so it depends on nothing.
constexpr int64_t kSquaresBlock = 16384;
constexpr int64_t kAdamWBlock = kThreads * kUnroll;
constexpr int kSumThreads = 1024;
constexpr size_t kParameterBytes = 4096;

// Some arrays of one launch; blocks [first_block[i], first_block[i + 1]) are array i's.
template <typename Array, int kMost>
struct Table {
  Array arrays[kMost];
  int32_t first_block[kMost + 1];
  int32_t count;
};
using SquaresTable = Table<FloatSpan, 192>;
static_assert(sizeof(SquaresTable) + 64 <= kParameterBytes);

struct AdamWArray {
  float* parameter;
  float* gradient;
  float* first_moment;
  float* second_moment;
  int64_t count;
  float decay, move;  // 1 - rate * weight decay; -rate / first correction
};
using AdamWTable = Table<AdamWArray, 72>;
struct AdamWConstants {
  float keep1, take1, keep2, take2, root2, epsilon, scale;
};
static_assert(sizeof(AdamWTable) + sizeof(AdamWConstants) + 64 <= kParameterBytes);

// The array of this block.
template <typename Array, int kMost>
__device__ __forceinline__ int array_of_block(const Table<Array, kMost>& table) {
  int low = 0, high = table.count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (table.first_block[middle] <= static_cast<int32_t>(blockIdx.x))
      low = middle;
    else
      high = middle;
  }
  return low;
}

// The sum over the block, in its first thread, in a fixed order.
__device__ __forceinline__ double block_sum(double x) {
  double* shared = dynamic_shared<double>();
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, warps = blockDim.x / kWarp;
  x = warp_sum(x);
  if (lane == 0) shared[warp] = x;
  sync_threads();
  return warp_sum(lane < warps ? shared[lane] : 0.0);
}

__global__ void block_squares(const __grid_constant__ SquaresTable table, double* sums) {
  const int array = array_of_block(table);
  const FloatSpan span = table.arrays[array];
  const int64_t begin = (blockIdx.x - table.first_block[array]) * kSquaresBlock;
  const int64_t end = min(begin + kSquaresBlock, span.count);
  double total = 0.0;
#pragma unroll 8
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
    const double value = static_cast<double>(span.data[i]);
    total = fma(value, value, total);
  }
  total = block_sum(total);
  if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

__global__ void sum_doubles(const double* values, int64_t count, double* sum) {
  double total = 0.0;
#pragma unroll 8
  for (int64_t i = threadIdx.x; i < count; i += kSumThreads) total += values[i];
  total = block_sum(total);
  if (threadIdx.x == 0) *sum = total;
}

// Each operation rounds as that of the CPU's kernel.
__global__ void adamw_blocks(const __grid_constant__ AdamWTable table,
                             const AdamWConstants constants) {
  const int array = array_of_block(table);
  const AdamWArray a = table.arrays[array];
  const int64_t begin = (blockIdx.x - table.first_block[array]) * kAdamWBlock + threadIdx.x;
  float p[kUnroll], g[kUnroll], m[kUnroll], v[kUnroll];
#pragma unroll
  for (int j = 0; j < kUnroll; ++j) {
    const int64_t i = begin + j * kThreads;
    if (i >= a.count) break;
    p[j] = a.parameter[i];
    g[j] = a.gradient[i];
    m[j] = a.first_moment[i];
    v[j] = a.second_moment[i];
  }
#pragma unroll
  for (int j = 0; j < kUnroll; ++j) {
    const int64_t i = begin + j * kThreads;
    if (i >= a.count) break;
    const float gradient = g[j] * constants.scale;
    const float first = fmaf(m[j], constants.keep1, gradient * constants.take1);
    const float second = fmaf(v[j], constants.keep2, gradient * gradient * constants.take2);
    const float denominator = sqrtf(second) / constants.root2 + constants.epsilon;
    a.parameter[i] = fmaf(a.move, first / denominator, p[j] * a.decay);
    a.gradient[i] = 0.0f;
    a.first_moment[i] = first;
    a.second_moment[i] = second;
  }
}

// launch(table, blocks, blocks before it) for tables of all arrays, in order.
template <typename Filled, typename Arrays, typename Fill, typename Launch>
void each_table(const Arrays& arrays, int64_t block_size, const Fill& fill,
                const Launch& launch_table) {
  constexpr size_t kMost = std::size(decltype(Filled::arrays){});
  int64_t before = 0;
  for (size_t begin = 0; begin < arrays.size(); begin += kMost) {
    Filled table{};
    int64_t blocks = 0;
    table.count = static_cast<int32_t>(std::min(kMost, arrays.size() - begin));
    for (int32_t i = 0; i < table.count; ++i) {
      const auto& array = arrays[begin + static_cast<size_t>(i)];
      table.arrays[i] = fill(array);
      table.first_block[i] = static_cast<int32_t>(blocks);
      blocks += ceil_div(array.count, block_size);
    }
    table.first_block[table.count] = static_cast<int32_t>(blocks);
    launch_table(table, blocks, before);
    before += blocks;
  }
}

}  // namespace

int64_t squares_scratch_doubles(std::span<const FloatSpan> arrays) {
  int64_t blocks = 0;
  for (const FloatSpan& array : arrays) blocks += ceil_div(array.count, kSquaresBlock);
  return blocks;
}

void sum_of_squares(Stream stream, std::span<const FloatSpan> arrays, double* scratch,
                    double* sum) {
  constexpr size_t kSharedBytes = kWarp * sizeof(double);
  each_table<SquaresTable>(
      arrays, kSquaresBlock, [](const FloatSpan& array) { return array; },
      [&](const SquaresTable& table, int64_t blocks, int64_t before) {
        launch(block_squares, dim3(static_cast<unsigned>(blocks)), kThreads, kSharedBytes, stream,
               table, scratch + before);
      });
  launch(sum_doubles, dim3(1), kSumThreads, kSharedBytes, stream, scratch,
         squares_scratch_doubles(arrays), sum);
}

void adamw(Stream stream, const AdamWStep& step, std::span<const AdamWArrays> arrays) {
  const double steps = static_cast<double>(step.step);
  const double correction1 = 1.0 - __builtin_pow(step.beta1, steps);
  const double correction2 = 1.0 - __builtin_pow(step.beta2, steps);
  const AdamWConstants constants{static_cast<float>(step.beta1),
                                 static_cast<float>(1.0 - step.beta1),
                                 static_cast<float>(step.beta2),
                                 static_cast<float>(1.0 - step.beta2),
                                 static_cast<float>(__builtin_sqrt(correction2)),
                                 static_cast<float>(step.epsilon),
                                 static_cast<float>(step.gradient_scale)};
  each_table<AdamWTable>(
      arrays, kAdamWBlock,
      [&](const AdamWArrays& a) {
        return AdamWArray{a.parameter,
                          a.gradient,
                          a.first_moment,
                          a.second_moment,
                          a.count,
                          static_cast<float>(1.0 - a.learning_rate * step.weight_decay),
                          static_cast<float>(-a.learning_rate / correction1)};
      },
      [&](const AdamWTable& table, int64_t blocks, int64_t) {
        launch(adamw_blocks, dim3(static_cast<unsigned>(blocks)), kThreads, 0, stream, table,
               constants);
      });
}

}  // namespace rankscope::RANKSCOPE_CUDA
