// Products in the operation table.
#include <cmath>

#include "common/half.h"
#include "tests/engine/kernels/operation.h"

namespace rankscope::tests {

namespace {

constexpr int64_t kLoraRank = 4;

// The epilogue's forms, as they occur in the models and their backward passes.
enum ProductForm { kPlain, kGelu, kMultiplied, kLora, kAccumulated, kResidual, kRelu, kForms };

std::vector<Shape> product_shapes(int variants) {
  std::vector<Shape> shapes;
  for (int variant = 0; variant < variants; ++variant) {
    for (int64_t n = 1; n <= 67; ++n) shapes.push_back({5, n, 16, variant});
    for (const int64_t m : {0, 1, 13, 97, 1000})
      for (const int64_t n : {1, 33, 67})
        for (const int64_t k : {1, 12, 67}) shapes.push_back({m, n, k, variant});
    shapes.push_back({97, 65, 768, variant});
    shapes.push_back({5, 300, 1100, variant});
    shapes.push_back({30, 33, 512, variant});
  }
  return shapes;
}

// Right operands of a size that makes outputs of size one.
double unit(int64_t terms) { return 1.0 / std::sqrt(static_cast<double>(terms)); }

Activation activation_of(const Shape& s) {
  return s.variant == kGelu   ? Activation::kGeluTanh
         : s.variant == kRelu ? Activation::kRelu
                              : Activation::kNone;
}

Operation product() {
  Operation op{.kernel = "product", .shapes = product_shapes(kForms), .bound = 3e-6};
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    return {
        {"left", Role::kIn, s.rows, s.inner},
        {"right", Role::kIn, s.inner, s.cols, false, false, unit(s.inner)},
        {"lora left", Role::kIn, s.rows, kLoraRank},
        {"lora right", Role::kIn, kLoraRank, s.cols, false, false, unit(kLoraRank)},
        {"bias", Role::kIn, 1, s.cols, false, true},
        {"multiplier", Role::kIn, s.rows, s.cols},
        {"residual", Role::kIn, s.rows, s.cols},
        {"derivative", Role::kOut, s.rows, s.cols},
        {"out", s.variant == kAccumulated ? Role::kInOut : Role::kOut, s.rows, s.cols},
    };
  };
  op.run = [](Backend& b, const Shape& s, std::span<const Matrix> m, const auto&) {
    const PackedMatrix right = b.pack(WeightView::of(m[1])), lora = b.pack(WeightView::of(m[3]));
    std::vector<ProductTerm> terms = {{m[0], &right}};
    if (s.variant == kLora) terms.push_back({m[2], &lora});
    ProductEpilogue e;
    if (s.variant == kGelu || s.variant == kResidual) e.scale = 0.75f;
    if (s.variant != kPlain && s.variant != kAccumulated) e.bias = m[4].data;
    if (s.variant == kMultiplied) e.multiplier = m[5];
    if (s.variant == kLora || s.variant == kResidual) e.residual = m[6];
    e.activation = activation_of(s);
    // ReLU's derivative jumps where a sum is rounding alone: finish_product() looks at it.
    if (s.variant == kGelu) e.derivative = m[7];
    e.accumulate = s.variant == kAccumulated;
    b.product(terms, e, m[8]);
  };
  op.reference = [](const Shape& s, std::vector<Array>& a, const auto&) {
    std::vector<reference::Term> terms = {{&a[0], &a[1]}};
    if (s.variant == kLora) terms.push_back({&a[2], &a[3]});
    reference::Epilogue e;
    if (s.variant == kGelu || s.variant == kResidual) e.scale = 0.75;
    if (s.variant != kPlain && s.variant != kAccumulated) e.bias = &a[4];
    if (s.variant == kMultiplied) e.multiplier = &a[5];
    if (s.variant == kLora || s.variant == kResidual) e.residual = &a[6];
    e.activation = activation_of(s);
    const Array previous = a[8];
    if (s.variant == kAccumulated) e.previous = &previous;
    a[8] = reference::product(terms, e, s.variant == kGelu ? &a[7] : nullptr);
  };
  return op;
}

// The forms of a product's end; kPlain in place, as a backward pass scales a gradient.
Operation finish_product() {
  Operation op{.kernel = "finish_product", .shapes = usual_shapes(kForms), .bound = 3e-6};
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{"x", Role::kIn, s.rows, s.cols},
            {"column scale", Role::kIn, 1, s.cols, false, true},
            {"bias", Role::kIn, 1, s.cols, false, true},
            {"multiplier", Role::kIn, s.rows, s.cols},
            {"residual", Role::kIn, s.rows, s.cols},
            {"derivative", Role::kOut, s.rows, s.cols},
            {"out", s.variant == kAccumulated || s.variant == kPlain ? Role::kInOut : Role::kOut,
             s.rows, s.cols}};
  };
  op.run = [](Backend& b, const Shape& s, std::span<const Matrix> m, const auto&) {
    ProductEpilogue e;
    if (s.variant != kPlain && s.variant != kAccumulated) e.bias = m[2].data;
    if (s.variant == kMultiplied) e.multiplier = m[3];
    if (s.variant == kLora || s.variant == kResidual) e.residual = m[4];
    e.activation = activation_of(s);
    if (s.variant == kGelu || s.variant == kRelu) e.derivative = m[5];
    e.accumulate = s.variant == kAccumulated;
    b.finish_product(s.variant == kPlain ? m[6] : m[0], m[1].data, e, m[6]);
  };
  op.reference = [](const Shape& s, std::vector<Array>& a, const auto&) {
    reference::Epilogue e;
    if (s.variant != kPlain && s.variant != kAccumulated) e.bias = &a[2];
    if (s.variant == kMultiplied) e.multiplier = &a[3];
    if (s.variant == kLora || s.variant == kResidual) e.residual = &a[4];
    e.activation = activation_of(s);
    const Array previous = a[6];
    if (s.variant == kAccumulated) e.previous = &previous;
    a[6] = reference::finish_product(s.variant == kPlain ? previous : a[0], a[1], e,
                                     s.variant == kGelu || s.variant == kRelu ? &a[5] : nullptr);
  };
  return op;
}

// What was packed is seen through a product. Forms of the weight: 0 F32, 1 F32 transposed, 2 BF16,
// 3 F16 transposed, 4 F32 packed over another matrix.
Operation pack() {
  Operation op{.kernel = "pack", .bound = 3e-6};
  for (int variant = 0; variant < 5; ++variant)
    for (const int64_t n : {1, 15, 16, 17, 33, 67})
      for (const int64_t k : {1, 17, 64}) op.shapes.push_back({3, n, k, variant});
  auto type = [](const Shape& s) {
    return s.variant == 2 ? DType::kBF16 : s.variant == 3 ? DType::kF16 : DType::kF32;
  };
  auto transposed = [](const Shape& s) { return s.variant == 1 || s.variant == 3; };
  op.operands = [transposed](const Shape& s) -> std::vector<Operand> {
    const int64_t rows = transposed(s) ? s.cols : s.inner;
    return {{"left", Role::kIn, s.rows, s.inner},
            {"right", Role::kIn, rows, s.inner * s.cols / rows, false, false, unit(s.inner)},
            {"out", Role::kOut, s.rows, s.cols}};
  };
  op.run = [type, transposed](Backend& b, const Shape& s, std::span<const Matrix> m, const auto&) {
    WeightView view = WeightView::of(m[1]);
    std::vector<uint16_t> narrow;
    if (type(s) != DType::kF32) {
      for (int64_t i = 0; i < m[1].rows; ++i)
        for (int64_t j = 0; j < m[1].cols; ++j)
          narrow.push_back(type(s) == DType::kBF16 ? float_to_bf16(m[1].row(i)[j])
                                                   : float_to_f16(m[1].row(i)[j]));
      view = {narrow.data(), type(s), m[1].rows, m[1].cols, m[1].cols, 1};
    }
    if (transposed(s)) view = view.transposed();
    PackedMatrix packed;
    if (s.variant == 4) {
      const Tensor other = b.zeros(s.inner, s.cols);
      packed = b.pack(WeightView::of(other.view()));
      b.repack(view, packed);
    } else {
      packed = b.pack(view);
    }
    const std::vector<ProductTerm> terms = {{m[0], &packed}};
    b.product(terms, {}, m[2]);
  };
  op.reference = [type, transposed](const Shape& s, std::vector<Array>& a, const auto&) {
    Array right(s.inner, s.cols);
    for (int64_t i = 0; i < s.inner; ++i)
      for (int64_t j = 0; j < s.cols; ++j) {
        const auto x = static_cast<float>(transposed(s) ? a[1].at(j, i) : a[1].at(i, j));
        right.at(i, j) = double{type(s) == DType::kBF16  ? bf16_to_float(float_to_bf16(x))
                                : type(s) == DType::kF16 ? f16_to_float(float_to_f16(x))
                                                         : x};
      }
    a[2] = reference::product({{&a[0], &right}}, {});
  };
  return op;
}

// left [rows, inner], right [rows, cols]; narrow on either side as LoRA's factors are.
Operation accumulate_outer() {
  Operation op{.kernel = "accumulate_outer", .bound = 5e-6, .by_rows = false};
  for (int64_t n = 1; n <= 67; ++n) op.shapes.push_back({5, n, 16});
  for (const int64_t rows : {0, 1, 97, 1000})
    for (const int64_t n : {1, 8, 67})
      for (const int64_t p : {1, 4, 65}) op.shapes.push_back({rows, n, p});
  op.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{"left", Role::kIn, s.rows, s.inner, true, false, 0.05},
            {"right", Role::kIn, s.rows, s.cols},
            {"out", Role::kInOut, s.inner, s.cols, false}};
  };
  op.run = [](Backend& b, const Shape&, std::span<const Matrix> m, const auto&) {
    b.accumulate_outer(m[0], m[1], m[2]);
  };
  op.reference = [](const Shape&, std::vector<Array>& a, const auto&) {
    reference::accumulate_outer(a[0], a[1], a[2]);
  };
  return op;
}

}  // namespace

std::vector<Operation> product_operations() {
  return {pack(), product(), finish_product(), accumulate_outer()};
}

}  // namespace rankscope::tests
