#include <algorithm>

#include "engine/autograd/operations.h"

namespace rankscope {

namespace {

// Rows whose logits exist at once: up to 40 MB of them, in whole tiles of the product where the
// vocabulary allows. A row's loss does not depend on it.
int64_t block_rows(int64_t vocabulary) {
  constexpr int64_t kFloats = 10'000'000, kTile = 96, kMost = 960;
  const int64_t rows = std::clamp<int64_t>(kFloats / std::max<int64_t>(1, vocabulary), 1, kMost);
  return rows > kTile ? rows / kTile * kTile : rows;
}

}  // namespace

LossResult cross_entropy(Tape& tape, const Var& hidden, const LinearWeight& head,
                         std::span<const int32_t> labels, const LossOptions& options) {
  Backend& backend = tape.backend();
  const int64_t rows = hidden.value.rows();
  LossResult result;
  result.loss.resize(static_cast<size_t>(rows));
  result.nll.resize(static_cast<size_t>(rows));
  if (rows == 0) return result;

  const bool head_trained = head.trainable() || head.bias_trainable();
  const bool backward = tape.recording() && (hidden.needs_gradient() || head_trained);
  Tensor dhidden;
  if (backward && hidden.needs_gradient()) dhidden = backend.empty(rows, hidden.value.cols());
  const int64_t block = std::min(rows, block_rows(head.out()));
  Tensor logits = backend.empty(block, head.out());
  for (int64_t begin = 0; begin < rows; begin += block) {
    const int64_t count = std::min(block, rows - begin);
    const ConstMatrix h = hidden.value.slice(begin, begin + count).view();
    const Matrix block_logits = logits.slice(0, count).matrix();
    const ProductTerm forward{h, &head.forward_packed(backend)};
    backend.product({&forward, 1}, {.bias = head.bias()}, block_logits);
    const size_t first = static_cast<size_t>(begin);
    backend.cross_entropy(block_logits, labels.data() + first, options.label_smoothing,
                          backward ? options.gradient_scale : 0.0f, result.loss.data() + first,
                          result.nll.data() + first);
    if (!backward) continue;
    if (head_trained) head.accumulate_gradients(backend, h, block_logits);
    if (dhidden.empty()) continue;
    const ProductTerm back{block_logits, &head.backward_packed(backend)};
    backend.product({&back, 1}, {}, dhidden.slice(begin, begin + count).matrix());
  }
  if (!dhidden.empty())
    tape.record([&backend, gradient = hidden.gradient, dhidden]() mutable {
      add_gradient(backend, gradient.get(), std::move(dhidden));
    });
  return result;
}

}  // namespace rankscope
