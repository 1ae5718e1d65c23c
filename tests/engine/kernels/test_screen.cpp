// Backend::best_columns: what a screen finds is what the product and best_tokens() find, whatever
// the numbers; where it cannot say, it says so.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <span>

#include "common/draws.h"
#include "engine/autograd/operations.h"
#include "tests/engine/kernels/operation.h"

namespace rankscope::tests {
namespace {

constexpr float kEndless = std::numeric_limits<float>::infinity();

// A right operand [k, n] whose columns lie in a piece each, as those of a head do.
struct Head {
  int64_t k, n;
  DType dtype = DType::kF32;
  std::vector<float> floats;
  std::vector<uint16_t> halves;

  WeightView view() const {
    const void* const data = dtype == DType::kF32 ? static_cast<const void*>(floats.data())
                                                  : static_cast<const void*>(halves.data());
    return {data, dtype, k, n, 1, k};
  }
  float* column(int64_t c) { return floats.data() + c * k; }
};

Head random_head(int64_t k, int64_t n, DType dtype, uint64_t seed) {
  Head head{k, n, dtype, {}, {}};
  const Draws draws(seed, "test", "head");
  for (int64_t i = 0; i < k * n; ++i)
    head.floats.push_back(static_cast<float>(draws.normal(static_cast<uint64_t>(i))));
  // The upper half of a float's bits is a BF16; of the same bits as an F16 all are finite where the
  // exponent's highest bit is zero.
  if (dtype != DType::kF32) {
    for (const float x : head.floats) {
      uint32_t bits;
      std::memcpy(&bits, &x, sizeof bits);
      const auto upper = static_cast<uint16_t>(bits >> 16);
      head.halves.push_back(dtype == DType::kBF16 ? upper : upper & 0xBFFF);
    }
  }
  return head;
}

std::vector<float> random_rows(int64_t rows, int64_t k, uint64_t seed) {
  std::vector<float> values;
  const Draws draws(seed, "test", "rows");
  for (int64_t i = 0; i < rows * k; ++i)
    values.push_back(static_cast<float>(draws.normal(static_cast<uint64_t>(i))));
  return values;
}

std::vector<int32_t> by_product(Backend& backend, const Head& head, const std::vector<float>& rows,
                                const BannedTokens& banned) {
  const auto count = static_cast<int64_t>(rows.size()) / head.k;
  const PackedMatrix packed = backend.pack(head.view());
  const ProductTerm term{{rows.data(), count, head.k, head.k}, &packed};
  std::vector<float> logits(static_cast<size_t>(count * head.n));
  const Matrix out{logits.data(), count, head.n, head.n};
  backend.product({&term, 1}, {}, out);
  std::vector<int32_t> ids(static_cast<size_t>(count));
  backend.best_tokens(out, banned, 1, ids.data(), nullptr);
  return ids;
}

constexpr int32_t kUntouched = -7;

// Empty where the screen leaves it to the product, which writes nothing then.
std::vector<int32_t> by_screen(Backend& backend, const Screen& screen, const Head& head,
                               const std::vector<float>& rows, const BannedTokens& banned) {
  const auto count = static_cast<int64_t>(rows.size()) / head.k;
  std::vector<int32_t> ids(static_cast<size_t>(count), kUntouched);
  if (backend.best_columns({rows.data(), count, head.k, head.k}, screen, banned, ids.data()))
    return ids;
  CHECK(ids == std::vector<int32_t>(ids.size(), kUntouched));
  return {};
}

// The backends that screen.
std::vector<std::unique_ptr<Backend>> screening_backends(int threads) {
  std::vector<std::unique_ptr<Backend>> screening;
  const Head head = random_head(8, 8, DType::kF32, 1);
  for (auto& backend : cpu_backends(threads))
    if (backend->screen(head.view()) != nullptr) screening.push_back(std::move(backend));
  if (screening.empty())
    WARN("skipped: this processor has no dot products of bytes (AVX-512 VNNI)");
  return screening;
}

TEST_CASE("kernels: a screen finds the largest elements that the product has") {
  for (const int threads : {1, 3}) {
    for (const auto& backend : screening_backends(threads)) {
      uint64_t seed = 1;
      int64_t found = 0, asked = 0;
      for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
        for (const int64_t k : {1, 3, 16, 67, 192, 770}) {
          for (const int64_t n : {1, 31, 33, 640, 4099}) {
            const Head head = random_head(k, n, dtype, ++seed);
            const auto screen = backend->screen(head.view());
            REQUIRE(screen != nullptr);
            for (const int64_t count : {1, 5, 12, 16, 37}) {
              const std::vector<float> rows = random_rows(count, k, ++seed);
              const std::vector<int32_t> ids = by_screen(*backend, *screen, head, rows, {});
              ++asked;
              if (ids.empty()) continue;
              ++found;
              INFO(k << " x " << n << ", " << count << " rows of " << dtype_name(dtype));
              CHECK(ids == by_product(*backend, head, rows, {}));
            }
          }
        }
      }
      // Long rows of many columns are what it is for.
      CHECK(3 * found > asked);
    }
  }
}

// Whole numbers, of which bytes leave nothing.
void round_to_bytes(std::span<float> values) {
  for (float& x : values) x = std::clamp(std::nearbyint(40.0f * x), -127.0f, 127.0f);
  values[0] = 127.0f;
}

TEST_CASE("kernels: a screen tells columns apart that differ in their last bits") {
  constexpr int64_t kColumns = 4096;
  // Where bytes leave something of rows and columns, of columns alone, and of rows alone.
  enum class Whole { kNone, kRows, kColumns };
  for (const auto& backend : screening_backends(2)) {
    for (const Whole whole : {Whole::kNone, Whole::kRows, Whole::kColumns}) {
      // In short rows what bytes leave is more than what chains of multiply-adds are off by.
      const int64_t depth = whole == Whole::kColumns ? 16 : 192;
      int answered = 0;
      for (uint64_t seed = 1; seed <= 40; ++seed) {
        Head head = random_head(depth, kColumns, DType::kF32, seed);
        std::vector<float> row = random_rows(1, depth, seed);
        if (whole == Whole::kRows) round_to_bytes(row);
        std::vector<float> along = row;
        if (whole == Whole::kColumns) {
          round_to_bytes(along);
          row[0] = 30.0f;  // beside which bytes leave much of the other elements
          for (int64_t c = 0; c < kColumns; ++c)
            round_to_bytes({head.column(c), static_cast<size_t>(depth)});
        }
        const Draws draws(seed, "test", "near");
        // Some forty columns, all far above the others, along the row and beside one another: by
        // rounding to bytes no order of them can be told.
        for (uint64_t near = 0; near < 40; ++near) {
          float* const column = head.column(static_cast<int64_t>(near * 97 + seed));
          std::copy(along.begin(), along.end(), column);
          if (whole == Whole::kColumns) {
            column[1 + draws.below(2 * near, static_cast<uint64_t>(depth - 1))] += 1.0f;
            column[1 + draws.below(2 * near + 1, static_cast<uint64_t>(depth - 1))] -= 1.0f;
            continue;
          }
          for (int64_t i = 0; i < depth; ++i) {
            const double change = 1e-3 * draws.normal(near * 192 + static_cast<uint64_t>(i));
            column[i] *= static_cast<float>(1.0 + change);
          }
        }
        const auto screen = backend->screen(head.view());
        const std::vector<int32_t> ids = by_screen(*backend, *screen, head, row, {});
        if (ids.empty()) continue;
        ++answered;
        INFO("seed " << seed << ", whole " << static_cast<int>(whole));
        CHECK(ids == by_product(*backend, head, row, {}));
      }
      CHECK(answered >= 35);
    }
  }
}

TEST_CASE("kernels: of equal columns a screen takes the first, and none that is banned") {
  for (const auto& backend : screening_backends(2)) {
    Head head = random_head(64, 700, DType::kF32, 3);
    const std::vector<float> rows = random_rows(4, 64, 4);
    for (const int64_t c : {650, 20, 333})
      std::copy_n(rows.begin() + 64, 64, head.column(c));  // the best of row 1
    const auto screen = backend->screen(head.view());
    CHECK(by_screen(*backend, *screen, head, rows, {}).at(1) == 20);

    BannedTokens banned{{20, 5, 333}, {0, 0, 3, 3, 3}};
    for (int32_t id = 0; id < 700; ++id) banned.ids.push_back(id);
    banned.begin[4] = 703;
    const std::vector<int32_t> ids = by_screen(*backend, *screen, head, rows, banned);
    REQUIRE(ids.size() == 4);
    CHECK(ids == by_product(*backend, head, rows, banned));
    CHECK(ids[1] == 650);
    CHECK(ids[3] == -1);
  }
}

TEST_CASE("kernels: a screen leaves to the product what bytes cannot say") {
  for (const auto& backend : screening_backends(1)) {
    const Head head = random_head(96, 2000, DType::kF32, 5);
    const auto rows_with = [](float value) {
      std::vector<float> rows = random_rows(3, 96, 6);
      rows[96 + 40] = value;
      return rows;
    };
    for (const float value : {kEndless, -kEndless, std::nanf(""), 1e30f}) {
      INFO(value);
      const auto screen = backend->screen(head.view());
      CHECK(by_screen(*backend, *screen, head, rows_with(value), {}).empty());
    }
    const auto screen = backend->screen(head.view());
    CHECK(by_screen(*backend, *screen, head, std::vector<float>(96, 0.0f), {}).empty());
    CHECK(by_screen(*backend, *screen, head, std::vector<float>(96, 1e-30f), {}).empty());
    CHECK_FALSE(by_screen(*backend, *screen, head, rows_with(1.0f), {}).empty());
    // Where most of what it is asked is beyond it, it is asked in vain from then on.
    for (int i = 0; i < 8; ++i)
      by_screen(*backend, *screen, head, std::vector<float>(96, 0.0f), {});
    CHECK(by_screen(*backend, *screen, head, rows_with(1.0f), {}).empty());

    for (const float broken : {kEndless, std::nanf(""), 1e20f}) {
      Head other = random_head(96, 2000, DType::kF32, 5);
      other.column(1999)[95] = broken;
      CHECK(backend->screen(other.view()) == nullptr);
    }
    CHECK(backend->screen(head.view().transposed()) == nullptr);
    Head alike = random_head(96, 2000, DType::kF32, 5);
    for (int64_t c = 1; c < alike.n; ++c)
      for (int64_t i = 0; i < alike.k; ++i)
        alike.column(c)[i] = alike.column(0)[i] + 1e-4f * alike.column(c)[i];
    const auto useless = backend->screen(alike.view());
    CHECK(by_screen(*backend, *useless, alike, rows_with(1.0f), {}).empty());
    Head some = random_head(96, 2000, DType::kF32, 5);
    std::fill_n(some.column(7), 96, 0.0f);
    std::fill_n(some.column(8), 96, 1e-40f);
    const auto zeros = backend->screen(some.view());
    CHECK(by_screen(*backend, *zeros, some, rows_with(1.0f), {}) ==
          by_product(*backend, some, rows_with(1.0f), {}));
  }
}

TEST_CASE("kernels: what a head maps is let go again when its screen was made") {
  for (const auto& backend : screening_backends(1)) {
    const Head head = random_head(96, 2000, DType::kF32, 5);
    LinearWeight weight(head.view(), nullptr, nullptr, true, 0, 0, 0);
    int released = 0;
    weight.on_packed([&] { ++released; });
    weight.forward_packed(*backend);
    CHECK(released == 1);
    REQUIRE(weight.screen(*backend) != nullptr);
    CHECK(released == 2);
    weight.screen(*backend);
    CHECK(released == 2);
  }
}

}  // namespace
}  // namespace rankscope::tests
