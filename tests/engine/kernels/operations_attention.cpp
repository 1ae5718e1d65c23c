// Attention in the operation table. A shape's rows are the key/value heads, its cols the query
// heads, inner the width of a head, and the variant a layout of sequences.
#include <cmath>

#include "tests/engine/kernels/operation.h"

namespace rankscope::tests {

namespace {

AttentionLayout layout_of(int variant) {
  AttentionLayout layout{{0}, {0}, {}};
  // Lengths, and which positions are queries: every `step`-th from `first` on.
  struct Sequence {
    int32_t length, first, step;
  };
  static const std::vector<Sequence> layouts[] = {
      {{1, 0, 1}, {5, 0, 1}, {33, 0, 1}, {97, 0, 1}},
      {{7, 2, 3}, {64, 50, 1}, {1, 0, 1}, {130, 1, 7}},
      {{200, 0, 1}},
      {{300, 299, 1}, {3, 2, 1}},
      // Few enough for the fake device to take wide heads: with all queries, and with keys of more
      // than one block of 64.
      {{5, 0, 1}, {33, 0, 1}},
      {{66, 1, 5}},
  };
  for (const Sequence& sequence : layouts[variant]) {
    for (int32_t p = sequence.first; p < sequence.length; p += sequence.step)
      layout.query_positions.push_back(p);
    layout.key_begin.push_back(layout.key_begin.back() + sequence.length);
    layout.query_begin.push_back(static_cast<int64_t>(layout.query_positions.size()));
  }
  return layout;
}

AttentionShape shape_of(const Shape& s) {
  return {s.cols, s.rows, s.inner, 1.0f / std::sqrt(static_cast<float>(s.inner))};
}

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (int variant = 0; variant < 4; ++variant)
    for (const int64_t head_dim : {12, 16, 64})
      for (const int64_t groups : {1, 2, 4}) all.push_back({groups, 4, head_dim, variant});
  // The CUDA kernels have an instance for widths up to 32, 64, 96 and 128.
  for (const int64_t head_dim : {64, 80, 128})
    for (const int64_t groups : {1, 2})
      for (const int variant : {4, 5}) all.push_back({groups, 2, head_dim, variant});
  for (const int64_t head_dim : {1, 7, 33}) all.push_back({3, 3, head_dim, 0});
  return all;
}

std::vector<Operand> forward_operands(const Shape& s) {
  const AttentionLayout layout = layout_of(s.variant);
  const int64_t queries = layout.query_begin.back(), keys = layout.key_begin.back();
  return {{"q", Role::kIn, queries, s.cols * s.inner, false},
          {"k", Role::kIn, keys, s.rows * s.inner, false},
          {"v", Role::kIn, keys, s.rows * s.inner, false},
          {"out", Role::kOut, queries, s.cols * s.inner, false},
          {"log_sum", Role::kOut, queries, s.cols, false, true}};
}

}  // namespace

std::vector<Operation> attention_operations() {
  Operation forward{.kernel = "attention", .shapes = shapes(), .bound = 3e-6, .by_rows = false};
  forward.operands = forward_operands;
  forward.run = [](Backend& b, const Shape& s, std::span<const Matrix> m, const auto&) {
    b.attention(shape_of(s), layout_of(s.variant), m[0], m[1], m[2], m[3], m[4]);
  };
  forward.reference = [](const Shape& s, std::vector<Array>& a, const auto&) {
    a[3] = reference::attention(shape_of(s), layout_of(s.variant), a[0], a[1], a[2], &a[4]);
  };

  Operation backward{.kernel = "attention_backward",
                     .shapes = shapes(),
                     .bound = 6e-6,
                     .magnitude = 2.0,
                     .by_rows = false};
  backward.operands = [](const Shape& s) {
    std::vector<Operand> operands = forward_operands(s);
    operands.push_back({"dout", Role::kIn, operands[0].rows, operands[0].cols, false});
    operands.push_back({"dq", Role::kOut, operands[0].rows, operands[0].cols, false});
    operands.push_back({"dk", Role::kOut, operands[1].rows, operands[1].cols, false});
    operands.push_back({"dv", Role::kOut, operands[2].rows, operands[2].cols, false});
    return operands;
  };
  backward.run = [](Backend& b, const Shape& s, std::span<const Matrix> m, const auto&) {
    const AttentionLayout layout = layout_of(s.variant);
    b.attention(shape_of(s), layout, m[0], m[1], m[2], m[3], m[4]);
    b.attention_backward(shape_of(s), layout, m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8]);
  };
  backward.reference = [](const Shape& s, std::vector<Array>& a, const auto&) {
    const AttentionLayout layout = layout_of(s.variant);
    a[3] = reference::attention(shape_of(s), layout, a[0], a[1], a[2], &a[4]);
    reference::attention_backward(shape_of(s), layout, a[0], a[1], a[2], a[5], a[6], a[7], a[8]);
  };
  return {forward, backward};
}

}  // namespace rankscope::tests
