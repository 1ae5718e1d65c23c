#include <algorithm>

#include "engine/autograd/operations.h"

namespace rankscope {

namespace {

// Rows whose logits exist at once, in whole tiles of the product where the vocabulary allows. A
// row's loss does not depend on it.
int64_t block_rows(int64_t logits, int64_t vocabulary) {
  constexpr int64_t kTile = 96, kMost = 960;
  const int64_t rows = std::clamp<int64_t>(logits / std::max<int64_t>(1, vocabulary), 1, kMost);
  return rows > kTile ? rows / kTile * kTile : rows;
}

}  // namespace

LossResult cross_entropy(Tape& tape, const Var& hidden, const LinearWeight& head,
                         const Indices& labels, const LossOptions& options) {
  const LossRange whole{0, hidden.value.rows(), options};
  return cross_entropy_of_ranges(tape, hidden, head, labels, std::span(&whole, 1));
}

LossResult cross_entropy_of_ranges(Tape& tape, const Var& hidden, const LinearWeight& head,
                                   const Indices& labels, std::span<const LossRange> ranges) {
  Backend& backend = tape.backend();
  const int64_t rows = hidden.value.rows();
  LossResult result;
  result.loss = backend.floats(1, rows);
  result.nll = backend.floats(1, rows);
  if (rows == 0) return result;

  const bool head_trained = head.trainable() || head.bias_trainable();
  const bool backward = tape.recording() && (hidden.needs_gradient() || head_trained);
  Tensor dhidden;
  if (backward && hidden.needs_gradient()) dhidden = backend.empty(rows, hidden.value.cols());
  const int64_t block = std::min(rows, block_rows(backend.logits_at_once(), head.out()));
  Tensor logits = backend.floats(block, logits_width(head.out()));
  for (int64_t begin = 0; begin < rows; begin += block) {
    const int64_t count = std::min(block, rows - begin);
    const ConstMatrix h = hidden.value.slice(begin, begin + count).view();
    const Matrix block_logits = logits.slice(0, count).matrix().columns(0, head.out());
    const ProductTerm forward{h, &head.forward_packed(backend)};
    backend.product({&forward, 1}, {.bias = head.bias()}, block_logits);
    Matrix gradient;
    for (const LossRange& range : ranges) {
      const int64_t first = std::max(begin, range.begin);
      const int64_t end = std::min(begin + count, range.end);
      if (first >= end) continue;
      const Matrix part = backend.cross_entropy(
          block_logits.row_range(first - begin, end - begin), labels, first,
          range.options.label_smoothing, backward ? range.options.gradient_scale : 0.0f,
          result.loss.data() + first, result.nll.data() + first);
      if (gradient.data == nullptr) gradient = part;
      gradient.rows = end - begin;
    }
    if (!backward) continue;
    if (head_trained) head.accumulate_gradients(backend, h, gradient);
    if (dhidden.empty()) continue;
    const ProductTerm back{gradient, &head.backward_packed(backend)};
    backend.product({&back, 1}, {}, dhidden.slice(begin, begin + count).matrix());
  }
  if (!dhidden.empty())
    tape.record([&backend, gradient = hidden.gradient, dhidden]() mutable {
      add_gradient(backend, gradient.get(), std::move(dhidden));
    });
  return result;
}

}  // namespace rankscope
