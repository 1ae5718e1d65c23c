// The largest logits of a row, by a block. Each thread keeps the best of its columns; what is
// chosen is replaced by the next best of its thread, which that thread's warp looks for.
#include "engine/backend/cuda/kernels.h"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kThreads = 1024;
constexpr int kWarps = kThreads / kWarp;
constexpr int kUnroll = 8;  // columns a thread reads before it computes
constexpr float kInfinity = __builtin_inff();

// A column and its logit; -1 and -infinity where there is none, as NaN and -infinity do not count.
struct Token {
  float logit = -kInfinity;
  int id = -1;
};

// Whether a comes before b: larger, or equal and earlier.
__device__ __forceinline__ bool precedes(const Token& a, const Token& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

// The first of the warp's tokens, in every lane.
__device__ __forceinline__ Token warp_first(Token token) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) {
    const Token other{shuffle_xor(token.logit, mask), shuffle_xor(token.id, mask)};
    if (precedes(other, token)) token = other;
  }
  return token;
}

// The first token of columns begin, begin + step, ...; those that do not come after `last` are
// passed over.
__device__ __forceinline__ Token first_of(const float* x, int64_t begin, int64_t step, int64_t cols,
                                          const Token& last) {
  Token best;
  for (int64_t c = begin; c < cols; c += step * kUnroll) {
    float v[kUnroll];
    for (int i = 0; i < kUnroll; ++i) v[i] = c + i * step < cols ? x[c + i * step] : -kInfinity;
    for (int i = 0; i < kUnroll; ++i) {
      // Columns rise, so that an equal logit is a later one.
      const Token token{v[i], static_cast<int>(c + i * step)};
      if (token.logit > best.logit && precedes(last, token)) best = token;
    }
  }
  return best;
}

// The logarithm of the sum of e^x over the row, as the loss has it. `shared`: kWarp doubles and
// as many floats.
__device__ double log_sum_of(const float* x, int64_t cols, double* shared) {
  float* tops = reinterpret_cast<float*>(shared + kWarp);
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  float top = -kInfinity;
  double sum = 0.0;
  for (int64_t c = threadIdx.x; c < cols; c += int64_t{kThreads} * kUnroll) {
    float v[kUnroll], larger = top;
    for (int i = 0; i < kUnroll; ++i)
      v[i] = c + i * int64_t{kThreads} < cols ? x[c + i * int64_t{kThreads}] : -kInfinity;
    for (int i = 0; i < kUnroll; ++i) larger = fmaxf(larger, v[i]);
    // While all was -infinity or NaN the sum is relative to 0: nothing, or NaN for good.
    if (larger > top && top != -kInfinity) sum *= static_cast<double>(expf(top - larger));
    top = larger;
    const float base = top == -kInfinity ? 0.0f : top;
    float part = 0.0f;
    for (int i = 0; i < kUnroll; ++i) part += expf(v[i] - base);
    sum += static_cast<double>(part);
  }
  const float warp_top = warp_max(top);
  if (lane == 0) tops[warp] = warp_top;
  sync_threads();
  const float row_top = warp_max(tops[lane]);
  if (top != -kInfinity) sum *= static_cast<double>(expf(top - row_top));
  sum = warp_sum(sum);
  if (lane == 0) shared[warp] = sum;
  sync_threads();
  return static_cast<double>(row_top) + log(warp_sum(shared[lane]));
}

__global__ void __launch_bounds__(kThreads)
    best_of_rows(Matrix logits, const int32_t* banned, const int64_t* banned_begin, int64_t count,
                 int32_t* ids, float* log_probs) {
  static_assert(kWarps == kWarp);
  double* shared = dynamic_shared<double>();
  float* warp_logits = reinterpret_cast<float*>(shared + kWarp) + kWarp;
  int* warp_ids = reinterpret_cast<int*>(warp_logits + kWarp);
  const int64_t row = blockIdx.x;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  float* x = logits.data + row * logits.stride;
  const double log_sum = log_probs ? log_sum_of(x, logits.cols, shared) : 0.0;
  if (banned_begin) {
    // All threads have read the row for its sum: that ends with a barrier.
    for (int64_t i = banned_begin[row] + threadIdx.x; i < banned_begin[row + 1]; i += kThreads)
      x[banned[i]] = -kInfinity;
    sync_threads();
  }
  const auto share = [&](const Token& best) {
    const Token first = warp_first(best);
    if (lane == 0) {
      warp_logits[warp] = first.logit;
      warp_ids[warp] = first.id;
    }
  };
  Token best = first_of(x, threadIdx.x, kThreads, logits.cols, {kInfinity, -1});
  share(best);
  for (int64_t i = 0; i < count; ++i) {
    sync_threads();
    const Token chosen = warp_first({warp_logits[lane], warp_ids[lane]});
    if (threadIdx.x == 0) {
      ids[row * count + i] = chosen.id;
      if (log_probs)
        log_probs[row * count + i] =
            chosen.id < 0 ? -kInfinity
                          : static_cast<float>(static_cast<double>(chosen.logit) - log_sum);
    }
    if (i + 1 == count) break;
    sync_threads();
    // Column c is in the care of thread c % kThreads. Without a choice there is no further one,
    // and the warps' tokens stay as they are.
    const int owner = chosen.id < 0 ? -1 : chosen.id % kThreads;
    if (owner < 0 || owner / kWarp != warp) continue;
    const Token next = warp_first(first_of(x, owner + int64_t{lane} * kThreads,
                                           int64_t{kWarp} * kThreads, logits.cols, chosen));
    if (lane == owner % kWarp) best = next;
    share(best);
  }
}

}  // namespace

void best_tokens(Stream stream, Matrix logits, const int32_t* banned, const int64_t* banned_begin,
                 int64_t count, int32_t* ids, float* log_probs) {
  launch(best_of_rows, dim3(static_cast<unsigned>(logits.rows)), kThreads,
         kWarp * (sizeof(double) + 2 * sizeof(float) + sizeof(int)), stream, logits, banned,
         banned_begin, count, ids, log_probs);
}

}  // namespace rankscope::RANKSCOPE_CUDA
