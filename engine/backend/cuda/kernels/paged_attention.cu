// Attention of single queries over kept keys and values: a block has one query row and up to eight
// of the heads that share a key/value head. It walks over the keys 256 at a time, always from the
// first, with running maxima and sums, so that a row's bits follow from its own keys alone.
#include "engine/backend/cuda/kernels.h"
#include "engine/backend/cuda/kernels/chunk.cuh"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kThreads = 256;
constexpr int kTileKeys = kThreads;  // a thread forms the scores of one key
constexpr int kPage = static_cast<int>(kPageTokens);
constexpr int kTilePages = kTileKeys / kPage;
constexpr int kMostHeads = 8;  // a warp takes the exponentials of one head
constexpr int kUnroll = 8;     // elements a thread reads before it computes
constexpr float kInfinity = __builtin_inff();

template <typename T>
__global__ void store_rows(AttentionShape shape, ConstMatrix k, ConstMatrix v, const int32_t* slots,
                           KeyValuePages pages) {
  const int64_t index = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  const int64_t row = index / k.cols, col = index - row * k.cols;
  if (row >= k.rows || slots[row] == kKept) return;
  const int64_t head = col / shape.head_dim, i = col - head * shape.head_dim;
  const int64_t page = slots[row] / kPage, position = slots[row] % kPage;
  const int64_t key = page * pages.keys.stride + col * kPage + position;
  const int64_t value = page * pages.values.stride + (head * kPage + position) * shape.head_dim + i;
  reinterpret_cast<T*>(pages.keys.data)[key] =
      reinterpret_cast<const T*>(k.data)[row * k.stride + col];
  reinterpret_cast<T*>(pages.values.data)[value] =
      reinterpret_cast<const T*>(v.data)[row * v.stride + col];
}

// Floats of each head that are read together from shared memory.
template <int kCount>
struct alignas(kCount >= 4 ? 16 : 4 * kCount) Group {
  float x[kCount];
};

// What lies in shared memory, in floats: queries [kHeads, padded head_dim], scores [kHeads, keys],
// weights [keys, kHeads], factors and sums [kHeads] each, pages [kTilePages].
constexpr int64_t padded(int64_t head_dim) { return (head_dim + kUnroll - 1) / kUnroll * kUnroll; }
size_t shared_floats(int64_t heads, int64_t head_dim) {
  return static_cast<size_t>(heads * (padded(head_dim) + 2 * kTileKeys + 2) + kTilePages);
}

template <typename T, int kHeads>
__global__ void attend(AttentionShape shape, DevicePages layout, ConstMatrix q, KeyValuePages pages,
                       Matrix out) {
  const int64_t group = shape.heads / shape.kv_heads, parts = (group + kHeads - 1) / kHeads;
  const int64_t row = blockIdx.x / (shape.kv_heads * parts);
  const int64_t kv_head = blockIdx.x / parts % shape.kv_heads, part = blockIdx.x % parts;
  const int64_t first_head = kv_head * group + part * kHeads;
  const int heads =
      static_cast<int>(group - part * kHeads < kHeads ? group - part * kHeads : kHeads);
  const int width = static_cast<int>(shape.head_dim);
  const int wide = (width + kUnroll - 1) / kUnroll * kUnroll;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const int64_t keys = layout.keys[row];
  const int32_t* row_pages = layout.pages + layout.page_begin[row];
  const int64_t head_begin = kv_head * width * kPage;  // within a page, of keys and of values
  const T* key_pages = reinterpret_cast<const T*>(pages.keys.data) + head_begin;
  const T* value_pages = reinterpret_cast<const T*>(pages.values.data) + head_begin;

  float* queries = dynamic_shared<float>();
  float* weights = queries + kHeads * wide;
  float* scores = weights + kTileKeys * kHeads;
  float* factors = scores + kHeads * kTileKeys;
  float* sums = factors + kHeads;
  int32_t* tile_pages = reinterpret_cast<int32_t*>(sums + kHeads);

  // Heads beyond the last and elements behind a head's are zeros.
  for (int e = threadIdx.x; e < kHeads * wide; e += kThreads) {
    const int h = e / wide, i = e % wide;
    const T* from = reinterpret_cast<const T*>(q.data) + row * q.stride;
    queries[e] = h < heads && i < width ? to_float(from[(first_head + h) * width + i]) : 0.0f;
  }

  // Of the values a thread has one column, of every slices-th key.
  const int slices = kThreads / width, slice = threadIdx.x / width;
  const int column = threadIdx.x % width;
  float total[kHeads] = {};
  float top = -kInfinity, sum = 0.0f;  // of the warp's head
  for (int64_t begin = 0; begin < keys; begin += kTileKeys) {
    const int count = static_cast<int>(keys - begin < kTileKeys ? keys - begin : kTileKeys);
    const int own = threadIdx.x;
    if (own < kTilePages && own * kPage < count) tile_pages[own] = row_pages[begin / kPage + own];
    sync_threads();

    float score[kHeads] = {};
    if (own < count) {
      const T* key = key_pages + tile_pages[own / kPage] * pages.keys.stride + own % kPage;
      for (int i = 0; i < width; i += kUnroll) {
        float element[kUnroll];
#pragma unroll
        for (int j = 0; j < kUnroll; ++j)
          element[j] = i + j < width ? to_float(key[(i + j) * kPage]) : 0.0f;
#pragma unroll
        for (int h = 0; h < kHeads; ++h) {
          const auto query = *reinterpret_cast<const Group<kUnroll>*>(queries + h * wide + i);
#pragma unroll
          for (int j = 0; j < kUnroll; ++j) score[h] = fmaf(query.x[j], element[j], score[h]);
        }
      }
    }
#pragma unroll
    for (int h = 0; h < kHeads; ++h)
      scores[h * kTileKeys + own] = own < count ? score[h] * shape.scale : -kInfinity;
    sync_threads();

    if (warp < kHeads) {
      float e[kTileKeys / kWarp], larger = top, part_sum = 0.0f;
#pragma unroll
      for (int j = 0; j < kTileKeys / kWarp; ++j) {
        e[j] = scores[warp * kTileKeys + j * kWarp + lane];
        larger = fmaxf(larger, e[j]);
      }
      larger = warp_max(larger);
#pragma unroll
      for (int j = 0; j < kTileKeys / kWarp; ++j) {
        e[j] = expf(e[j] - larger);
        part_sum += e[j];
        weights[(j * kWarp + lane) * kHeads + warp] = e[j];
      }
      const float factor = expf(top - larger);
      sum = fmaf(sum, factor, warp_sum(part_sum));
      top = larger;
      if (lane == 0) factors[warp] = factor;
    }
    sync_threads();

#pragma unroll
    for (int h = 0; h < kHeads; ++h) total[h] *= factors[h];
    if (slice < slices) {
      for (int p = slice; p < count; p += kUnroll * slices) {
        float value[kUnroll];
#pragma unroll
        for (int j = 0; j < kUnroll; ++j) {
          const int at = p + j * slices;
          value[j] = at < count
                         ? to_float(value_pages[tile_pages[at / kPage] * pages.values.stride +
                                                (at % kPage) * width + column])
                         : 0.0f;
        }
#pragma unroll
        for (int j = 0; j < kUnroll; ++j) {
          const int at = p + j * slices;
          if (at >= count) break;
          const auto weight = *reinterpret_cast<const Group<kHeads>*>(weights + at * kHeads);
#pragma unroll
          for (int h = 0; h < kHeads; ++h) total[h] = fmaf(weight.x[h], value[j], total[h]);
        }
      }
    }
    sync_threads();
  }

  // The slices' sums are added in order; they lie where the scores did.
  if (warp < kHeads && lane == 0) sums[warp] = sum;
  if (slice < slices)
    for (int h = 0; h < kHeads; ++h) scores[(h * slices + slice) * width + column] = total[h];
  sync_threads();
  T* to = reinterpret_cast<T*>(out.data) + row * out.stride + first_head * width;
  for (int e = threadIdx.x; e < heads * width; e += kThreads) {
    const int h = e / width, i = e % width;
    float all = 0.0f;
    for (int s = 0; s < slices; ++s) all += scores[(h * slices + s) * width + i];
    to[e] = from_float<T>(all / sums[h]);
  }
}

template <typename T, int kHeads>
void attend_by(Stream stream, const AttentionShape& shape, const DevicePages& layout, ConstMatrix q,
               const KeyValuePages& pages, Matrix out) {
  const int64_t parts = ceil_div(shape.heads / shape.kv_heads, kHeads);
  launch(attend<T, kHeads>, dim3(static_cast<unsigned>(q.rows * shape.kv_heads * parts)), kThreads,
         shared_floats(kHeads, shape.head_dim) * sizeof(float), stream, shape, layout, q, pages,
         out);
}

template <typename T>
void attend_as(Stream stream, const AttentionShape& shape, const DevicePages& layout, ConstMatrix q,
               const KeyValuePages& pages, Matrix out) {
  const int64_t group = shape.heads / shape.kv_heads;
  if (group == 1)
    attend_by<T, 1>(stream, shape, layout, q, pages, out);
  else if (group == 2)
    attend_by<T, 2>(stream, shape, layout, q, pages, out);
  else if (group <= 4)
    attend_by<T, 4>(stream, shape, layout, q, pages, out);
  else
    attend_by<T, kMostHeads>(stream, shape, layout, q, pages, out);
}

}  // namespace

void store_pages(Stream stream, const AttentionShape& shape, ConstMatrix k, ConstMatrix v,
                 const int32_t* slots, const KeyValuePages& pages) {
  launch(k.dtype == DType::kF32 ? store_rows<float> : store_rows<Bf16>,
         dim3(static_cast<unsigned>(ceil_div(k.rows * k.cols, kThreads))), kThreads, 0, stream,
         shape, k, v, slots, pages);
}

void paged_attention(Stream stream, const AttentionShape& shape, const DevicePages& layout,
                     ConstMatrix q, const KeyValuePages& pages, Matrix out) {
  if (q.dtype == DType::kF32)
    attend_as<float>(stream, shape, layout, q, pages, out);
  else
    attend_as<Bf16>(stream, shape, layout, q, pages, out);
}

}  // namespace rankscope::RANKSCOPE_CUDA
