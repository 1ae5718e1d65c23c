#include "engine/autograd/operations.h"

namespace rankscope {

Var embedding(Tape& tape, const WeightView& view, Parameter& table,
              std::shared_ptr<const Indices> ids) {
  Backend& backend = tape.backend();
  Tensor out = backend.empty(static_cast<int64_t>(ids->size()), view.cols);
  backend.gather(view, *ids, false, out.matrix());
  Var result = tape.result(out, table.trainable());
  if (result.needs_gradient())
    tape.record([&backend, &table, ids, out_gradient = result.gradient] {
      if (out_gradient->value.empty()) return;
      backend.scatter_add(out_gradient->value.view(), *ids, table.gradient.matrix());
      out_gradient->value = {};
    });
  return result;
}

Var add(Tape& tape, const Var& x, Var y) {
  Backend& backend = tape.backend();
  backend.add(x.value.view(), y.value.matrix());
  Var result = tape.result(y.value, x.needs_gradient() || y.needs_gradient());
  if (result.needs_gradient())
    tape.record([&backend, x_gradient = x.gradient, y_gradient = y.gradient,
                 out_gradient = result.gradient] {
      if (out_gradient->value.empty()) return;
      Tensor dout = std::move(out_gradient->value);
      out_gradient->value = {};
      // Both get the same tensor where neither has a gradient yet, so one needs a copy.
      if (x_gradient && y_gradient) {
        Tensor copy = backend.empty(dout.rows(), dout.cols());
        backend.fill_zero(copy.matrix());
        backend.add(dout.view(), copy.matrix());
        add_gradient(backend, x_gradient.get(), std::move(copy));
      } else {
        add_gradient(backend, x_gradient.get(), dout);
      }
      add_gradient(backend, y_gradient.get(), std::move(dout));
    });
  return result;
}

Var replace_rows(Tape& tape, Var x, Parameter& table, std::shared_ptr<const Indices> ids,
                 std::shared_ptr<const Indices> rows) {
  Backend& backend = tape.backend();
  backend.replace_rows(WeightView::of(table.value.view()), *ids, *rows, x.value.matrix());
  Var result = tape.result(x.value, x.needs_gradient() || table.trainable());
  if (result.needs_gradient())
    tape.record(
        [&backend, &table, ids, rows, x_gradient = x.gradient, out_gradient = result.gradient] {
          if (out_gradient->value.empty()) return;
          Tensor dout = std::move(out_gradient->value);
          out_gradient->value = {};
          if (table.trainable()) {
            Tensor taken = backend.empty(static_cast<int64_t>(rows->size()), dout.cols());
            backend.gather(WeightView::of(dout.view()), *rows, false, taken.matrix());
            backend.scatter_add(taken.view(), *ids, table.gradient.matrix());
          }
          if (!x_gradient) return;
          const Tensor zero = backend.zeros(1, dout.cols());
          backend.replace_rows(WeightView::of(zero.view()), Indices(rows->size(), 0), *rows,
                               dout.matrix());
          add_gradient(backend, x_gradient.get(), std::move(dout));
        });
  return result;
}

Var select_rows(Tape& tape, const Var& x, std::shared_ptr<const Indices> rows) {
  Backend& backend = tape.backend();
  Tensor out = backend.empty(static_cast<int64_t>(rows->size()), x.value.cols());
  backend.gather(WeightView::of(x.value.view()), *rows, false, out.matrix());
  Var result = tape.result(out, x.needs_gradient());
  if (result.needs_gradient())
    tape.record([&backend, rows, total = x.value.rows(), x_gradient = x.gradient,
                 out_gradient = result.gradient] {
      if (out_gradient->value.empty()) return;
      const Tensor& dout = out_gradient->value;
      if (x_gradient->value.empty()) {
        x_gradient->value = backend.empty(total, dout.cols());
        backend.fill_zero(x_gradient->value.matrix());
      }
      backend.scatter_add(dout.view(), *rows, x_gradient->value.matrix());
      out_gradient->value = {};
    });
  return result;
}

}  // namespace rankscope
