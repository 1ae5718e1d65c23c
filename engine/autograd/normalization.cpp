#include "engine/autograd/operations.h"

namespace rankscope {

Var layer_norm(Tape& tape, const Var& x, Parameter& gain, Parameter* bias, float epsilon) {
  Backend& backend = tape.backend();
  Tensor out = backend.empty(x.value.rows(), x.value.cols());
  Tensor stats = backend.floats(x.value.rows(), 2);
  backend.layer_norm(x.value.view(), gain.value.data(), bias ? bias->value.data() : nullptr,
                     epsilon, out.matrix(), stats.matrix());
  const bool trained = gain.trainable() || (bias && bias->trainable());
  Var result = tape.result(out, x.needs_gradient() || trained);
  if (result.needs_gradient())
    tape.record([&backend, &gain, bias, stats, value = x.value, x_gradient = x.gradient,
                 out_gradient = result.gradient] {
      if (out_gradient->value.empty()) return;
      GradientTarget target;
      if (x_gradient) target = gradient_target(backend, *x_gradient, value.rows(), value.cols());
      backend.layer_norm_backward(value.view(), gain.value.data(), stats.view(),
                                  out_gradient->value.view(), target.accumulate, target.matrix,
                                  gain.trainable() ? gain.gradient.data() : nullptr,
                                  bias && bias->trainable() ? bias->gradient.data() : nullptr);
      out_gradient->value = {};
    });
  return result;
}

Var rms_norm(Tape& tape, const Var& x, Parameter& gain, float epsilon) {
  Backend& backend = tape.backend();
  Tensor out = backend.empty(x.value.rows(), x.value.cols());
  Tensor stats = backend.floats(x.value.rows(), 1);
  backend.rms_norm(x.value.view(), gain.value.data(), epsilon, out.matrix(), stats.matrix());
  Var result = tape.result(out, x.needs_gradient() || gain.trainable());
  if (result.needs_gradient())
    tape.record([&backend, &gain, stats, value = x.value, x_gradient = x.gradient,
                 out_gradient = result.gradient] {
      if (out_gradient->value.empty()) return;
      GradientTarget target;
      if (x_gradient) target = gradient_target(backend, *x_gradient, value.rows(), value.cols());
      backend.rms_norm_backward(value.view(), gain.value.data(), stats.view(),
                                out_gradient->value.view(), target.accumulate, target.matrix,
                                gain.trainable() ? gain.gradient.data() : nullptr);
      out_gradient->value = {};
    });
  return result;
}

}  // namespace rankscope
