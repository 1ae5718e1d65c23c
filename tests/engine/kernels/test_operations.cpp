// Every kernel of every CPU instruction set against its reference.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "tests/engine/kernels/operation.h"

namespace rankscope::tests {
namespace {

TEST_CASE("kernels: each kernel of the backend stands in the operation table") {
  for (const std::string_view name : kernel_names()) {
    INFO(name);
    CHECK(std::any_of(operations().begin(), operations().end(),
                      [&](const Operation& operation) { return operation.kernel == name; }));
  }
  CHECK(operations().size() == kernel_names().size());
}

// The largest error of an output in units of the allowed one; what it read must be as before.
double worst_error(const Operation& operation, const std::vector<Operand>& operands,
                   const Values& values, const std::vector<Array>& expected,
                   const std::vector<std::vector<float>>& got) {
  double worst = 0.0;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].role == Role::kIn) {
      INFO("input " << operands[i].name);
      CHECK(same_bits(got[i], values.operands[i]));
      continue;
    }
    REQUIRE(got[i].size() == expected[i].values.size());
    for (size_t j = 0; j < got[i].size(); ++j) {
      const double want = expected[i].values[j];
      const double allowed = operation.bound * (std::abs(want) + operation.magnitude);
      const double error = std::abs(double{got[i][j]} - want) / allowed;
      worst = std::isnan(error) ? INFINITY : std::max(worst, error);
    }
  }
  return worst;
}

TEST_CASE("kernels: each kernel stays within its bound of the reference", "[slow]") {
  const auto backends = cpu_backends(2);
  for (const Operation& operation : operations()) {
    std::vector<double> worst(backends.size());
    for (const Shape& shape : operation.shapes) {
      const std::vector<Operand> operands = operation.operands(shape);
      const Values values = draw_values(operation, shape);
      std::vector<Array> expected;
      for (size_t i = 0; i < operands.size(); ++i) {
        expected.emplace_back(operands[i].rows, operands[i].cols);
        std::copy(values.operands[i].begin(), values.operands[i].end(),
                  expected.back().values.begin());
      }
      operation.reference(shape, expected, values.integers);
      for (size_t b = 0; b < backends.size(); ++b) {
        INFO(describe(operation, shape) << " on " << backends[b]->instruction_set());
        const double error = worst_error(operation, operands, values, expected,
                                         run_all(operation, *backends[b], shape, values));
        CHECK(error <= 1.0);
        worst[b] = std::max(worst[b], error);
      }
    }
    for (size_t b = 0; b < backends.size(); ++b) {
      UNSCOPED_INFO(operation.kernel << " on " << backends[b]->instruction_set()
                                     << ": largest error " << worst[b] << " of the bound");
    }
    SUCCEED(operation.kernel);
  }
}

}  // namespace
}  // namespace rankscope::tests
