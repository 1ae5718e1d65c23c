// Kernels in which every element stands alone. A thread has eight neighbouring elements of a row,
// in loads of 16 bytes where addresses and strides allow it and one by one elsewhere; what is
// computed from them is the same code, so that an address changes no bit.
#include "common/philox.h"
#include "engine/backend/cuda/kernels.h"
#include "engine/backend/cuda/kernels/chunk.cuh"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kThreads = 256;

// Elements [col, col + n) of a row, n <= kChunk; `wide` says that all matrices take 16-byte loads.
struct Place {
  int64_t row, col;
  int n;
  bool wide;
};

// Zeros behind the n elements.
template <typename T, typename M>
__device__ __forceinline__ void load_at(const M& m, const Place& p, float to[kChunk]) {
  const T* from = reinterpret_cast<const T*>(m.data) + (p.row * m.stride + p.col);
  load(from, p.n, p.wide, to);
}

template <typename T>
__device__ __forceinline__ void store_at(const float from[kChunk], const Matrix& m,
                                         const Place& p) {
  T* to = reinterpret_cast<T*>(m.data) + (p.row * m.stride + p.col);
  store(from, p.n, p.wide, to);
}

template <bool kMultiply, typename T>
struct Combine {
  ConstMatrix x;
  Matrix y;
  __device__ __forceinline__ void operator()(const Place& p) const {
    float a[kChunk], b[kChunk];
    load_at<T>(x, p, a);
    load_at<T>(y, p, b);
    for (int i = 0; i < kChunk; ++i) b[i] = kMultiply ? b[i] * a[i] : b[i] + a[i];
    store_at<T>(b, y, p);
  }
};
template <typename T>
using Add = Combine<false, T>;
template <typename T>
using Multiply = Combine<true, T>;

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

template <typename T>
struct SwiGlu {
  ConstMatrix gate, up;
  Matrix out;
  __device__ __forceinline__ void operator()(const Place& p) const {
    float g[kChunk], u[kChunk];
    load_at<T>(gate, p, g);
    load_at<T>(up, p, u);
    for (int i = 0; i < kChunk; ++i) g[i] = g[i] * sigmoid(g[i]) * u[i];
    store_at<T>(g, out, p);
  }
};

// With s = sigmoid(gate): dup = dout * gate * s, dgate = dout * up * s * (1 + gate * (1 - s)).
template <typename T>
struct SwiGluBackward {
  ConstMatrix gate, up, dout;
  Matrix dgate, dup;
  __device__ __forceinline__ void operator()(const Place& p) const {
    float g[kChunk], u[kChunk], d[kChunk];
    load_at<T>(gate, p, g);
    load_at<T>(up, p, u);
    load_at<T>(dout, p, d);
    for (int i = 0; i < kChunk; ++i) {
      const float s = sigmoid(g[i]), ds = d[i] * s;
      u[i] = ds * u[i] * fmaf(g[i], 1.0f - s, 1.0f);
      d[i] = ds * g[i];
    }
    store_at<T>(u, dgate, p);
    store_at<T>(d, dup, p);
  }
};

// The place's row is one head of one token, its columns are those of the head's lower half.
template <typename T>
struct Rotary {
  Matrix x;
  ConstMatrix cos, sin;
  const int32_t* positions;
  int64_t heads, half;
  float sign;
  __device__ __forceinline__ void operator()(const Place& p) const {
    const int64_t token = p.row / heads, head = p.row - token * heads;
    const Place low{token, head * 2 * half + p.col, p.n, p.wide};
    const Place high{token, low.col + half, p.n, p.wide};
    const Place angle{positions[token], p.col, p.n, p.wide};
    float a[kChunk], b[kChunk], cosine[kChunk], sine[kChunk];
    load_at<T>(x, low, a);
    load_at<T>(x, high, b);
    load_at<float>(cos, angle, cosine);
    load_at<float>(sin, angle, sine);
    for (int i = 0; i < kChunk; ++i) {
      const float s = sine[i] * sign, lower = a[i], higher = b[i];
      a[i] = fmaf(lower, cosine[i], -(higher * s));
      b[i] = fmaf(higher, cosine[i], lower * s);
    }
    store_at<T>(a, x, low);
    store_at<T>(b, x, high);
  }
};

// The words of Philox4x32-10 as in common/philox.h, whose functions are the host's.
__device__ __forceinline__ void philox_words(uint32_t block, uint64_t row_id, uint32_t key0,
                                             uint32_t key1, uint32_t words[4]) {
  uint32_t x0 = block, x1 = 0, x2 = uint32_t(row_id), x3 = uint32_t(row_id >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t product0 = uint64_t{kPhiloxMultiplier0} * x0;
    const uint64_t product1 = uint64_t{kPhiloxMultiplier1} * x2;
    x0 = uint32_t(product1 >> 32) ^ x1 ^ key0, x1 = uint32_t(product1);
    x2 = uint32_t(product0 >> 32) ^ x3 ^ key1, x3 = uint32_t(product0);
    key0 += kPhiloxWeyl0;
    key1 += kPhiloxWeyl1;
  }
  words[0] = x0, words[1] = x1, words[2] = x2, words[3] = x3;
}

// x and out may be the same memory: a thread reads its elements before it writes them.
template <typename T>
struct Dropout {
  ConstMatrix x;
  Matrix out;
  const uint64_t* row_ids;
  uint32_t key0, key1, threshold;
  float scale;
  bool accumulate;
  __device__ __forceinline__ void operator()(const Place& p) const {
    uint32_t words[kChunk];
    for (int i = 0; i < kChunk; i += 4)
      philox_words(static_cast<uint32_t>((p.col + i) / 4), row_ids[p.row], key0, key1, words + i);
    float value[kChunk], kept[kChunk] = {};
    load_at<T>(x, p, value);
    if (accumulate) load_at<T>(out, p, kept);
    for (int i = 0; i < kChunk; ++i) {
      const float factor = words[i] >= threshold ? scale : 0.0f;
      value[i] = accumulate ? fmaf(value[i], factor, kept[i]) : value[i] * factor;
    }
    store_at<T>(value, out, p);
  }
};

template <typename Operation>
__global__ void each_element(Operation operation, int64_t rows, int64_t cols, bool wide) {
  const ChunkPlace p = chunk_place(int64_t{blockIdx.x} * kThreads + threadIdx.x, cols);
  if (p.row < rows) operation(Place{p.row, p.col, p.n, wide});
}

// The operation, made of the operands, for matrices of the type.
template <template <typename> typename Operation, typename... Operands>
void run(Stream stream, DType dtype, int64_t rows, int64_t cols, bool wide,
         const Operands&... operands) {
  const dim3 grid(static_cast<unsigned>(ceil_div(rows * ceil_div(cols, kChunk), kThreads)));
  if (dtype == DType::kF32)
    launch(each_element<Operation<float>>, grid, kThreads, 0, stream, Operation<float>{operands...},
           rows, cols, wide);
  else
    launch(each_element<Operation<Bf16>>, grid, kThreads, 0, stream, Operation<Bf16>{operands...},
           rows, cols, wide);
}

// Of matrices of one size alone: where they lie without gaps as one long row, so that a width that
// is no multiple of a chunk costs nothing.
template <template <typename> typename Operation, typename... Matrices>
void run_matrices(Stream stream, ConstMatrix first, Matrices... others) {
  int64_t rows = first.rows, cols = first.cols;
  if (first.stride == cols && ((others.stride == cols) && ...)) {
    cols *= rows;
    rows = 1;
    first.stride = 0;
    ((others.stride = 0), ...);
  }
  run<Operation>(stream, first.dtype, rows, cols, is_wide(first) && (is_wide(others) && ...), first,
                 others...);
}

__device__ __forceinline__ float stored(const WeightView& m, int64_t row, int64_t col) {
  const int64_t i = row * m.row_stride + col * m.col_stride;
  if (m.dtype == DType::kF32) return static_cast<const float*>(m.data)[i];
  if (m.dtype == DType::kBF16) return to_float(static_cast<const Bf16*>(m.data)[i]);
  return to_float(static_cast<const HalfBits*>(m.data)[i]);
}

// Neighbouring threads read along the side on which elements lie closer and write along rows: a
// square of elements is turned in shared memory.
constexpr int kSquare = 32;

template <typename T>
__global__ void convert_squares(WeightView from, Matrix to) {
  float* square = dynamic_shared<float>();
  const int64_t across = (to.cols + kSquare - 1) / kSquare;
  const int64_t row = blockIdx.x / across * kSquare, col = blockIdx.x % across * kSquare;
  const int lane = threadIdx.x % kSquare, first = threadIdx.x / kSquare;
  const bool down = from.row_stride < from.col_stride;
  for (int j = first; j < kSquare; j += kThreads / kSquare) {
    const int r = down ? lane : j, c = down ? j : lane;
    if (row + r < to.rows && col + c < to.cols)
      square[r * (kSquare + 1) + c] = stored(from, row + r, col + c);
  }
  sync_threads();
  for (int r = first; r < kSquare; r += kThreads / kSquare)
    if (row + r < to.rows && col + lane < to.cols)
      reinterpret_cast<T*>(to.data)[(row + r) * to.stride + col + lane] =
          from_float<T>(square[r * (kSquare + 1) + lane]);
}

}  // namespace

void convert(Stream stream, const WeightView& from, Matrix to) {
  const int64_t squares = ceil_div(to.rows, kSquare) * ceil_div(to.cols, kSquare);
  launch(to.dtype == DType::kF32 ? convert_squares<float> : convert_squares<Bf16>,
         dim3(static_cast<unsigned>(squares)), kThreads, kSquare * (kSquare + 1) * sizeof(float),
         stream, from, to);
}

void add(Stream stream, ConstMatrix x, Matrix y) { run_matrices<Add>(stream, x, y); }

void multiply(Stream stream, ConstMatrix x, Matrix y) { run_matrices<Multiply>(stream, x, y); }

void swiglu(Stream stream, ConstMatrix gate, ConstMatrix up, Matrix out) {
  run_matrices<SwiGlu>(stream, gate, up, out);
}

void swiglu_backward(Stream stream, ConstMatrix gate, ConstMatrix up, ConstMatrix dout,
                     Matrix dgate, Matrix dup) {
  run_matrices<SwiGluBackward>(stream, gate, up, dout, dgate, dup);
}

void rotary(Stream stream, Matrix x, int64_t head_dim, const int32_t* positions, ConstMatrix cos,
            ConstMatrix sin, bool inverse) {
  const int64_t heads = x.cols / head_dim, half = head_dim / 2;
  const bool wide = is_wide(x) && is_wide(cos) && is_wide(sin) && half % kChunk == 0;
  run<Rotary>(stream, x.dtype, x.rows * heads, half, wide, x, cos, sin, positions, heads, half,
              inverse ? -1.0f : 1.0f);
}

void dropout(Stream stream, ConstMatrix x, float p, const uint32_t key[2], const uint64_t* row_ids,
             bool accumulate, Matrix out) {
  // The threshold and the scale of the CPU's kernel, which tells why word >= threshold is exact.
  const bool none = p >= 1.0f;
  const uint32_t threshold =
      none ? 0xFFFFFFFFu : static_cast<uint32_t>(__builtin_ceil(static_cast<double>(p) * 0x1p32));
  const float scale = none ? 0.0f : static_cast<float>(1.0 / (1.0 - static_cast<double>(p)));
  run<Dropout>(stream, out.dtype, x.rows, x.cols, is_wide(x) && is_wide(out), x, out, row_ids,
               key[0], key[1], threshold, scale, accumulate);
}

}  // namespace rankscope::RANKSCOPE_CUDA
