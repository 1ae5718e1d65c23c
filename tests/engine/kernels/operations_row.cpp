// Rotary positions, the loss, table look-ups and dropout in the operation table.
#include <bit>

#include "common/half.h"
#include "tests/engine/kernels/operation.h"

namespace rankscope::tests {

namespace {

constexpr int64_t kTableRows = 41;

Operation rotary() {
  Operation op{.kernel = "rotary", .bound = 3e-7, .magnitude = 3.0};
  for (int variant = 0; variant < 2; ++variant)
    for (const int64_t head_dim : {2, 12, 16, 34, 64, 96})
      for (const int64_t heads : {1, 3})
        for (const int64_t rows : {0, 1, 5, 97, 1000})
          op.shapes.push_back({rows, heads * head_dim, head_dim, variant});
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{"x", Role::kInOut, s.rows, s.cols},
            {"cos", Role::kIn, kTableRows, s.inner / 2, false},
            {"sin", Role::kIn, kTableRows, s.inner / 2, false}};
  };
  op.integer_limit = [](const Shape&) { return kTableRows; };
  op.run = [](Backend& b, const Shape& s, std::span<const Matrix> m,
              const std::vector<int32_t>& positions) {
    b.rotary(m[0], s.inner, Indices(positions), m[1], m[2], s.variant == 1);
  };
  op.reference = [](const Shape& s, std::vector<Array>& a, const std::vector<int32_t>& positions) {
    reference::rotary(a[0], s.inner, positions, a[1], a[2], s.variant == 1);
  };
  return op;
}

// Variants: 0 plain, 1 smoothed, 2 smoothed without a gradient.
float smoothing(const Shape& s) { return s.variant == 0 ? 0.0f : 0.1f; }
float gradient_scale(const Shape& s) { return s.variant == 2 ? 0.0f : 0.03f; }

Operation cross_entropy() {
  // Probabilities of wide rows are small: the bound must see errors of that size.
  Operation op{
      .kernel = "cross_entropy", .shapes = usual_shapes(3), .bound = 3e-6, .magnitude = 0.03};
  for (int variant = 0; variant < 3; ++variant)
    for (const int64_t width : {2048, 2049, 5003, 150000})
      op.shapes.push_back({2, width, 0, variant});
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{.name = "logits", .role = Role::kInOut, .rows = s.rows, .cols = s.cols, .scale = 3.0},
            {"loss", Role::kOut, s.rows, 1, true, true},
            {"nll", Role::kOut, s.rows, 1, true, true}};
  };
  op.integer_limit = [](const Shape& s) { return s.cols; };
  op.run = [](Backend& b, const Shape& s, std::span<const Matrix> m,
              const std::vector<int32_t>& labels) {
    // The labels before the first are another block's.
    Indices all(3, 0);
    all.insert(all.end(), labels.begin(), labels.end());
    b.cross_entropy(m[0], all, 3, smoothing(s), gradient_scale(s), m[1].data, m[2].data);
  };
  op.reference = [](const Shape& s, std::vector<Array>& a, const std::vector<int32_t>& labels) {
    reference::cross_entropy(a[0], labels, double{smoothing(s)}, double{gradient_scale(s)}, a[1],
                             a[2]);
  };
  return op;
}

// Variants: 0 F32, 1 F32 accumulating, 2 BF16, 3 F16, 4 F32 from a transposed table.
DType table_type(const Shape& s) {
  return s.variant == 2 ? DType::kBF16 : s.variant == 3 ? DType::kF16 : DType::kF32;
}

uint16_t narrowed(float x, DType type) {
  return type == DType::kBF16 ? float_to_bf16(x) : float_to_f16(x);
}

Operation gather() {
  Operation op{.kernel = "gather", .shapes = usual_shapes(5), .bound = 1e-7};
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    const auto role = s.variant == 1 ? Role::kInOut : Role::kOut;
    const int64_t rows = s.variant == 4 ? s.cols : kTableRows;
    const int64_t cols = s.variant == 4 ? kTableRows : s.cols;
    return {{"table", Role::kIn, rows, cols, false}, {"out", role, s.rows, s.cols}};
  };
  op.integer_limit = [](const Shape&) { return kTableRows; };
  op.run = [](Backend& b, const Shape& s, std::span<const Matrix> m,
              const std::vector<int32_t>& ids) {
    WeightView view = WeightView::of(m[0]);
    std::vector<uint16_t> narrow;
    if (table_type(s) != DType::kF32) {
      for (int64_t i = 0; i < m[0].rows; ++i)
        for (int64_t j = 0; j < m[0].cols; ++j)
          narrow.push_back(narrowed(m[0].row(i)[j], table_type(s)));
      view = {narrow.data(), table_type(s), m[0].rows, m[0].cols, m[0].cols, 1};
    }
    b.gather(s.variant == 4 ? view.transposed() : view, Indices(ids), s.variant == 1, m[1]);
  };
  op.reference = [](const Shape& s, std::vector<Array>& a, const std::vector<int32_t>& ids) {
    Array table = a[0];
    if (s.variant == 4) {
      table = Array(a[0].cols, a[0].rows);
      for (int64_t i = 0; i < table.rows; ++i)
        for (int64_t j = 0; j < table.cols; ++j) table.at(i, j) = a[0].at(j, i);
    }
    if (table_type(s) != DType::kF32)
      for (double& x : table.values) {
        const uint16_t bits = narrowed(static_cast<float>(x), table_type(s));
        x = double{table_type(s) == DType::kBF16 ? bf16_to_float(bits) : f16_to_float(bits)};
      }
    reference::gather(table, ids, s.variant == 1, a[1]);
  };
  return op;
}

// Rows in falling order, so that places and ids differ. Variant 1 leaves every second row as it is.
Operation replace_rows() {
  Operation op{
      .kernel = "replace_rows", .shapes = usual_shapes(2), .bound = 1e-7, .by_rows = false};
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{"table", Role::kIn, kTableRows, s.cols, false}, {"x", Role::kInOut, s.rows, s.cols}};
  };
  op.integer_limit = [](const Shape&) { return kTableRows; };
  const auto places = [](const Shape& s) {
    std::vector<int32_t> rows;
    for (int64_t i = s.rows - 1; i >= 0; i -= s.variant + 1)
      rows.push_back(static_cast<int32_t>(i));
    return rows;
  };
  op.run = [places](Backend& b, const Shape& s, std::span<const Matrix> m,
                    const std::vector<int32_t>& ids) {
    const std::vector<int32_t> rows = places(s);
    b.replace_rows(WeightView::of(m[0]),
                   Indices(std::vector<int32_t>(ids.begin(), ids.begin() + std::ssize(rows))),
                   Indices(rows), m[1]);
  };
  op.reference = [places](const Shape& s, std::vector<Array>& a, const std::vector<int32_t>& ids) {
    reference::replace_rows(a[0], ids, places(s), a[1]);
  };
  return op;
}

Operation scatter_add() {
  // 1,000 rows into 41: some 25 meet in each.
  Operation op{.kernel = "scatter_add", .shapes = usual_shapes(1), .bound = 2e-6, .by_rows = false};
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{"rows", Role::kIn, s.rows, s.cols},
            {"table", Role::kInOut, kTableRows, s.cols, false}};
  };
  op.integer_limit = [](const Shape&) { return kTableRows; };
  op.run = [](Backend& b, const Shape&, std::span<const Matrix> m,
              const std::vector<int32_t>& ids) { b.scatter_add(m[0], Indices(ids), m[1]); };
  op.reference = [](const Shape&, std::vector<Array>& a, const std::vector<int32_t>& ids) {
    reference::scatter_add(a[0], ids, a[1]);
  };
  return op;
}

constexpr std::array<uint32_t, 2> kDropoutKey = {0x01234567u, 0x89ABCDEFu};

// Both halves of a row's id matter.
std::vector<uint64_t> row_ids(const std::vector<int32_t>& integers) {
  std::vector<uint64_t> ids;
  for (const int32_t i : integers) ids.push_back(static_cast<uint64_t>(i) * 0x300000001ull);
  return ids;
}

// Variants: 0 plain, 1 accumulating, 2 in place, 3 with nothing dropped.
float dropped_share(const Shape& s) { return s.variant == 3 ? 0.0f : s.variant == 0 ? 0.1f : 0.5f; }

Operation dropout() {
  Operation op{.kernel = "dropout", .shapes = usual_shapes(4), .bound = 3e-7};
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{"x", Role::kIn, s.rows, s.cols}, {"out", Role::kInOut, s.rows, s.cols}};
  };
  op.integer_limit = [](const Shape&) { return int64_t{1} << 30; };
  op.run = [](Backend& b, const Shape& s, std::span<const Matrix> m,
              const std::vector<int32_t>& integers) {
    const RowIds ids = row_ids(integers);
    b.dropout(s.variant == 2 ? m[1] : m[0], dropped_share(s), {kDropoutKey, &ids}, s.variant == 1,
              m[1]);
  };
  op.reference = [](const Shape& s, std::vector<Array>& a, const std::vector<int32_t>& integers) {
    const Array x = s.variant == 2 ? a[1] : a[0];
    reference::dropout(x, dropped_share(s), kDropoutKey, row_ids(integers), s.variant == 1, a[1]);
  };
  return op;
}

}  // namespace

std::vector<Operation> row_operations() {
  return {rotary(), cross_entropy(), gather(), replace_rows(), scatter_add(), dropout()};
}

}  // namespace rankscope::tests
