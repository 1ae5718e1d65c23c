// Decoding's kernels in double.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/engine/kernels/reference.h"

namespace rankscope::tests::reference {

void store_pages(const AttentionShape& shape, const Array& k, const Array& v,
                 const std::vector<int32_t>& slots, Array& keys, Array& values) {
  const int64_t d = shape.head_dim;
  for (int64_t r = 0; r < k.rows; ++r) {
    const int32_t slot = slots[static_cast<size_t>(r)];
    if (slot == kKept) continue;
    const int64_t page = slot / kPageTokens, t = slot % kPageTokens;
    for (int64_t h = 0; h < shape.kv_heads; ++h)
      for (int64_t i = 0; i < d; ++i) {
        keys.at(page, (h * d + i) * kPageTokens + t) = k.at(r, h * d + i);
        values.at(page, (h * kPageTokens + t) * d + i) = v.at(r, h * d + i);
      }
  }
}

// Each row's keys and values are laid out as one sequence with a single query, its last.
Array paged_attention(const AttentionShape& shape, const PagedLayout& layout, const Array& q,
                      const Array& keys, const Array& values) {
  const int64_t d = shape.head_dim, width = shape.kv_heads * d;
  Array out(q.rows, q.cols);
  for (int64_t r = 0; r < q.rows; ++r) {
    const size_t row = static_cast<size_t>(r);
    const int64_t seen = layout.keys[row];
    Array own(1, q.cols), k(seen, width), v(seen, width);
    for (int64_t j = 0; j < q.cols; ++j) own.at(0, j) = q.at(r, j);
    for (int64_t p = 0; p < seen; ++p) {
      const int64_t page =
          layout.pages[static_cast<size_t>(layout.page_begin[row] + p / kPageTokens)];
      const int64_t t = p % kPageTokens;
      for (int64_t h = 0; h < shape.kv_heads; ++h)
        for (int64_t i = 0; i < d; ++i) {
          k.at(p, h * d + i) = keys.at(page, (h * d + i) * kPageTokens + t);
          v.at(p, h * d + i) = values.at(page, (h * kPageTokens + t) * d + i);
        }
    }
    const AttentionLayout single{{0, seen}, {0, 1}, {static_cast<int32_t>(seen - 1)}};
    const Array result = attention(shape, single, own, k, v);
    for (int64_t j = 0; j < q.cols; ++j) out.at(r, j) = result.at(0, j);
  }
  return out;
}

void best_tokens(const Array& logits, const BannedTokens& banned, int64_t count, Array& ids,
                 Array& log_probs) {
  for (int64_t r = 0; r < logits.rows; ++r) {
    double sum = 0.0;
    for (int64_t c = 0; c < logits.cols; ++c) sum += std::exp(logits.at(r, c));
    std::vector<int64_t> order(static_cast<size_t>(logits.cols));
    std::iota(order.begin(), order.end(), 0);
    if (!banned.begin.empty()) {
      for (int64_t i = banned.begin[static_cast<size_t>(r)];
           i < banned.begin[static_cast<size_t>(r) + 1]; ++i)
        std::erase(order, banned.ids[static_cast<size_t>(i)]);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return logits.at(r, a) > logits.at(r, b); });
    for (int64_t i = 0; i < count; ++i) {
      const bool there = i < static_cast<int64_t>(order.size());
      const int64_t id = there ? order[static_cast<size_t>(i)] : -1;
      ids.at(r, i) = static_cast<double>(id);
      log_probs.at(r, i) = there ? logits.at(r, id) - std::log(sum) : 0.0;
    }
  }
}

}  // namespace rankscope::tests::reference
