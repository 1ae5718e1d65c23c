// Parts of work side by side: the bits of one after the other, and what a part throws comes out.
#include <catch2/catch.hpp>

#include <atomic>
#include <stdexcept>

#include "tests/engine/kernels/operation.h"

namespace rankscope::tests {
namespace {

TEST_CASE("kernels: parts that run side by side have the bits that they have alone") {
  constexpr int64_t kParts = 6;
  const auto one = make_cpu_backend(1), four = make_cpu_backend(4);
  for (const Operation& operation : operations()) {
    // The largest, whose work a backend divides.
    const Shape& shape = operation.shapes.back();
    const Values values = draw_values(operation, shape);
    const auto alone = run_all(operation, *one, shape, values);
    std::vector<std::vector<std::vector<float>>> found(kParts);
    four->run_parts(kParts, [&](int64_t i) {
      found[static_cast<size_t>(i)] = run_all(operation, *four, shape, values);
    });
    INFO(describe(operation, shape));
    for (const auto& part : found)
      for (size_t i = 0; i < alone.size(); ++i) CHECK(same_bits(part[i], alone[i]));
  }
}

TEST_CASE(
    "kernels: what parts throw comes out, the first part's of several, and none is left out") {
  for (const int threads : {1, 3}) {
    const auto backend = make_cpu_backend(threads);
    std::atomic<int> ended = 0;
    const auto run = [&] {
      backend->run_parts(5, [&](int64_t i) {
        ++ended;
        if (i == 3) throw std::runtime_error("three");
        if (i == 1) throw std::runtime_error("one");
      });
    };
    CHECK_THROWS_WITH(run(), "one");
    CHECK(ended == 5);
    // The backend's threads are its own again.
    std::atomic<int> after = 0;
    backend->run_parts(7, [&](int64_t) { ++after; });
    CHECK(after == 7);
  }
}

}  // namespace
}  // namespace rankscope::tests
