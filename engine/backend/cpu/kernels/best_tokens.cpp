// The largest logits of a row.
#include "engine/backend/cpu/kernels/row_kernels.h"
#include "engine/backend/cpu/kernels/softmax_sums.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

// Columns that are passed over together when none of them is large enough.
constexpr int64_t kStride = 4 * kLanes;

// In this order maximum() passes over NaNs.
float stride_maximum(const float* x) {
  F16 top = F16::broadcast(-__builtin_inff());
  for (int64_t c = 0; c < kStride; c += kLanes) top = maximum(F16::load(x + c), top);
  return largest(top);
}

// A value that at least `count` columns reach, where there are so many: the maxima of every
// kLanes-th column are that many columns.
float reached_by(const float* x, int64_t cols, int64_t count) {
  if (count > kLanes || cols < kLanes) return -__builtin_inff();
  F16 top = F16::broadcast(-__builtin_inff());
  for (int64_t c = 0; c + kLanes <= cols; c += kLanes) top = maximum(F16::load(x + c), top);
  alignas(64) float lanes[kLanes];
  top.store(lanes);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t k = i + 1; k < kLanes; ++k) {
      if (lanes[k] > lanes[i]) {
        const float larger = lanes[k];
        lanes[k] = lanes[i];
        lanes[i] = larger;
      }
    }
  }
  return lanes[count - 1];
}

}  // namespace

void best_tokens(float* logits, int64_t cols, const int32_t* banned, int64_t banned_count,
                 int64_t count, int32_t* ids, float* log_probs) {
  double log_sum = 0.0;
  if (log_probs != nullptr) {
    const float top = row_maximum(logits, cols);
    log_sum =
        static_cast<double>(top) + __builtin_log(sum_row(logits, cols, top, false).exponentials);
  }
  for (int64_t i = 0; i < banned_count; ++i) logits[banned[i]] = -__builtin_inff();

  // ids[0, found) are sorted; a column enters only when it is larger than the last of them, so that
  // of equal ones the earliest stays.
  int64_t found = 0;
  float least = -__builtin_inff();
  const float needed = reached_by(logits, cols, count);
  for (int64_t begin = 0; begin < cols; begin += kStride) {
    const int64_t end = begin + kStride < cols ? begin + kStride : cols;
    if (end - begin == kStride) {
      const float most = stride_maximum(logits + begin);
      if (most < needed || most <= least) continue;
    }
    for (int64_t c = begin; c < end; ++c) {
      const float x = logits[c];
      if (!(x >= needed && x > least)) continue;
      int64_t at = found < count ? found++ : count - 1;
      for (; at > 0 && logits[ids[at - 1]] < x; --at) ids[at] = ids[at - 1];
      ids[at] = static_cast<int32_t>(c);
      if (found == count) least = logits[ids[count - 1]];
    }
  }
  for (int64_t i = found; i < count; ++i) ids[i] = -1;
  if (log_probs == nullptr) return;
  for (int64_t i = 0; i < count; ++i) {
    log_probs[i] = i < found ? static_cast<float>(static_cast<double>(logits[ids[i]]) - log_sum)
                             : -__builtin_inff();
  }
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
