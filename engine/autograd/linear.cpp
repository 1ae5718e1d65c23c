// y = g (x W (+ scale (dropout(x) A^T) B^T)) + b (+ residual), the product that everything else
// serves; g, one factor a column, is DoRA's.
#include <algorithm>
#include <stdexcept>

#include "engine/autograd/operations.h"

namespace rankscope {

LinearWeight::LinearWeight(WeightView weight, Parameter* parameter, Parameter* bias,
                           bool stored_transposed, int64_t first_row, int64_t first_col,
                           int64_t bias_offset)
    : view_(weight),
      parameter_(parameter),
      bias_(bias),
      stored_transposed_(stored_transposed),
      first_row_(first_row),
      first_col_(first_col),
      bias_offset_(bias_offset) {}

const float* LinearWeight::bias() const {
  return bias_ ? bias_->value.data() + bias_offset_ : nullptr;
}

const PackedMatrix& LinearWeight::forward_packed(Backend& backend) const {
  if (forward_.empty()) {
    forward_ = backend.pack(view_);
    if (release_) release_();
  }
  return forward_;
}

const PackedMatrix& LinearWeight::backward_packed(Backend& backend) const {
  if (!backward_.empty()) return backward_;
  if (packed_once_) return backward_ = PackedMatrix::transposition(forward_packed(backend));
  backward_ = backend.pack(view_.transposed());
  if (release_) release_();
  return backward_;
}

const Screen* LinearWeight::screen(Backend& backend) const {
  if (!screened_) {
    screen_ = bias() == nullptr ? backend.screen(view_) : nullptr;
    if (screen_ && release_) release_();
    screened_ = true;
  }
  return screen_.get();
}

void LinearWeight::refresh(Backend& backend) {
  if (!trainable()) return;
  screened_ = false;
  screen_ = nullptr;
  const Tensor& value = parameter_->value;
  const int64_t stored_rows = stored_transposed_ ? out() : in();
  const int64_t stored_cols = stored_transposed_ ? in() : out();
  const WeightView stored{
      value.row(first_row_) + first_col_, DType::kF32, stored_rows, stored_cols, value.cols(), 1};
  view_ = stored_transposed_ ? stored.transposed() : stored;
  if (!forward_.empty()) backend.repack(view_, forward_);
  if (backward_.empty()) return;
  if (packed_once_)
    backward_ = PackedMatrix::transposition(forward_);
  else
    backend.repack(view_.transposed(), backward_);
}

void LinearWeight::accumulate_gradients(Backend& backend, ConstMatrix x, ConstMatrix dy) const {
  if (trainable()) {
    const Tensor& g = parameter_->gradient;
    const int64_t stored_rows = stored_transposed_ ? out() : in();
    const int64_t stored_cols = stored_transposed_ ? in() : out();
    const Matrix slice{g.row(first_row_) + first_col_, stored_rows, stored_cols, g.cols()};
    if (stored_transposed_)
      backend.accumulate_outer(dy, x, slice);
    else
      backend.accumulate_outer(x, dy, slice);
  }
  if (bias_trainable()) backend.column_sum(dy, bias_->gradient.data() + bias_offset_);
}

namespace {

// What the backward pass of one linear operation needs.
struct LinearBackward {
  const LinearWeight* weight;
  std::shared_ptr<Gradient> x_gradient;
  std::shared_ptr<Gradient> residual_gradient;
  std::shared_ptr<Gradient> out_gradient;
  Tensor x;    // kept where the weight or an A is trained
  Tensor low;  // scale * dropout(x) A^T, [rows, largest r up to kSharedRank]
  std::vector<LowRankRange> updates;
  std::vector<Tensor> own_low;  // of each update, empty up to kSharedRank
  const ColumnScale* column_scale = nullptr;
  Tensor unscaled;  // what the columns' factors multiplied; kept where the magnitude is trained

  void run(Backend& backend);
  Tensor through_scale(Backend& backend, ConstMatrix dy);
};

std::vector<LowRankRows> rows_of(std::span<const LowRankRange> updates,
                                 std::span<const Tensor> own_low) {
  std::vector<LowRankRows> rows;
  for (size_t i = 0; i < updates.size(); ++i) {
    const LowRankRange& r = updates[i];
    const Parameter &a = *r.update.a, &b = *r.update.b;
    rows.push_back({r.begin, r.end, a.value.view(), b.value.view(), r.update.scale,
                    r.update.dropout, r.draws, a.gradient.matrix(), b.gradient.matrix(),
                    own_low[i].matrix()});
  }
  return rows;
}

// The gradient of what was scaled; adds that of the magnitude.
Tensor LinearBackward::through_scale(Backend& backend, ConstMatrix dy) {
  Parameter& magnitude = *column_scale->magnitude;
  if (magnitude.trainable()) {
    backend.multiply(dy, unscaled.matrix());
    Tensor sum = backend.zeros(1, dy.cols);
    backend.column_sum(unscaled.view(), sum.data());
    backend.multiply(column_scale->inverse_norm.view(), sum.matrix());
    backend.add(sum.view(), magnitude.gradient.matrix());
    unscaled = {};
  }
  Tensor scaled = backend.empty(dy.rows, dy.cols);
  backend.finish_product(dy, column_scale->factor.data(), {}, scaled.matrix());
  return scaled;
}

void LinearBackward::run(Backend& backend) {
  if (out_gradient->value.empty()) return;
  ConstMatrix dy = out_gradient->value.view();
  weight->accumulate_gradients(backend, x.view(), dy);
  Tensor scaled;
  if (column_scale) {
    scaled = through_scale(backend, dy);
    dy = scaled.view();
  }
  GradientTarget target;
  ProductEpilogue epilogue;
  const PackedMatrix* back = nullptr;
  if (x_gradient) {
    target = gradient_target(backend, *x_gradient, dy.rows, weight->in());
    epilogue.multiplier = target.multiplier;
    epilogue.accumulate = target.accumulate;
    back = &weight->backward_packed(backend);
  }
  if (!updates.empty()) {
    backend.low_rank_backward(x.view(), low.view(), dy, back, rows_of(updates, own_low), epilogue,
                              target.matrix);
  } else if (x_gradient) {
    const ProductTerm term{dy, back};
    backend.product({&term, 1}, epilogue, target.matrix);
  }
  // The residual's gradient is dy itself; nothing reads it here any more, so it is handed over.
  add_gradient(backend, residual_gradient.get(), std::move(out_gradient->value));
  out_gradient->value = {};
}

}  // namespace

Var linear(Tape& tape, const Var& x, const LinearWeight& weight, const LinearOptions& options) {
  Backend& backend = tape.backend();
  const int64_t rows = x.value.rows();
  Tensor out = backend.empty(rows, weight.out());
  const ColumnScale* column_scale = options.column_scale;
  if (column_scale && weight.trainable())
    throw std::logic_error("a trained weight with scaled columns");

  bool a_trained = false, update_trained = false;
  int64_t largest_rank = 0;  // of those that share a matrix
  std::vector<Tensor> own_low;
  for (const LowRankRange& r : options.updates) {
    a_trained = a_trained || r.update.a->trainable();
    update_trained = update_trained || r.update.a->trainable() || r.update.b->trainable();
    const int64_t rank = r.update.a->value.rows();
    const bool shared = rank <= kSharedRank;
    if (shared) largest_rank = std::max(largest_rank, rank);
    own_low.push_back(shared ? Tensor() : backend.floats(r.end - r.begin, rank));
  }
  update_trained = update_trained || (column_scale && column_scale->magnitude->trainable());
  const bool residual_wanted = options.residual && options.residual->needs_gradient();
  Var result = tape.result(out, x.needs_gradient() || residual_wanted || update_trained ||
                                    weight.trainable() || weight.bias_trainable());
  ProductEpilogue epilogue;
  epilogue.bias = weight.bias();
  epilogue.activation = options.activation;
  if (options.residual) epilogue.residual = options.residual->value.view();
  if (options.activation != Activation::kNone && result.needs_gradient()) {
    result.gradient->derivative = backend.empty(rows, weight.out());
    epilogue.derivative = result.gradient->derivative.matrix();
  }
  // With scaled columns the epilogue comes after them, in a pass of its own.
  Tensor unscaled = column_scale ? backend.empty(rows, weight.out()) : Tensor();
  const Matrix product = column_scale ? unscaled.matrix() : out.matrix();
  const ProductEpilogue product_epilogue = column_scale ? ProductEpilogue{} : epilogue;
  Tensor low;
  if (options.updates.empty()) {
    const ProductTerm term{x.value.view(), &weight.forward_packed(backend)};
    backend.product({&term, 1}, product_epilogue, product);
  } else {
    low = backend.floats(rows, largest_rank);
    backend.low_rank_product(x.value.view(), weight.forward_packed(backend),
                             rows_of(options.updates, own_low), product_epilogue, low.matrix(),
                             product);
  }
  if (column_scale)
    backend.finish_product(product, column_scale->factor.data(), epilogue, out.matrix());

  if (result.needs_gradient()) {
    LinearBackward saved{.weight = &weight,
                         .x_gradient = x.gradient,
                         .residual_gradient = nullptr,
                         .out_gradient = result.gradient,
                         .x = {},
                         .low = low,
                         .updates = {},
                         .own_low = std::move(own_low),
                         .column_scale = column_scale,
                         .unscaled = {}};
    if (options.residual) saved.residual_gradient = options.residual->gradient;
    if (weight.trainable() || a_trained) saved.x = x.value;
    saved.updates.assign(options.updates.begin(), options.updates.end());
    if (column_scale && column_scale->magnitude->trainable()) saved.unscaled = unscaled;
    tape.record([&backend, saved = std::move(saved)]() mutable { saved.run(backend); });
  }
  return result;
}

}  // namespace rankscope
