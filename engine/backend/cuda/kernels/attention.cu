// Causal softmax attention in one pass over the keys (FlashAttention): a block has 64 query rows of
// one head, goes over blocks of keys, and keeps each row's greatest score, sum of exponentials and
// weighted sum of values. Scores are never stored.
//
// A row's bits depend on its own query and the keys that it sees: blocks of keys begin at multiples
// of a constant within the sequence, rows share nothing, and a block of which a row sees nothing
// multiplies its sums by e^0 and adds zeros.
#include "engine/backend/cuda/kernels/attention_tiles.cuh"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

template <typename T>
struct Arguments {
  HeadMatrix<const T> q, k, v;
  HeadMatrix<T> out;
  HeadMatrix<float> log_sum;
  DeviceLayout layout;
  int64_t tiles;  // of queries, of the longest sequence
  int group;      // query heads of a key and value head
  int head_dim;
  float scale;
};

// What a block of the kernel takes of the keys at a time, and its shared memory, in elements.
template <typename T, int kWidth>
struct Plan {
  // A tile of float is twice as large, and its sums leave no registers for more.
  static constexpr int kKeys = kIsBf16<T> ? 64 : kWidth <= 64 ? 32 : 16;
  // Products of float take so long that there is nothing to gain from loading beside them.
  static constexpr int kStages = kIsBf16<T> ? 2 : 1;
  static constexpr int kStride = kRowStride<T, kWidth>;
  static constexpr int kQueryTile = kBlockRows * kStride;
  static constexpr int kKeyTile = kKeys * kStride;
  static constexpr int kScores = kIsBf16<T> ? 0 : kBlockRows * kRowStride<T, kKeys>;
  static constexpr size_t kBytes = sizeof(T) * (kQueryTile + kStages * 2 * kKeyTile + kScores);
};

template <typename T, int kWidth>
__global__ void __launch_bounds__(kAttentionThreads) attention_kernel(Arguments<T> a) {
  using P = Plan<T, kWidth>;
  using Exp = Exponential<T>;
  const QueryTile query = query_tile(a.layout, a.tiles);
  const int64_t first_row = query.first_row, first_key = query.first_key;
  const int rows = query.rows, keys = query.keys;
  if (rows <= 0) return;
  const int head = static_cast<int>(blockIdx.y), kv_head = head / a.group;
  const HeadRows<const T> k = a.k.rows(first_key, kv_head, a.head_dim);
  const HeadRows<const T> v = a.v.rows(first_key, kv_head, a.head_dim);

  T* q_tile = dynamic_shared<T>();
  T* key_tiles = q_tile + P::kQueryTile;  // of each stage: keys, then values
  const int lane = lane_id(), g = lane / 4, t = lane % 4;
  const int warp_row = static_cast<int>(threadIdx.x) / kWarp * kWarpRows;
  T* own_q = q_tile + warp_row * P::kStride;
  T* own_scores = key_tiles + P::kStages * 2 * P::kKeyTile + warp_row * kRowStride<T, P::kKeys>;

  // Rows behind the last are zeros at position 0; none of what becomes of them is stored.
  const int32_t* positions = a.layout.query_positions + first_row;
  int position[2];
  for (int r = 0; r < 2; ++r) {
    const int row = warp_row + g + 8 * r;
    position[r] = row < rows ? positions[row] : 0;
  }
  const int warp_rows = min(rows - warp_row, kWarpRows);
  const int warp_first = warp_rows > 0 ? positions[warp_row] : 0;
  const int warp_last = warp_rows > 0 ? positions[warp_row + warp_rows - 1] : -1;

  float out[kWidth / 8][4] = {};
  float greatest[2] = {-INFINITY, -INFINITY};  // score of the row, before scaling
  float shift[2] = {-INFINITY, -INFINITY};     // the same, scaled
  float sum[2] = {0.0f, 0.0f};                 // this lane's part of the exponentials' sum
  const float factor = Exp::factor(a.scale);

  load_tile<kWidth, kBlockRows>(q_tile, a.q.rows(first_row, head, a.head_dim), rows, a.head_dim);
  const auto load = [&](int i) {
    T* to = key_tiles + i % P::kStages * 2 * P::kKeyTile;
    const int begin = i * P::kKeys;
    load_tile<kWidth, P::kKeys>(to, k.from(begin), keys - begin, a.head_dim);
    load_tile<kWidth, P::kKeys>(to + P::kKeyTile, v.from(begin), keys - begin, a.head_dim);
  };
  const auto compute = [&](int i) {
    const int begin = i * P::kKeys;
    if (begin > warp_last) return;
    const T* k_tile = key_tiles + i % P::kStages * 2 * P::kKeyTile;
    float s[P::kKeys / 8][4] = {};
    multiply<false, P::kKeys, kWidth, P::kStride>(s, SharedLeft<T, P::kStride>{own_q}, k_tile);
    if (begin + P::kKeys - 1 > warp_first) {
#pragma unroll
      for (int j = 0; j < P::kKeys / 8; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          if (begin + 8 * j + 2 * t + e % 2 > position[e / 2]) s[j][e] = -INFINITY;
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float most = greatest[r];
#pragma unroll
      for (int j = 0; j < P::kKeys / 8; ++j)
        most = fmaxf(most, fmaxf(s[j][2 * r], s[j][2 * r + 1]));
      most = fmaxf(most, shuffle_xor(most, 1));
      most = fmaxf(most, shuffle_xor(most, 2));
      // Every row sees the key of position 0, so that from the first block on this is finite.
      const float new_shift = most * factor;
      const float decay = Exp::raise(shift[r] - new_shift);
      greatest[r] = most;
      shift[r] = new_shift;
      float added = 0.0f;
#pragma unroll
      for (int j = 0; j < P::kKeys / 8; ++j)
#pragma unroll
        for (int e = 2 * r; e < 2 * r + 2; ++e) {
          s[j][e] = Exp::raise(fmaf(s[j][e], factor, -new_shift));
          added += s[j][e];
        }
      sum[r] = fmaf(sum[r], decay, added);
#pragma unroll
      for (int j = 0; j < kWidth / 8; ++j) {
        out[j][2 * r] *= decay;
        out[j][2 * r + 1] *= decay;
      }
    }
    multiply<true, kWidth, P::kKeys, P::kStride>(out, hold_scores<P::kKeys>(s, own_scores),
                                                 k_tile + P::kKeyTile, 0, warp_last + 1 - begin);
  };
  pipeline<P::kStages>(positions[rows - 1] / P::kKeys + 1, load, compute);

  float inverse[2];
  for (int r = 0; r < 2; ++r) {
    sum[r] += shuffle_xor(sum[r], 1);
    sum[r] += shuffle_xor(sum[r], 2);
    inverse[r] = 1.0f / sum[r];
    const int row = warp_row + g + 8 * r;
    if (t == 0 && row < rows)
      a.log_sum.data[(first_row + row) * a.log_sum.stride + head] = Exp::log_sum(shift[r], sum[r]);
  }
  store_rows<kWidth>(out, inverse, own_q, a.out.rows(first_row + warp_row, head, a.head_dim),
                     warp_rows, a.head_dim);
}

template <typename T>
void run(Stream stream, const AttentionShape& shape, const DeviceLayout& layout, ConstMatrix q,
         ConstMatrix k, ConstMatrix v, Matrix out, Matrix log_sum) {
  Arguments<T> a;
  a.q = head_matrix<const T>(q);
  a.k = head_matrix<const T>(k);
  a.v = head_matrix<const T>(v);
  a.out = head_matrix<T>(out);
  a.log_sum = head_matrix<float>(log_sum);
  a.layout = layout;
  a.tiles = (layout.longest_queries + kBlockRows - 1) / kBlockRows;
  a.group = static_cast<int>(shape.heads / shape.kv_heads);
  a.head_dim = static_cast<int>(shape.head_dim);
  a.scale = shape.scale;
  const dim3 grid(static_cast<unsigned>(layout.sequences * a.tiles),
                  static_cast<unsigned>(shape.heads));
  with_head_width(shape.head_dim, [&](auto width) {
    launch(attention_kernel<T, width()>, grid, kAttentionThreads, Plan<T, width()>::kBytes, stream,
           a);
  });
}

}  // namespace

void attention(Stream stream, const AttentionShape& shape, const DeviceLayout& layout,
               ConstMatrix q, ConstMatrix k, ConstMatrix v, Matrix out, Matrix log_sum) {
  if (q.dtype == DType::kBF16)
    run<Bf16>(stream, shape, layout, q, k, v, out, log_sum);
  else
    run<float>(stream, shape, layout, q, k, v, out, log_sum);
}

}  // namespace rankscope::RANKSCOPE_CUDA
