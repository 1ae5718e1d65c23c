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

TEST_CASE("kernels: each kernel stays within its bound of the reference", "[slow]") {
  const auto backends = cpu_backends(2);
  for (const Operation& operation : operations()) {
    std::vector<double> worst(backends.size());
    for (const Shape& shape : operation.shapes) {
      const Values values = draw_values(operation, shape);
      const std::vector<Array> expected = expected_of(operation, shape, values);
      for (size_t b = 0; b < backends.size(); ++b) {
        INFO(describe(operation, shape) << " on " << backends[b]->instruction_set());
        const double error = worst_error(operation, shape, values, expected,
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
