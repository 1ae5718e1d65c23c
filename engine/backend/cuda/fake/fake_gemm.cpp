// The wide products of the fake device, by plain loops: each sum in fp32, in an order of k that, as
// cuBLASLt's choice of an algorithm, is decided by the alignment of the operands and the distances
// of their rows. As its algorithms now and then, they refuse some numbers of rows and some products
// with a bias.
#if !defined(RANKSCOPE_FAKE_DEVICE)
#define RANKSCOPE_FAKE_DEVICE 1
#endif

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/backend/cuda/gemm.h"

namespace rankscope::fake_cuda {
namespace {

// [rows, cols] without gaps.
std::vector<float> floats(const WeightView& m) {
  std::vector<float> values(static_cast<size_t>(m.rows * m.cols));
  for (int64_t i = 0; i < m.rows; ++i)
    for (int64_t j = 0; j < m.cols; ++j) {
      const int64_t at = i * m.row_stride + j * m.col_stride;
      values[static_cast<size_t>(i * m.cols + j)] =
          m.dtype == DType::kF32 ? static_cast<const float*>(m.data)[at]
                                 : to_float(static_cast<const Bf16*>(m.data)[at]);
    }
  return values;
}

void expect(bool condition, const char* what) {
  if (!condition) throw std::logic_error(std::string("fake device: a product whose ") + what);
}

bool multiplied(DType dtype) { return dtype == DType::kF32 || dtype == DType::kBF16; }

struct Operand {
  const void* data;
  GemmLayout layout;
  DType dtype;
};
using Operands = std::array<Operand, 4>;

Operands operands_of(ConstMatrix left, const WeightView& right, ConstMatrix addend, Matrix out) {
  const ConstMatrix c = addend.data ? addend : ConstMatrix(out);
  return {{{right.data, GemmLayout::of(right), right.dtype},
           {left.data, GemmLayout::of(left), left.dtype},
           {c.data, GemmLayout::of(c), c.dtype},
           {out.data, GemmLayout::of(out), out.dtype}}};
}

// What cuBLASLt demands of its layouts.
void expect_layouts(const Operands& operands) {
  for (const Operand& o : operands)
    expect(o.layout.ld >= o.layout.rows, "leading dimension is below its layout's rows");
}

// On a GPU compute-sanitizer would say so: memory that nothing has written holds ones alone here.
void expect_written(ConstMatrix m) {
  const size_t bytes = static_cast<size_t>(m.cols) * dtype_size(m.dtype);
  for (int64_t i = 0; i < m.rows && m.data != nullptr; ++i) {
    const auto* row = reinterpret_cast<const unsigned char*>(m.row(i));
    expect(bytes == 0 || !std::all_of(row, row + bytes, [](unsigned char x) { return x == 0xFF; }),
           "rows were never written");
  }
}

// The order in which terms are added: forwards or backwards, all or the even ones first. Zeros
// behind the others change nothing.
std::vector<size_t> order_of(const Operands& operands, size_t depth) {
  uint32_t choice = 0;
  for (const Operand& o : operands) {
    choice = (choice ^ static_cast<uint32_t>(o.layout.ld)) * 0x9E3779B1u;
    choice = (choice ^ gemm_alignment(o.data, o.layout.ld, o.dtype)) * 0x85EBCA6Bu;
  }
  std::vector<size_t> order(depth);
  std::iota(order.begin(), order.end(), size_t{0});
  if ((choice >> 30 & 1) != 0)
    std::stable_partition(order.begin(), order.end(), [](size_t k) { return k % 2 == 0; });
  if (choice >> 31 != 0) std::reverse(order.begin(), order.end());
  return order;
}

// As Gemm::run, for operands with any strides.
void multiply(const WeightView& left, const WeightView& right, float alpha, ConstMatrix addend,
              Matrix out, const Operands& operands, const Bf16* bias = nullptr) {
  expect_layouts(operands);
  expect(multiplied(left.dtype) && left.dtype == right.dtype, "operands are not F32 or not BF16");
  expect(out.dtype == DType::kF32 || out.dtype == left.dtype, "result has another type");
  expect(left.cols == right.rows && out.rows == left.rows && out.cols == right.cols,
         "sizes do not agree");
  expect(out.stride >= out.cols || out.rows <= 1, "result's rows overlap");
  if (addend.data != nullptr)
    expect(addend.dtype == out.dtype && addend.rows == out.rows && addend.cols == out.cols,
           "addend is not like the result");
  if (bias != nullptr) {
    expect(out.dtype == DType::kBF16, "result is not BF16 but has a bias");
    expect(reinterpret_cast<uintptr_t>(bias) % 16 == 0, "bias is not aligned to 16 bytes");
  }
  const auto n = static_cast<size_t>(out.cols);
  const auto depth = static_cast<size_t>(left.cols);
  const std::vector<float> a = floats(left);
  const std::vector<float> b = floats(right);
  const std::vector<size_t> order = order_of(operands, depth);
  std::vector<float> sums(n);
  for (int64_t i = 0; i < out.rows; ++i) {
    sums.assign(n, 0.0f);
    for (const size_t k : order) {
      const float factor = a[static_cast<size_t>(i) * depth + k];
      for (size_t j = 0; j < n; ++j) sums[j] += factor * b[k * n + j];
    }
    const auto finish = [&]<typename T>(T* row, const T* add) {
      for (size_t j = 0; j < n; ++j)
        row[j] = from_float<T>(alpha * sums[j] + (bias == nullptr ? 0.0f : to_float(bias[j])) +
                               (add == nullptr ? 0.0f : to_float(add[j])));
    };
    const float* add = addend.data == nullptr ? nullptr : addend.row(i);
    if (out.dtype == DType::kF32)
      finish(out.row(i), add);
    else
      finish(reinterpret_cast<Bf16*>(out.row(i)), reinterpret_cast<const Bf16*>(add));
  }
}

class FakeGemm final : public Gemm {
 public:
  std::string version() const override { return "plain loops"; }
  GemmResult run(ConstMatrix left, const WeightView& right, float alpha, ConstMatrix addend,
                 Matrix out, const void* bias) override {
    expect(right.row_stride == 1 || right.col_stride == 1, "right operand has no stride of 1");
    if (bias != nullptr && out.cols % 3 == 2) return GemmResult::kBiasRefused;
    if (out.rows % 8 == 5) return GemmResult::kRowsRefused;
    expect_written(left);
    expect_written(addend);
    multiply(WeightView::of(left), right, alpha, addend, out, operands_of(left, right, addend, out),
             static_cast<const Bf16*>(bias));
    return GemmResult::kDone;
  }
  void outer(ConstMatrix left, ConstMatrix right, Matrix out) override {
    expect(out.dtype == DType::kF32, "result is not F32");
    multiply(WeightView::of(left).transposed(), WeightView::of(right), 1.0f, out, out,
             operands_of(left, WeightView::of(right), out, out));
  }
};

}  // namespace

std::unique_ptr<Gemm> make_gemm(Stream) { return std::make_unique<FakeGemm>(); }

}  // namespace rankscope::fake_cuda
