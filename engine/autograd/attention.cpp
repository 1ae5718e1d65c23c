#include "engine/autograd/operations.h"

namespace rankscope {

Var attention(Tape& tape, const AttentionShape& shape,
              std::shared_ptr<const AttentionLayout> layout, const Var& q, const Var& k,
              const Var& v) {
  Backend& backend = tape.backend();
  Tensor out = backend.empty(q.value.rows(), q.value.cols());
  Tensor log_sum = backend.floats(q.value.rows(), shape.heads);
  backend.attention(shape, *layout, q.value.view(), k.value.view(), v.value.view(), out.matrix(),
                    log_sum.matrix());
  Var result = tape.result(out, q.needs_gradient() || k.needs_gradient() || v.needs_gradient());
  if (result.needs_gradient())
    tape.record([&backend, shape, layout, q, k, v, out, log_sum, out_gradient = result.gradient] {
      if (out_gradient->value.empty()) return;
      auto wanted = [&](const Var& x) {
        return x.needs_gradient() ? backend.empty(x.value.rows(), x.value.cols()) : Tensor();
      };
      Tensor dq = wanted(q), dk = wanted(k), dv = wanted(v);
      backend.attention_backward(shape, *layout, q.value.view(), k.value.view(), v.value.view(),
                                 out.view(), log_sum.view(), out_gradient->value.view(),
                                 dq.matrix(), dk.matrix(), dv.matrix());
      out_gradient->value = {};
      add_gradient(backend, q.gradient.get(), std::move(dq));
      add_gradient(backend, k.gradient.get(), std::move(dk));
      add_gradient(backend, v.gradient.get(), std::move(dv));
    });
  return result;
}

Var rotary(Tape& tape, Var x, int64_t head_dim, std::shared_ptr<const Indices> positions,
           const RotaryTable& table) {
  Backend& backend = tape.backend();
  backend.rotary(x.value.matrix(), head_dim, *positions, table.cos.view(), table.sin.view(), false);
  Var result = tape.result(x.value, x.needs_gradient());
  if (result.needs_gradient())
    tape.record([&backend, head_dim, positions, &table, x_gradient = x.gradient,
                 out_gradient = result.gradient] {
      if (out_gradient->value.empty()) return;
      backend.rotary(out_gradient->value.matrix(), head_dim, *positions, table.cos.view(),
                     table.sin.view(), true);
      add_gradient(backend, x_gradient.get(), std::move(out_gradient->value));
      out_gradient->value = {};
    });
  return result;
}

}  // namespace rankscope
