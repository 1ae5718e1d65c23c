#include "tests/engine/kernels/operation.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "common/draws.h"
#include "common/instruction_set.h"
#include "engine/backend/cpu/cpu_backend.h"

namespace rankscope::tests {

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all = [] {
    std::vector<Operation> joined;
    for (auto part : {product_operations, attention_operations, decoding_operations,
                      norm_operations, element_operations, row_operations})
      for (Operation& operation : part()) joined.push_back(std::move(operation));
    return joined;
  }();
  return all;
}

std::vector<Shape> usual_shapes(int variants) {
  std::vector<Shape> shapes;
  for (int variant = 0; variant < variants; ++variant) {
    for (int64_t width = 1; width <= 67; ++width) shapes.push_back({5, width, 0, variant});
    for (const int64_t rows : {0, 1, 97, 1000})
      for (const int64_t width : {1, 12, 67}) shapes.push_back({rows, width, 0, variant});
    shapes.push_back({3, 768, 0, variant});
  }
  return shapes;
}

Values draw_values(const Operation& operation, const Shape& shape) {
  Values values;
  for (const Operand& operand : operation.operands(shape)) {
    std::vector<float> drawn(static_cast<size_t>(operand.rows * operand.cols));
    Draws(1, "test", operation.kernel + "/" + operand.name).fill_normal(drawn);
    for (float& x : drawn) x *= static_cast<float>(operand.scale);
    values.operands.push_back(std::move(drawn));
  }
  const Draws draws(1, "test", operation.kernel + "/integers");
  const int64_t limit = operation.integer_limit ? operation.integer_limit(shape) : 1;
  for (int64_t i = 0; i < shape.rows; ++i)
    values.integers.push_back(
        static_cast<int32_t>(draws.below(static_cast<uint64_t>(i), static_cast<uint64_t>(limit))));
  return values;
}

namespace {

// An operand in memory of its own, NaN all around it.
class Placed {
 public:
  Placed(const float* values, int64_t rows, int64_t cols, int64_t offset, int64_t gap)
      : rows_(rows), cols_(cols), stride_(cols + gap) {
    constexpr int64_t kAround = 16;
    memory_.assign(static_cast<size_t>(3 * kAround + offset + rows * stride_), kOutside);
    auto address = reinterpret_cast<uintptr_t>(memory_.data());
    const auto to_boundary = static_cast<int64_t>((64 - address % 64) % 64 / sizeof(float));
    first_ = to_boundary + offset;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j) memory_[at(i, j)] = values[i * cols + j];
  }

  Matrix matrix() { return {memory_.data() + first_, rows_, cols_, stride_}; }

  std::vector<float> take(const std::string& name) const {
    std::vector<float> values;
    for (int64_t i = 0; i < rows_; ++i)
      for (int64_t j = 0; j < cols_; ++j) values.push_back(memory_[at(i, j)]);
    for (size_t k = 0; k < memory_.size(); ++k) {
      const int64_t inside = static_cast<int64_t>(k) - first_;
      if (inside >= 0 && inside < rows_ * stride_ && inside % stride_ < cols_) continue;
      if (std::memcmp(&memory_[k], &kOutside, sizeof(float)) != 0)
        throw std::runtime_error("written outside of operand " + name);
    }
    return values;
  }

 private:
  static constexpr float kOutside = std::numeric_limits<float>::quiet_NaN();
  size_t at(int64_t i, int64_t j) const { return static_cast<size_t>(first_ + i * stride_ + j); }

  std::vector<float> memory_;
  int64_t rows_, cols_, stride_, first_ = 0;
};

}  // namespace

std::vector<std::vector<float>> run_at(const Operation& operation, Backend& backend,
                                       const Shape& shape, const Values& values, int64_t row_begin,
                                       int64_t rows, int64_t offset, int64_t gap) {
  const std::vector<Operand> operands = operation.operands(shape);
  std::vector<Placed> placed;
  std::vector<Matrix> matrices;
  placed.reserve(operands.size());
  for (size_t i = 0; i < operands.size(); ++i) {
    const Operand& operand = operands[i];
    const int64_t first = operand.per_row ? row_begin : 0;
    placed.emplace_back(values.operands[i].data() + first * operand.cols,
                        operand.per_row ? rows : operand.rows, operand.cols, offset,
                        operand.dense ? 0 : gap);
    matrices.push_back(placed.back().matrix());
  }
  Shape part = shape;
  std::vector<int32_t> integers = values.integers;
  if (operation.by_rows) {
    part.rows = rows;
    integers.assign(values.integers.begin() + row_begin,
                    values.integers.begin() + row_begin + rows);
  }
  operation.run(backend, part, matrices, integers);
  std::vector<std::vector<float>> results;
  for (size_t i = 0; i < operands.size(); ++i) results.push_back(placed[i].take(operands[i].name));
  return results;
}

std::vector<std::vector<float>> run_all(const Operation& operation, Backend& backend,
                                        const Shape& shape, const Values& values) {
  return run_at(operation, backend, shape, values, 0, shape.rows);
}

std::vector<Array> expected_of(const Operation& operation, const Shape& shape,
                               const Values& values) {
  const std::vector<Operand> operands = operation.operands(shape);
  std::vector<Array> expected;
  for (size_t i = 0; i < operands.size(); ++i) {
    expected.emplace_back(operands[i].rows, operands[i].cols);
    std::copy(values.operands[i].begin(), values.operands[i].end(), expected.back().values.begin());
  }
  operation.reference(shape, expected, values.integers);
  return expected;
}

double worst_error(const Operation& operation, const Shape& shape, const Values& values,
                   const std::vector<Array>& expected, const std::vector<std::vector<float>>& got,
                   double bound) {
  const std::vector<Operand> operands = operation.operands(shape);
  double worst = 0.0;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].role == Role::kIn) {
      if (!same_bits(got[i], values.operands[i])) return INFINITY;
      continue;
    }
    if (got[i].size() != expected[i].values.size()) return INFINITY;
    for (size_t j = 0; j < got[i].size(); ++j) {
      const double want = expected[i].values[j];
      const double allowed =
          (bound > 0 ? bound : operation.bound) * (std::abs(want) + operation.magnitude);
      const double error = std::abs(double{got[i][j]} - want) / allowed;
      if (!(error <= worst)) worst = std::isnan(error) ? INFINITY : error;
    }
  }
  return worst;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

std::string describe(const Operation& operation, const Shape& shape) {
  return operation.kernel + " rows " + std::to_string(shape.rows) + " cols " +
         std::to_string(shape.cols) + " inner " + std::to_string(shape.inner) + " variant " +
         std::to_string(shape.variant);
}

std::vector<std::unique_ptr<Backend>> cpu_backends(int threads) {
  std::vector<std::unique_ptr<Backend>> backends;
  for (const std::string_view set : available_instruction_sets())
    backends.push_back(make_cpu_backend(threads, set));
  return backends;
}

}  // namespace rankscope::tests
