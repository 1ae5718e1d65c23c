// y = x W + b (+ scale (dropout(x) A^T) B^T) (+ residual), the product that everything else serves.
// The low-rank part is one more term of the same product: its r columns are multiplied while the
// tile of y lies in registers.
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
  if (backward_.empty()) {
    backward_ = backend.pack(view_.transposed());
    if (release_) release_();
  }
  return backward_;
}

void LinearWeight::refresh(Backend& backend) {
  if (!trainable()) return;
  const Tensor& value = parameter_->value;
  const int64_t stored_rows = stored_transposed_ ? out() : in();
  const int64_t stored_cols = stored_transposed_ ? in() : out();
  const WeightView stored{value.row(first_row_) + first_col_, DType::kF32, stored_rows,
                          stored_cols, value.cols(), 1};
  view_ = stored_transposed_ ? stored.transposed() : stored;
  if (!forward_.empty()) backend.repack(view_, forward_);
  if (!backward_.empty()) backend.repack(view_.transposed(), backward_);
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
  Tensor x;       // kept where the weight or A is trained
  Tensor low;     // scale * dropout(x) A^T, [rows, r]
  LowRankUpdate update;
  bool has_update = false;

  void run(Backend& backend);
  Tensor run_update(Backend& backend, ConstMatrix dy);
};

// Gradients of A and B; returns scale * dy B, [rows, r].
Tensor LinearBackward::run_update(Backend& backend, ConstMatrix dy) {
  if (update.b->trainable())
    backend.accumulate_outer(dy, low.view(), update.b->gradient.matrix());
  const PackedMatrix b = backend.pack(WeightView::of(update.b->value.view()));
  Tensor dlow = backend.floats(dy.rows, b.n());
  const ProductTerm term{dy, &b};
  backend.product({&term, 1}, {.scale = update.scale}, dlow.matrix());
  if (update.a->trainable()) {
    Tensor input = x;
    if (update.dropout > 0) {
      input = backend.empty(x.rows(), x.cols());
      backend.dropout(x.view(), update.dropout, update.draws, false, input.matrix());
    }
    backend.accumulate_outer(dlow.view(), input.view(), update.a->gradient.matrix());
  }
  return dlow;
}

void LinearBackward::run(Backend& backend) {
  if (out_gradient->value.empty()) return;
  const ConstMatrix dy = out_gradient->value.view();
  weight->accumulate_gradients(backend, x.view(), dy);
  Tensor dlow;
  if (has_update) dlow = run_update(backend, dy);
  if (x_gradient) {
    GradientTarget target = gradient_target(backend, *x_gradient, dy.rows, weight->in());
    ProductEpilogue epilogue;
    epilogue.multiplier = target.multiplier;
    epilogue.accumulate = target.accumulate;
    ProductTerm terms[2] = {{dy, &weight->backward_packed(backend)}, {}};
    size_t count = 1;
    PackedMatrix a;
    Tensor through_dropout;
    if (has_update) {
      a = backend.pack(WeightView::of(update.a->value.view()));
      terms[1] = {dlow.view(), &a};
      if (update.dropout > 0) {
        // The mask stands between the two terms, so that this one needs a pass of its own.
        through_dropout = backend.empty(dy.rows, weight->in());
        backend.product({&terms[1], 1}, {}, through_dropout.matrix());
        backend.dropout(through_dropout.view(), update.dropout, update.draws, false,
                        through_dropout.matrix());
        if (target.multiplier.data)
          backend.multiply(target.multiplier, through_dropout.matrix());
        epilogue.residual = through_dropout.view();
      } else {
        count = 2;
      }
    }
    backend.product({terms, count}, epilogue, target.matrix);
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

  ProductTerm terms[2] = {{x.value.view(), &weight.forward_packed(backend)}, {}};
  size_t count = 1;
  Tensor low;
  PackedMatrix b;
  const LowRankUpdate* update = options.update;
  if (update) {
    Tensor input = x.value;
    if (update->dropout > 0) {
      input = backend.empty(rows, x.value.cols());
      backend.dropout(x.value.view(), update->dropout, update->draws, false, input.matrix());
    }
    const PackedMatrix a = backend.pack(WeightView::of(update->a->value.view()).transposed());
    low = backend.floats(rows, a.n());
    const ProductTerm term{input.view(), &a};
    backend.product({&term, 1}, {.scale = update->scale}, low.matrix());
    b = backend.pack(WeightView::of(update->b->value.view()).transposed());
    terms[1] = {low.view(), &b};
    count = 2;
  }
  const bool update_trained = update && (update->a->trainable() || update->b->trainable());
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
  backend.product({terms, count}, epilogue, out.matrix());

  if (result.needs_gradient()) {
    LinearBackward saved{&weight, x.gradient, nullptr, result.gradient, {}, {}, {}, false};
    if (options.residual) saved.residual_gradient = options.residual->gradient;
    if (weight.trainable() || (update && update->a->trainable())) saved.x = x.value;
    if (update) {
      saved.low = low;
      saved.update = *update;
      saved.has_update = true;
    }
    tape.record([&backend, saved = std::move(saved)]() mutable { saved.run(backend); });
  }
  return result;
}

}  // namespace rankscope
