// The gradients of attention. With p the probabilities, made again from the scores and the kept log
// of each row's denominator, and delta the row sums of dout * out,
//   dv = p^T dout,  ds = p * (dout v^T - delta),  dq = scale * ds k,  dk = scale * ds^T q.
// dq goes by rows of queries and dk and dv by rows of keys, in one kernel each: the scores are made
// twice, which costs 2 products of 7, and in return nothing is added by atomics and each gradient
// is summed in an order of its own sequence alone.
#include "engine/backend/cuda/kernels/attention_tiles.cuh"
#include "engine/backend/cuda/kernels/chunk.cuh"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

template <typename T>
struct Arguments {
  HeadMatrix<const T> q, k, v, out, dout;
  HeadMatrix<const float> log_sum;
  HeadMatrix<T> dq, dk, dv;
  float* delta;  // [query rows, heads]
  DeviceLayout layout;
  int64_t tiles;  // of the launch's rows, of the longest sequence
  int heads;
  int group;  // query heads of a key and value head
  int head_dim;
  float scale;
};

// The rows of the other side that a block takes at a time, and its shared memory, in elements; both
// kernels hold two tiles of 64 rows of their own side.
template <typename T, int kWidth, bool kByKeys>
struct Plan {
  // As many as leave the sums, of which the kernel for keys has two, and the scores in registers.
  static constexpr int kMost = kIsBf16<T> ? 64 : 32;
  static constexpr int kOthers = kWidth <= (kByKeys && !kIsBf16<T> ? 32 : 64) ? kMost : kMost / 2;
  // Products of float take so long that there is nothing to gain from loading beside them.
  static constexpr int kStages = kIsBf16<T> ? 2 : 1;
  static constexpr int kStride = kRowStride<T, kWidth>;
  static constexpr int kOwnTile = kBlockRows * kStride;
  static constexpr int kOtherTile = kOthers * kStride;
  static constexpr int kStage = 2 * kOtherTile;
  static constexpr int kScores = kIsBf16<T> ? 0 : kBlockRows * kRowStride<T, kOthers>;
  // For each query of a stage of the kernel for keys: log_sum, delta and the position.
  static constexpr int kQueryWords = kByKeys ? 3 * kOthers : 0;
  static constexpr size_t kBytes = sizeof(T) * (2 * kOwnTile + kStages * kStage + kScores) +
                                   sizeof(float) * kStages * kQueryWords;
};

// A block for each query row; groups of lanes take its heads, a lane a chunk of one.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kAttentionThreads) delta_kernel(Arguments<T> a) {
  constexpr int kLanes = kWidth == 96 ? 16 : kWidth / kChunk;
  const int64_t row = blockIdx.x;
  const int group = static_cast<int>(threadIdx.x) / kLanes;
  const int first = static_cast<int>(threadIdx.x) % kLanes * kChunk;
  for (int base = 0; base < a.heads; base += kAttentionThreads / kLanes) {
    const int head = base + group;
    float sum = 0.0f;
    if (head < a.heads && first < a.head_dim) {
      const HeadRows<const T> out = a.out.rows(row, head, a.head_dim);
      const HeadRows<const T> dout = a.dout.rows(row, head, a.head_dim);
      const int n = in_chunk(a.head_dim - first);
      float x[kChunk], y[kChunk];
      load(out.data + first, n, out.aligned, x);
      load(dout.data + first, n, dout.aligned, y);
#pragma unroll
      for (int i = 0; i < kChunk; ++i) sum = fmaf(x[i], y[i], sum);
    }
#pragma unroll
    for (int mask = kLanes / 2; mask > 0; mask /= 2) sum += shuffle_xor(sum, mask);
    if (head < a.heads && first == 0) a.delta[row * a.heads + head] = sum;
  }
}

// dq of 64 query rows of one head.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kAttentionThreads) query_gradient_kernel(Arguments<T> a) {
  using P = Plan<T, kWidth, false>;
  using Exp = Exponential<T>;
  const QueryTile query = query_tile(a.layout, a.tiles);
  const int64_t first_row = query.first_row, first_key = query.first_key;
  const int rows = query.rows, keys = query.keys;
  if (rows <= 0) return;
  const int head = static_cast<int>(blockIdx.y), kv_head = head / a.group;
  const HeadRows<const T> k = a.k.rows(first_key, kv_head, a.head_dim);
  const HeadRows<const T> v = a.v.rows(first_key, kv_head, a.head_dim);

  T* q_tile = dynamic_shared<T>();
  T* dout_tile = q_tile + P::kOwnTile;
  T* key_tiles = dout_tile + P::kOwnTile;  // of each stage: keys, then values
  const int lane = lane_id(), g = lane / 4, t = lane % 4;
  const int warp_row = static_cast<int>(threadIdx.x) / kWarp * kWarpRows;
  T* own_q = q_tile + warp_row * P::kStride;
  T* own_scores = key_tiles + P::kStages * P::kStage + warp_row * kRowStride<T, P::kOthers>;

  // Rows behind the last are zeros at position 0; none of what becomes of them is stored.
  const int32_t* positions = a.layout.query_positions + first_row;
  int position[2] = {0, 0};
  float offset[2] = {0.0f, 0.0f}, delta[2] = {0.0f, 0.0f};
  for (int r = 0; r < 2; ++r) {
    const int row = warp_row + g + 8 * r;
    if (row >= rows) continue;
    position[r] = positions[row];
    offset[r] = Exp::offset(a.log_sum.data[(first_row + row) * a.log_sum.stride + head]);
    delta[r] = a.delta[(first_row + row) * a.heads + head];
  }
  const int warp_rows = min(rows - warp_row, kWarpRows);
  const int warp_first = warp_rows > 0 ? positions[warp_row] : 0;
  const int warp_last = warp_rows > 0 ? positions[warp_row + warp_rows - 1] : -1;

  float dq[kWidth / 8][4] = {};
  const float factor = Exp::factor(a.scale);

  load_tile<kWidth, kBlockRows>(q_tile, a.q.rows(first_row, head, a.head_dim), rows, a.head_dim);
  load_tile<kWidth, kBlockRows>(dout_tile, a.dout.rows(first_row, head, a.head_dim), rows,
                                a.head_dim);
  const auto load = [&](int i) {
    T* to = key_tiles + i % P::kStages * P::kStage;
    const int begin = i * P::kOthers;
    load_tile<kWidth, P::kOthers>(to, k.from(begin), keys - begin, a.head_dim);
    load_tile<kWidth, P::kOthers>(to + P::kOtherTile, v.from(begin), keys - begin, a.head_dim);
  };
  const auto compute = [&](int i) {
    const int begin = i * P::kOthers;
    if (begin > warp_last) return;
    const T* k_tile = key_tiles + i % P::kStages * P::kStage;
    float s[P::kOthers / 8][4] = {}, ds[P::kOthers / 8][4] = {};
    multiply<false, P::kOthers, kWidth, P::kStride>(s, SharedLeft<T, P::kStride>{own_q}, k_tile);
    multiply<false, P::kOthers, kWidth, P::kStride>(
        ds, SharedLeft<T, P::kStride>{own_q + P::kOwnTile}, k_tile + P::kOtherTile);
#pragma unroll
    for (int j = 0; j < P::kOthers / 8; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float p = Exp::raise(fmaf(s[j][e], factor, -offset[e / 2]));
        ds[j][e] = p * (ds[j][e] - delta[e / 2]);
      }
    if (begin + P::kOthers - 1 > warp_first) {
#pragma unroll
      for (int j = 0; j < P::kOthers / 8; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          if (begin + 8 * j + 2 * t + e % 2 > position[e / 2]) ds[j][e] = 0.0f;
    }
    multiply<true, kWidth, P::kOthers, P::kStride>(dq, hold_scores<P::kOthers>(ds, own_scores),
                                                   k_tile, 0, warp_last + 1 - begin);
  };
  pipeline<P::kStages>(positions[rows - 1] / P::kOthers + 1, load, compute);
  store_rows<kWidth>(dq, {a.scale, a.scale}, own_q,
                     a.dq.rows(first_row + warp_row, head, a.head_dim), warp_rows, a.head_dim);
}

// dk and dv of 64 key rows of one key and value head: over the query heads that read it, and of
// each over the queries that see a key of the block.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kAttentionThreads) key_gradient_kernel(Arguments<T> a) {
  using P = Plan<T, kWidth, true>;
  using Exp = Exponential<T>;
  const unsigned sequences = static_cast<unsigned>(a.layout.sequences);
  const int begin = static_cast<int>(blockIdx.x / sequences) * kBlockRows;
  const unsigned sequence = blockIdx.x % sequences;
  const int64_t first_key = a.layout.key_begin[sequence] + begin;
  const int keys = static_cast<int>(
      min(a.layout.key_begin[sequence + 1] - first_key, static_cast<int64_t>(kBlockRows)));
  if (keys <= 0) return;
  const int64_t first_row = a.layout.query_begin[sequence];
  const int rows = static_cast<int>(a.layout.query_begin[sequence + 1] - first_row);
  const int32_t* positions = a.layout.query_positions + first_row;
  const int kv_head = static_cast<int>(blockIdx.y);

  T* k_tile = dynamic_shared<T>();
  T* v_tile = k_tile + P::kOwnTile;
  T* query_tiles = v_tile + P::kOwnTile;  // of each stage: queries, then gradients of outputs
  T* scores = query_tiles + P::kStages * P::kStage;
  float* query_words = reinterpret_cast<float*>(scores + P::kScores);
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = lane_id(), g = lane / 4, t = lane % 4;
  const int warp_row = thread / kWarp * kWarpRows;
  T* own_k = k_tile + warp_row * P::kStride;
  T* own_v = v_tile + warp_row * P::kStride;
  T* own_scores = scores + warp_row * kRowStride<T, P::kOthers>;
  const int key = begin + warp_row;  // the warp's first

  // Tiles of queries none of which sees a key of the block come first, as positions rise.
  const int tiles = (rows + P::kOthers - 1) / P::kOthers;
  int unseen = 0;
  for (int i = lane; i - lane < tiles; i += kWarp)
    if (i < tiles && positions[min((i + 1) * P::kOthers, rows) - 1] < begin) ++unseen;
  unseen = warp_sum(unseen);
  const int seen = tiles - unseen;

  float dk[kWidth / 8][4] = {}, dv[kWidth / 8][4] = {};
  const float factor = Exp::factor(a.scale);
  const bool want_dk = a.dk.data != nullptr;

  if (seen > 0) {
    load_tile<kWidth, kBlockRows>(k_tile, a.k.rows(first_key, kv_head, a.head_dim), keys,
                                  a.head_dim);
    if (want_dk)
      load_tile<kWidth, kBlockRows>(v_tile, a.v.rows(first_key, kv_head, a.head_dim), keys,
                                    a.head_dim);
  }
  const auto load = [&](int i) {
    const int head = kv_head * a.group + i / seen;
    const int skipped = (unseen + i % seen) * P::kOthers, count = rows - skipped;
    const int64_t row = first_row + skipped;
    T* to = query_tiles + i % P::kStages * P::kStage;
    load_tile<kWidth, P::kOthers>(to, a.q.rows(row, head, a.head_dim), count, a.head_dim);
    load_tile<kWidth, P::kOthers>(to + P::kOtherTile, a.dout.rows(row, head, a.head_dim), count,
                                  a.head_dim);
    if (thread >= P::kOthers) return;
    float* log_sum = query_words + i % P::kStages * P::kQueryWords + thread;
    float* delta = log_sum + P::kOthers;
    int* position = reinterpret_cast<int*>(delta + P::kOthers);
    if (thread < count) {
      copy_4_async(log_sum, a.log_sum.data + (row + thread) * a.log_sum.stride + head);
      copy_4_async(delta, a.delta + (row + thread) * a.heads + head);
      copy_4_async(position, positions + skipped + thread);
    } else {
      *log_sum = *delta = 0.0f;
      *position = -1;  // sees nothing
    }
  };
  const auto compute = [&](int i) {
    const T* q_tile = query_tiles + i % P::kStages * P::kStage;
    const T* dout_tile = q_tile + P::kOtherTile;
    const float* log_sums = query_words + i % P::kStages * P::kQueryWords;
    const float* deltas = log_sums + P::kOthers;
    const int* query_positions = reinterpret_cast<const int*>(deltas + P::kOthers);
    // Leading queries of the tile that see no key of the warp, by 16; then a whole tile of none.
    const int count = min(rows - (unseen + i % seen) * P::kOthers, P::kOthers);
    int first = 0;
    while (first + 16 <= count && query_positions[first + 15] < key) first += 16;
    if (first >= count) return;

    float s[P::kOthers / 8][4] = {};
    multiply<false, P::kOthers, kWidth, P::kStride>(s, SharedLeft<T, P::kStride>{own_k}, q_tile);
    const bool masked = count < P::kOthers || query_positions[0] < key + kWarpRows - 1;
#pragma unroll
    for (int j = 0; j < P::kOthers / 8; ++j) {
      const int column = 8 * j + 2 * t;
      const Pair log_sum = *reinterpret_cast<const Pair*>(log_sums + column);
#pragma unroll
      for (int e = 0; e < 4; ++e)
        s[j][e] = Exp::raise(fmaf(s[j][e], factor, -Exp::offset(log_sum.x[e % 2])));
      if (masked) {
#pragma unroll
        for (int e = 0; e < 4; ++e)
          if (query_positions[column + e % 2] < key + g + e / 2 * 8) s[j][e] = 0.0f;
      }
    }
    if (a.dv.data != nullptr)
      multiply<true, kWidth, P::kOthers, P::kStride>(dv, hold_scores<P::kOthers>(s, own_scores),
                                                     dout_tile, first, count);
    if (!want_dk) return;
    float ds[P::kOthers / 8][4] = {};
    multiply<false, P::kOthers, kWidth, P::kStride>(ds, SharedLeft<T, P::kStride>{own_v},
                                                    dout_tile);
#pragma unroll
    for (int j = 0; j < P::kOthers / 8; ++j) {
      const Pair delta = *reinterpret_cast<const Pair*>(deltas + 8 * j + 2 * t);
#pragma unroll
      for (int e = 0; e < 4; ++e) ds[j][e] = s[j][e] * (ds[j][e] - delta.x[e % 2]);
    }
    multiply<true, kWidth, P::kOthers, P::kStride>(dk, hold_scores<P::kOthers>(ds, own_scores),
                                                   q_tile, first, count);
  };
  pipeline<P::kStages>(seen * a.group, load, compute);

  const int warp_rows = keys - warp_row;
  if (a.dv.data != nullptr)
    store_rows<kWidth>(dv, {1.0f, 1.0f}, own_v,
                       a.dv.rows(first_key + warp_row, kv_head, a.head_dim), warp_rows, a.head_dim);
  if (want_dk)
    store_rows<kWidth>(dk, {a.scale, a.scale}, own_k,
                       a.dk.rows(first_key + warp_row, kv_head, a.head_dim), warp_rows, a.head_dim);
}

template <typename T>
void run(Stream stream, const AttentionShape& shape, const DeviceLayout& layout, Arguments<T> a,
         int64_t query_rows) {
  a.layout = layout;
  a.heads = static_cast<int>(shape.heads);
  a.group = static_cast<int>(shape.heads / shape.kv_heads);
  a.head_dim = static_cast<int>(shape.head_dim);
  a.scale = shape.scale;
  const auto grid = [&](int64_t longest, int64_t heads) {
    a.tiles = (longest + kBlockRows - 1) / kBlockRows;
    return dim3(static_cast<unsigned>(layout.sequences * a.tiles), static_cast<unsigned>(heads));
  };
  with_head_width(shape.head_dim, [&](auto width) {
    // dv alone needs no delta, but reads it as it does log_sum.
    const dim3 rows(static_cast<unsigned>(query_rows));
    launch(delta_kernel<T, width()>, rows, kAttentionThreads, 0, stream, a);
    if (a.dk.data != nullptr || a.dv.data != nullptr) {
      const dim3 blocks = grid(layout.longest_keys, shape.kv_heads);
      launch(key_gradient_kernel<T, width()>, blocks, kAttentionThreads,
             Plan<T, width(), true>::kBytes, stream, a);
    }
    if (a.dq.data != nullptr) {
      const dim3 blocks = grid(layout.longest_queries, shape.heads);
      launch(query_gradient_kernel<T, width()>, blocks, kAttentionThreads,
             Plan<T, width(), false>::kBytes, stream, a);
    }
  });
}

}  // namespace

void attention_backward(Stream stream, const AttentionShape& shape, const DeviceLayout& layout,
                        ConstMatrix q, ConstMatrix k, ConstMatrix v, ConstMatrix out,
                        ConstMatrix log_sum, ConstMatrix dout, Matrix dq, Matrix dk, Matrix dv,
                        float* scratch) {
  const auto run_as = [&]<typename T>(T) {
    Arguments<T> a;
    a.q = head_matrix<const T>(q);
    a.k = head_matrix<const T>(k);
    a.v = head_matrix<const T>(v);
    a.out = head_matrix<const T>(out);
    a.dout = head_matrix<const T>(dout);
    a.log_sum = head_matrix<const float>(log_sum);
    a.dq = head_matrix<T>(dq);
    a.dk = head_matrix<T>(dk);
    a.dv = head_matrix<T>(dv);
    a.delta = scratch;
    run(stream, shape, layout, a, q.rows);
  };
  if (q.dtype == DType::kBF16)
    run_as(Bf16{});
  else
    run_as(0.0f);
}

}  // namespace rankscope::RANKSCOPE_CUDA
