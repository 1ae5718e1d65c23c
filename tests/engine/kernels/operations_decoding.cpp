// The kernels of decoding in the operation table. For those over pages a shape's rows are the
// key/value heads, its cols the query heads (paged_attention) or the tokens (store_pages), inner
// the width of a head, and the variant a layout.
#include <algorithm>
#include <cmath>

#include "tests/engine/kernels/operation.h"

namespace rankscope::tests {

namespace {

constexpr int64_t kPages = 23;

// Variant 4 has few pages, so that the fake device takes wide heads.
int64_t pages_of(int variant) { return variant == 4 ? 11 : kPages; }

// Pages in an order that is not theirs; 7 has no common factor with their number.
int32_t page_at(int64_t i, int variant) {
  return static_cast<int32_t>((i * 7 + 3) % pages_of(variant));
}

// How many keys the query rows see. The rows of an odd variant share their first page.
PagedLayout layout_of(int variant) {
  static const std::vector<std::vector<int32_t>> keys = {{1, 5, 16, 17}, {33, 40, 64}, {65, 130},
                                                         {200, 2},       {20, 70},     {300, 5}};
  PagedLayout layout;
  int64_t next = 1;
  for (const int32_t count : keys[static_cast<size_t>(variant)]) {
    layout.page_begin.push_back(static_cast<int64_t>(layout.pages.size()));
    layout.keys.push_back(count);
    for (int64_t i = 0; i * kPageTokens < count; ++i)
      layout.pages.push_back(page_at(variant % 2 == 1 && i == 0 ? 0 : next++, variant));
  }
  return layout;
}

AttentionShape attention_shape(const Shape& s) {
  return {s.cols, s.rows, s.inner, 1.0f / std::sqrt(static_cast<float>(s.inner))};
}

Operation paged_attention() {
  Operation op{.kernel = "paged_attention", .bound = 3e-6, .by_rows = false};
  for (int variant = 0; variant < 4; ++variant)
    for (const int64_t head_dim : {12, 16, 64})
      for (const int64_t groups : {1, 2, 4}) op.shapes.push_back({groups, 4, head_dim, variant});
  for (const int64_t head_dim : {64, 80, 128})
    for (const int64_t groups : {1, 2}) op.shapes.push_back({groups, 2, head_dim, 4});
  // More keys than the CUDA kernel takes at a time, and more heads of a group than its block has.
  op.shapes.push_back({1, 4, 12, 5});
  op.shapes.push_back({1, 10, 12, 0});
  for (const int64_t head_dim : {1, 7, 33}) op.shapes.push_back({3, 3, head_dim, 0});
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    const int64_t queries = layout_of(s.variant).queries(), pages = pages_of(s.variant);
    return {{"q", Role::kIn, queries, s.cols * s.inner, false},
            {"keys", Role::kIn, pages, s.rows * s.inner * kPageTokens, false},
            {"values", Role::kIn, pages, s.rows * s.inner * kPageTokens, false},
            {"out", Role::kOut, queries, s.cols * s.inner, false}};
  };
  op.run = [](Backend& b, const Shape& s, std::span<const Matrix> m, const auto&) {
    b.paged_attention(attention_shape(s), layout_of(s.variant), m[0], {m[1], m[2]}, m[3]);
  };
  op.reference = [](const Shape& s, std::vector<Array>& a, const auto&) {
    a[3] = reference::paged_attention(attention_shape(s), layout_of(s.variant), a[0], a[1], a[2]);
  };
  return op;
}

// Slots of distinct positions, in an order that is not theirs; 5 has no common factor with their
// number. Some rows are kept elsewhere already.
Indices slots_of(const Shape& s) {
  Indices slots;
  for (int64_t i = 0; i < s.cols; ++i)
    slots.push_back(i % 7 == 3 ? kKept
                               : static_cast<int32_t>((i * 5 + 2) % (kPages * kPageTokens)));
  return slots;
}

Operation store_pages() {
  Operation op{.kernel = "store_pages", .bound = 1e-9, .by_rows = false};
  op.shapes = {{1, 1, 1, 0}, {2, 40, 12, 0}, {3, 300, 7, 0}, {1, 0, 4, 0}, {12, 33, 64, 0}};
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{"k", Role::kIn, s.cols, s.rows * s.inner, false},
            {"v", Role::kIn, s.cols, s.rows * s.inner, false},
            {"keys", Role::kInOut, kPages, s.rows * s.inner * kPageTokens, false},
            {"values", Role::kInOut, kPages, s.rows * s.inner * kPageTokens, false}};
  };
  op.run = [](Backend& b, const Shape& s, std::span<const Matrix> m, const auto&) {
    b.store_pages({s.rows, s.rows, s.inner, 1.0f}, m[0], m[1], slots_of(s), {m[2], m[3]});
  };
  op.reference = [](const Shape& s, std::vector<Array>& a, const auto&) {
    reference::store_pages({s.rows, s.rows, s.inner, 1.0f}, a[0], a[1], slots_of(s), a[2], a[3]);
  };
  return op;
}

Operation copy_rows() {
  Operation op{.kernel = "copy_rows", .bound = 1e-9, .by_rows = false};
  op.shapes = {{9, 1, 0, 0}, {9, 67, 0, 0}, {9, 768, 0, 0}};
  static const Indices from = {2, 0, 3, 2}, to = {5, 6, 7, 4};
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{"x", Role::kInOut, s.rows, s.cols, false}};
  };
  op.run = [](Backend& b, const Shape&, std::span<const Matrix> m, const auto&) {
    b.copy_rows(from, to, m[0]);
  };
  op.reference = [](const Shape&, std::vector<Array>& a, const auto&) {
    for (size_t i = 0; i < from.size(); ++i)
      for (int64_t j = 0; j < a[0].cols; ++j) a[0].at(to[i], j) = a[0].at(from[i], j);
  };
  return op;
}

// Variants: 0 the best alone, 1 the best four, 2 the best four of those that are not banned.
int64_t wanted(const Shape& s) { return s.variant == 0 ? 1 : 4; }

BannedTokens banned_of(const Shape& s) {
  BannedTokens banned;
  if (s.variant != 2) return banned;
  banned.begin.push_back(0);
  for (int64_t r = 0; r < s.rows; ++r) {
    for (int64_t c = 0; c < s.cols; c += 3) banned.ids.push_back(static_cast<int32_t>(c));
    banned.begin.push_back(static_cast<int64_t>(banned.ids.size()));
  }
  return banned;
}

Operation best_tokens() {
  Operation op{.kernel = "best_tokens", .shapes = usual_shapes(3), .bound = 3e-7, .magnitude = 10};
  for (int variant = 0; variant < 3; ++variant)
    for (const int64_t width : {64, 128, 2049, 50257}) op.shapes.push_back({3, width, 0, variant});
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    // The kernel may overwrite the logits; what it leaves there is not looked at.
    return {{"logits", Role::kIn, s.rows, s.cols, true, false, 3.0},
            {"ids", Role::kOut, s.rows, wanted(s)},
            {"log_probs", Role::kOut, s.rows, wanted(s), true, true}};
  };
  op.run = [](Backend& b, const Shape& s, std::span<const Matrix> m, const auto&) {
    Tensor logits = b.empty(s.rows, s.cols);
    for (int64_t r = 0; r < s.rows; ++r) std::copy_n(m[0].row(r), s.cols, logits.row(r));
    std::vector<int32_t> ids(static_cast<size_t>(s.rows * wanted(s)));
    b.best_tokens(logits.matrix(), banned_of(s), wanted(s), ids.data(), m[2].data);
    for (int64_t r = 0; r < s.rows; ++r)
      for (int64_t i = 0; i < wanted(s); ++i) {
        m[1].row(r)[i] = static_cast<float>(ids[static_cast<size_t>(r * wanted(s) + i)]);
        // What is missing has the log probability -infinity, which has no distance.
        float& log_prob = m[2].row(r)[i];
        if (m[1].row(r)[i] < 0) log_prob = std::isinf(log_prob) ? 0.0f : 1.0f;
      }
  };
  op.reference = [](const Shape& s, std::vector<Array>& a, const auto&) {
    reference::best_tokens(a[0], banned_of(s), wanted(s), a[1], a[2]);
  };
  return op;
}

}  // namespace

std::vector<Operation> decoding_operations() {
  return {store_pages(), paged_attention(), copy_rows(), best_tokens()};
}

}  // namespace rankscope::tests
