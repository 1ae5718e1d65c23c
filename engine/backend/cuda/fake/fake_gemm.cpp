// The wide products of the fake device, by plain loops: each sum in fp32, in the order of k. As
// cuBLASLt's algorithms now and then, they refuse some numbers of rows and some products with a
// bias.
#if !defined(RANKSCOPE_FAKE_DEVICE)
#define RANKSCOPE_FAKE_DEVICE 1
#endif

#include <memory>
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

// As Gemm::run, for operands with any strides.
void multiply(const WeightView& left, const WeightView& right, float alpha, ConstMatrix addend,
              Matrix out, const Bf16* bias = nullptr) {
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
  std::vector<float> sums(n);
  for (int64_t i = 0; i < out.rows; ++i) {
    sums.assign(n, 0.0f);
    for (size_t k = 0; k < depth; ++k) {
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
    multiply(WeightView::of(left), right, alpha, addend, out, static_cast<const Bf16*>(bias));
    return GemmResult::kDone;
  }
  void outer(ConstMatrix left, ConstMatrix right, Matrix out) override {
    expect(out.dtype == DType::kF32, "result is not F32");
    multiply(WeightView::of(left).transposed(), WeightView::of(right), 1.0f, out, out);
  }
};

}  // namespace

std::unique_ptr<Gemm> make_gemm(Stream) { return std::make_unique<FakeGemm>(); }

}  // namespace rankscope::fake_cuda
