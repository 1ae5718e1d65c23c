// The norms in the operation table. Variants: 0 plain, 1 with what may be left out (bias) left out
// or, in the backward, with gradients added to what was there.
#include "tests/engine/kernels/operation.h"

namespace rankscope::tests {

namespace {

// Large enough to show when it is misplaced, and to keep narrow rows' rstd moderate.
constexpr float kEpsilon = 0.05f;

std::vector<Operand> forward_operands(const Shape& s, int64_t stats) {
  return {{"x", Role::kIn, s.rows, s.cols},
          {"gain", Role::kIn, 1, s.cols, false, true},
          {"bias", Role::kIn, 1, s.cols, false, true},
          {"out", Role::kOut, s.rows, s.cols},
          {"stats", Role::kOut, s.rows, stats, true, true}};
}

std::vector<Operand> backward_operands(const Shape& s, int64_t stats) {
  std::vector<Operand> operands = forward_operands(s, stats);
  operands.push_back({"dout", Role::kIn, s.rows, s.cols});
  operands.push_back({"dx", s.variant == 1 ? Role::kInOut : Role::kOut, s.rows, s.cols});
  operands.push_back({"dgain", Role::kInOut, 1, s.cols, false, true});
  operands.push_back({"dbias", Role::kInOut, 1, s.cols, false, true});
  return operands;
}

}  // namespace

std::vector<Operation> norm_operations() {
  Operation layer{.kernel = "layer_norm", .shapes = usual_shapes(2), .bound = 2e-6};
  layer.operands = [](const Shape& s) { return forward_operands(s, 2); };
  layer.run = [](Backend& b, const Shape& s, std::span<const Matrix> m, const auto&) {
    b.layer_norm(m[0], m[1].data, s.variant == 1 ? nullptr : m[2].data, kEpsilon, m[3], m[4]);
  };
  layer.reference = [](const Shape& s, std::vector<Array>& a, const auto&) {
    a[3] = reference::layer_norm(a[0], a[1], s.variant == 1 ? nullptr : &a[2], double{kEpsilon},
                                 &a[4]);
  };

  // The sums of dgain and dbias grow with the rows: a thousand terms of size one.
  Operation layer_backward{
      .kernel = "layer_norm_backward", .shapes = usual_shapes(2), .bound = 4e-6, .magnitude = 2.0};
  layer_backward.operands = [](const Shape& s) { return backward_operands(s, 2); };
  layer_backward.run = [](Backend& b, const Shape& s, std::span<const Matrix> m, const auto&) {
    b.layer_norm(m[0], m[1].data, m[2].data, kEpsilon, m[3], m[4]);
    b.layer_norm_backward(m[0], m[1].data, m[4], m[5], s.variant == 1, m[6], m[7].data, m[8].data);
  };
  layer_backward.reference = [](const Shape& s, std::vector<Array>& a, const auto&) {
    a[3] = reference::layer_norm(a[0], a[1], &a[2], double{kEpsilon}, &a[4]);
    reference::layer_norm_backward(a[0], a[1], double{kEpsilon}, a[5], s.variant == 1, a[6], &a[7],
                                   &a[8]);
  };

  Operation rms{.kernel = "rms_norm", .shapes = usual_shapes(1), .bound = 2e-6};
  rms.operands = [](const Shape& s) { return forward_operands(s, 1); };
  rms.run = [](Backend& b, const Shape&, std::span<const Matrix> m, const auto&) {
    b.rms_norm(m[0], m[1].data, kEpsilon, m[3], m[4]);
  };
  rms.reference = [](const Shape&, std::vector<Array>& a, const auto&) {
    a[3] = reference::rms_norm(a[0], a[1], double{kEpsilon}, &a[4]);
  };

  Operation rms_backward{
      .kernel = "rms_norm_backward", .shapes = usual_shapes(2), .bound = 4e-6, .magnitude = 2.0};
  rms_backward.operands = [](const Shape& s) { return backward_operands(s, 1); };
  rms_backward.run = [](Backend& b, const Shape& s, std::span<const Matrix> m, const auto&) {
    b.rms_norm(m[0], m[1].data, kEpsilon, m[3], m[4]);
    b.rms_norm_backward(m[0], m[1].data, m[4], m[5], s.variant == 1, m[6], m[7].data);
  };
  rms_backward.reference = [](const Shape& s, std::vector<Array>& a, const auto&) {
    a[3] = reference::rms_norm(a[0], a[1], double{kEpsilon}, &a[4]);
    reference::rms_norm_backward(a[0], a[1], double{kEpsilon}, a[5], s.variant == 1, a[6], &a[7]);
  };
  return {layer, layer_backward, rms, rms_backward};
}

}  // namespace rankscope::tests
