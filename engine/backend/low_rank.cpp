// Products with low-rank updates by the kernels that every backend has, one range of rows after the
// other. The update is one more term of the product: its r columns are multiplied while the tile of
// the result lies in registers.
#include <functional>

#include "engine/backend/backend.h"

namespace rankscope {

namespace {

ConstMatrix rows_of(ConstMatrix m, int64_t begin, int64_t end) {
  return m.data ? m.row_range(begin, end) : m;
}
Matrix rows_of(Matrix m, int64_t begin, int64_t end) {
  return m.data ? m.row_range(begin, end) : m;
}

ProductEpilogue rows_of(const ProductEpilogue& e, int64_t begin, int64_t end) {
  ProductEpilogue part = e;
  part.derivative = rows_of(e.derivative, begin, end);
  part.multiplier = rows_of(e.multiplier, begin, end);
  part.residual = rows_of(e.residual, begin, end);
  return part;
}

DropoutDraws from_row(const DropoutDraws& draws, int64_t row) {
  DropoutDraws part = draws;
  part.first_row += row;
  return part;
}

// Calls f(begin, end, update or null) for every range, those between the updates included.
void for_ranges(int64_t rows, std::span<const LowRankRows> updates,
                const std::function<void(int64_t, int64_t, const LowRankRows*)>& f) {
  int64_t covered = 0;
  for (const LowRankRows& update : updates) {
    if (covered < update.begin) f(covered, update.begin, nullptr);
    if (update.begin < update.end) f(update.begin, update.end, &update);
    covered = update.end;
  }
  if (covered < rows) f(covered, rows, nullptr);
}

// x, or its dropped-out copy in `memory`.
ConstMatrix dropped(Backend& backend, ConstMatrix x, const LowRankRows& update, int64_t begin,
                    Tensor& memory) {
  if (update.dropout <= 0) return x;
  memory = backend.empty(x.rows, x.cols);
  backend.dropout(x, update.dropout, from_row(update.draws, begin), false, memory.matrix());
  return memory.view();
}

}  // namespace

void Backend::low_rank_product(ConstMatrix left, const PackedMatrix& right,
                               std::span<const LowRankRows> updates,
                               const ProductEpilogue& epilogue, Matrix low, Matrix out) {
  for_ranges(out.rows, updates, [&](int64_t begin, int64_t end, const LowRankRows* update) {
    ProductTerm terms[2] = {{rows_of(left, begin, end), &right}, {}};
    size_t count = 1;
    PackedMatrix b;
    if (update != nullptr) {
      Tensor memory;
      const PackedMatrix a = pack(WeightView::of(update->a).transposed());
      const ProductTerm down{dropped(*this, terms[0].left, *update, begin, memory), &a};
      const Matrix low_rows = low_of(*update, low);
      product({&down, 1}, {.scale = update->scale}, low_rows);
      b = pack(WeightView::of(update->b).transposed());
      terms[count++] = {low_rows, &b};
    }
    product({terms, count}, rows_of(epilogue, begin, end), rows_of(out, begin, end));
  });
}

void Backend::low_rank_backward(ConstMatrix left, ConstMatrix low, ConstMatrix dy,
                                const PackedMatrix* back, std::span<const LowRankRows> updates,
                                const ProductEpilogue& epilogue, Matrix dx) {
  for_ranges(dy.rows, updates, [&](int64_t begin, int64_t end, const LowRankRows* update) {
    const ConstMatrix dy_rows = rows_of(dy, begin, end);
    ProductEpilogue e = rows_of(epilogue, begin, end);
    ProductTerm terms[2] = {{dy_rows, back}, {}};
    size_t count = 1;
    Tensor dlow, through_dropout;
    PackedMatrix a;
    if (update != nullptr) {
      const int64_t r = update->a.rows;
      if (update->b_gradient.data)
        accumulate_outer(dy_rows, low_of(*update, low), update->b_gradient);
      const PackedMatrix b = pack(WeightView::of(update->b));
      dlow = floats(dy_rows.rows, r);
      const ProductTerm down{dy_rows, &b};
      product({&down, 1}, {.scale = update->scale}, dlow.matrix());
      if (update->a_gradient.data) {
        Tensor memory;
        accumulate_outer(dlow.view(),
                         dropped(*this, rows_of(left, begin, end), *update, begin, memory),
                         update->a_gradient);
      }
      if (dx.data == nullptr) return;
      a = pack(WeightView::of(update->a));
      terms[1] = {dlow.view(), &a};
      if (update->dropout > 0) {
        // The mask stands between the two terms, so that this one needs a pass of its own.
        through_dropout = empty(dy_rows.rows, dx.cols);
        product({&terms[1], 1}, {}, through_dropout.matrix());
        dropout(through_dropout.view(), update->dropout, from_row(update->draws, begin), false,
                through_dropout.matrix());
        if (e.multiplier.data) multiply(e.multiplier, through_dropout.matrix());
        e.residual = through_dropout.view();
      } else {
        count = 2;
      }
    }
    if (dx.data != nullptr) product({terms, count}, e, rows_of(dx, begin, end));
  });
}

}  // namespace rankscope
