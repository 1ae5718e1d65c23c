#include "engine/autograd/tape.h"

namespace rankscope {

Var Tape::result(Tensor value, bool wanted) const {
  Var v{std::move(value), nullptr};
  if (recording_ && wanted) v.gradient = std::make_shared<Gradient>();
  return v;
}

void Tape::run_backward() {
  while (!closures_.empty()) {
    closures_.back()();
    closures_.pop_back();
  }
}

void add_gradient(Backend& backend, Gradient* gradient, Tensor contribution) {
  if (!gradient) return;
  if (!gradient->derivative.empty())
    backend.multiply(gradient->derivative.view(), contribution.matrix());
  if (gradient->value.empty())
    gradient->value = std::move(contribution);
  else
    backend.add(contribution.view(), gradient->value.matrix());
}

GradientTarget gradient_target(Backend& backend, Gradient& gradient, int64_t rows, int64_t cols) {
  GradientTarget target;
  target.accumulate = !gradient.value.empty();
  if (!target.accumulate) gradient.value = backend.empty(rows, cols);
  target.matrix = gradient.value.matrix();
  if (!gradient.derivative.empty()) target.multiplier = gradient.derivative.view();
  return target;
}

}  // namespace rankscope
