// The table of kernels on the CUDA backend: on the fake device everywhere, on a GPU where there is
// one.
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "common/half.h"
#include "engine/backend/devices.h"
#include "tests/engine/cuda/staged_backend.h"
#include "tests/engine/kernels/operation.h"
#include "tests/skip.h"

namespace rankscope::tests {
namespace {

// The fake device is slow: it sees every width and every form, but few large shapes. So is a GPU
// under compute-sanitizer, which watches small ones where RANKSCOPE_TEST_FLOATS says how small:
//   RANKSCOPE_TEST_FLOATS=4000 compute-sanitizer --tool racecheck tests_engine "cuda: each kernel
//   *"
constexpr int64_t kMostFloats = 60'000;

bool is_too_large(int64_t floats, const NamedBackend& device, int64_t most) {
  if (const char* watched = std::getenv("RANKSCOPE_TEST_FLOATS"))
    most = std::atoll(watched);
  else if (device.on_gpu)
    return false;
  return floats > most;
}
// fp32: where the bound of the CPU's kernels is narrower. bf16: a rounding of results whose inputs
// are themselves of the type, and one of what stands between two steps (before a multiplier,
// between the products of attention).
constexpr double kFloatBound = 1e-5;
constexpr double kHalfBound = 1.0 / 64;

int64_t floats_of(const Operation& operation, const Shape& shape) {
  int64_t floats = 0;
  for (const Operand& operand : operation.operands(shape)) floats += operand.rows * operand.cols;
  return floats;
}

Values values_for(const Operation& operation, const Shape& shape, DType precision) {
  Values values = draw_values(operation, shape);
  if (precision == DType::kF32) return values;
  for (std::vector<float>& operand : values.operands)
    for (float& x : operand) x = bf16_to_float(float_to_bf16(x));
  return values;
}

double bound_for(const Operation& operation, DType precision) {
  return std::max(operation.bound, precision == DType::kF32 ? kFloatBound : kHalfBound);
}

void check_bounds(const NamedBackend& device) {
  for (const Operation& operation : operations()) {
    double worst = 0;
    for (const Shape& shape : operation.shapes) {
      if (is_too_large(floats_of(operation, shape), device, kMostFloats)) continue;
      const Values values = values_for(operation, shape, device.precision);
      INFO(describe(operation, shape) << " on " << device.name);
      const double error =
          worst_error(operation, shape, values, expected_of(operation, shape, values),
                      run_all(operation, *device.backend, shape, values),
                      bound_for(operation, device.precision));
      CHECK(error <= 1.0);
      worst = std::max(worst, error);
    }
    UNSCOPED_INFO(operation.kernel << " on " << device.name << ": largest error " << worst
                                   << " of the bound");
  }
  SUCCEED(device.name);
}

// The first rows alone, and some from the middle, have the bits that they have among the others.
void check_rows(const NamedBackend& device) {
  for (const Operation& operation : operations()) {
    if (!operation.by_rows) continue;
    for (const Shape& shape : operation.shapes) {
      if (shape.rows < 2) continue;
      if (is_too_large(floats_of(operation, shape), device, kMostFloats / 4)) continue;
      const std::vector<Operand> operands = operation.operands(shape);
      const Values values = values_for(operation, shape, device.precision);
      const auto together = run_all(operation, *device.backend, shape, values);
      INFO(describe(operation, shape) << " on " << device.name);
      for (const int64_t count : {1, 3}) {
        if (count > shape.rows) continue;
        const int64_t begin = (shape.rows - count) / 2;
        const auto alone = run_at(operation, *device.backend, shape, values, begin, count);
        for (size_t i = 0; i < operands.size(); ++i) {
          if (!operands[i].per_row || operands[i].role == Role::kIn) continue;
          const auto first = together[i].begin() + begin * operands[i].cols;
          INFO("operand " << operands[i].name);
          CHECK(same_bits(alone[i], {first, first + count * operands[i].cols}));
        }
      }
    }
  }
}

// What cuBLASLt may multiply: its algorithm is chosen by the alignment of the operands and the
// distances of their rows too.
bool is_product(const Operation& operation) {
  return operation.kernel == "product" || operation.kernel == "pack" ||
         operation.kernel == "accumulate_outer";
}

void check_addresses(const NamedBackend& device) {
  for (const Operation& operation : operations()) {
    for (const Shape& shape : operation.shapes) {
      const int64_t floats = floats_of(operation, shape);
      if (floats == 0 || floats > 4000 || shape.cols % 13 > 4) continue;
      const Values values = values_for(operation, shape, device.precision);
      const auto aligned = run_all(operation, *device.backend, shape, values);
      INFO(describe(operation, shape) << " on " << device.name);
      for (const int64_t offset : is_product(operation) ? std::array{8, 24} : std::array{1, 6}) {
        const int64_t gap = is_product(operation) ? 0 : offset % 5;
        const auto moved =
            run_at(operation, *device.backend, shape, values, 0, shape.rows, offset, gap);
        for (size_t i = 0; i < aligned.size(); ++i) CHECK(same_bits(aligned[i], moved[i]));
      }
    }
  }
}

TEST_CASE("cuda: the fake device sees attention at every width of its kernels") {
  for (const char* kernel : {"attention", "attention_backward", "paged_attention"}) {
    const auto operation = std::ranges::find(operations(), kernel, &Operation::kernel);
    REQUIRE(operation != operations().end());
    for (const int64_t width : {32, 64, 96, 128}) {
      INFO(kernel << " of head widths " << width - 31 << " to " << width);
      CHECK(std::ranges::any_of(operation->shapes, [&](const Shape& shape) {
        return shape.inner > width - 32 && shape.inner <= width &&
               floats_of(*operation, shape) <= kMostFloats;
      }));
    }
  }
}

TEST_CASE("cuda: each kernel stays within its bound of the reference on the fake device",
          "[slow]") {
  for (const NamedBackend& device : fake_backends()) check_bounds(device);
}

TEST_CASE("cuda: a row alone has the bits that it has among others on the fake device", "[slow]") {
  for (const NamedBackend& device : fake_backends()) check_rows(device);
}

TEST_CASE("cuda: the address of an operand changes no bit on the fake device", "[slow]") {
  for (const NamedBackend& device : fake_backends()) check_addresses(device);
}

TEST_CASE("cuda: each kernel stays within its bound of the reference on a GPU", "[gpu]") {
  if (usable_gpus(gpus()).empty()) RANKSCOPE_SKIP("no GPU");
  for (const NamedBackend& device : gpu_backends()) check_bounds(device);
}

TEST_CASE("cuda: a row alone has the bits that it has among others on a GPU", "[gpu]") {
  if (usable_gpus(gpus()).empty()) RANKSCOPE_SKIP("no GPU");
  for (const NamedBackend& device : gpu_backends()) check_rows(device);
}

}  // namespace
}  // namespace rankscope::tests
