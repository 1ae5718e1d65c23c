#include "engine/autograd/operations.h"

namespace rankscope {

Var swiglu(Tape& tape, const Var& gate, const Var& up) {
  Backend& backend = tape.backend();
  Tensor out = backend.empty(gate.value.rows(), gate.value.cols());
  backend.swiglu(gate.value.view(), up.value.view(), out.matrix());
  Var result = tape.result(out, gate.needs_gradient() || up.needs_gradient());
  if (result.needs_gradient())
    tape.record([&backend, gate, up, out_gradient = result.gradient] {
      if (out_gradient->value.empty()) return;
      Tensor dgate = backend.empty(gate.value.rows(), gate.value.cols());
      Tensor dup = backend.empty(gate.value.rows(), gate.value.cols());
      backend.swiglu_backward(gate.value.view(), up.value.view(), out_gradient->value.view(),
                              dgate.matrix(), dup.matrix());
      out_gradient->value = {};
      add_gradient(backend, gate.gradient.get(), std::move(dgate));
      add_gradient(backend, up.gradient.get(), std::move(dup));
    });
  return result;
}

Var dropout(Tape& tape, const Var& x, float p, const DropoutDraws& draws) {
  Backend& backend = tape.backend();
  Tensor out = backend.empty(x.value.rows(), x.value.cols());
  backend.dropout(x.value.view(), p, draws, false, out.matrix());
  Var result = tape.result(out, x.needs_gradient());
  if (result.needs_gradient())
    tape.record([&backend, p, draws, x_gradient = x.gradient, out_gradient = result.gradient] {
      if (out_gradient->value.empty()) return;
      Tensor& dout = out_gradient->value;
      backend.dropout(dout.view(), p, draws, false, dout.matrix());
      add_gradient(backend, x_gradient.get(), std::move(dout));
      out_gradient->value = {};
    });
  return result;
}

}  // namespace rankscope
