#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "common/draws.h"
#include "common/hash.h"

using rankscope::Draws;

TEST_CASE("draws are the documented function of seed, purpose, name and step") {
  const Draws draws(7, "init", "layers.3.Wq.A.r8", 0x100000002ull);
  const auto digest = rankscope::Sha256()
                          .update_field("rankscope draws")
                          .update_field("init")
                          .update_field("layers.3.Wq.A.r8")
                          .update_u64(7)
                          .digest();
  const auto word = [&](int i) {
    return digest[i] | digest[i + 1] << 8 | digest[i + 2] << 16 |
           static_cast<std::uint32_t>(digest[i + 3]) << 24;
  };
  const std::array<std::uint32_t, 2> key = {word(0), word(4)};
  CHECK(draws.key() == key);
  // Word 2 of block 3 + 2^32, step 2 + 2^32.
  const std::uint64_t index = 4 * (3 + (std::uint64_t{1} << 32)) + 2;
  CHECK(draws.bits(index) == rankscope::philox4x32_10({3, 1, 2, 1}, key)[2]);
}

// These bits name results: if they change, every trained adapter changes. Expected values: an
// implementation of its own, tests/reference/draws.py.
TEST_CASE("the stream keeps its bits") {
  const Draws draws(42, "dropout", "layers.0.Wv", 5);
  CHECK(draws.bits(0) == 0x43b2b05du);
  CHECK(draws.uniform(1) == 12927561 * 0x1p-24f);
  CHECK(draws.uniform_double(2) == 6984117352527553 * 0x1p-53);
  CHECK(draws.normal(3) == Approx(0.8810559819762286).epsilon(1e-7));
  CHECK(draws.below(4, 1000) == 126);
  CHECK(Draws(42, "order", "", 0).permutation(8) ==
        std::vector<std::uint64_t>{5, 1, 6, 2, 4, 7, 3, 0});
}

TEST_CASE("every part of the key changes the draws") {
  std::set<std::uint32_t> first;
  first.insert(Draws(1, "a", "b", 0).bits(0));
  first.insert(Draws(2, "a", "b", 0).bits(0));
  first.insert(Draws(std::uint64_t{1} << 32, "a", "b", 0).bits(0));
  first.insert(Draws(1, "b", "a", 0).bits(0));
  first.insert(Draws(1, "ab", "", 0).bits(0));
  first.insert(Draws(1, "", "ab", 0).bits(0));
  first.insert(Draws(1, "a", "b", 1).bits(0));
  first.insert(Draws(1, "a", "b", std::uint64_t{1} << 32).bits(0));
  first.insert(Draws(1, "a", "b", 0).bits(1));
  CHECK(first.size() == 9);
  CHECK(Draws(1, "a", "b", 9).bits(3) == Draws(1, "a", "b", 0).at_step(9).bits(3));
}

TEST_CASE("filling gives the same values as single draws, from any start") {
  const Draws draws(3, "fill", "x");
  for (const std::uint64_t first : {0, 1, 2, 3, 5}) {
    std::vector<float> uniform(11);
    std::vector<float> normal(11);
    draws.fill_uniform(uniform, first);
    draws.fill_normal(normal, first);
    for (std::size_t i = 0; i < uniform.size(); ++i) {
      CHECK(uniform[i] == draws.uniform(first + i));
      CHECK(normal[i] == draws.normal(first + i));
    }
  }
}

TEST_CASE("uniforms lie in [0, 1) and fill it evenly") {
  const Draws draws(11, "test", "uniform");
  constexpr int kCount = 100000;
  constexpr int kBins = 20;
  std::vector<float> values(kCount);
  draws.fill_uniform(values);
  std::vector<int> bins(kBins);
  for (const float value : values) {
    REQUIRE(value >= 0.0f);
    REQUIRE(value < 1.0f);
    ++bins[static_cast<int>(value * kBins)];
  }
  double chi_square = 0;
  for (const int count : bins) chi_square += std::pow(count - kCount / kBins, 2) / (kCount / kBins);
  CHECK(chi_square < 43.8);  // 19 degrees of freedom, p = 0.001
  CHECK(Draws::to_uniform(0xffffffffu) == 1.0f - 0x1p-24f);
  CHECK(Draws::to_uniform(0xffu) == 0.0f);
  double sum = 0;
  for (int i = 0; i < kCount; ++i) sum += draws.uniform_double(i);
  CHECK(sum / kCount == Approx(0.5).margin(4 / std::sqrt(12.0 * kCount)));
}

TEST_CASE("normals have the moments and tails of the standard normal") {
  constexpr int kCount = 200000;
  std::vector<float> values(kCount);
  Draws(5, "test", "normal").fill_normal(values);
  double sum = 0, sum2 = 0, sum3 = 0, sum4 = 0, lag = 0;
  int beyond_2 = 0;
  for (int i = 0; i < kCount; ++i) {
    const double z = values[i];
    sum += z;
    sum2 += z * z;
    sum3 += z * z * z;
    sum4 += z * z * z * z;
    if (i > 0) lag += z * values[i - 1];
    beyond_2 += std::abs(z) > 1.959964;
  }
  // Each within four standard errors.
  const double root = std::sqrt(static_cast<double>(kCount));
  CHECK(sum / kCount == Approx(0).margin(4 / root));
  CHECK(sum2 / kCount == Approx(1).margin(4 * std::sqrt(2.0) / root));
  CHECK(sum3 / kCount == Approx(0).margin(4 * std::sqrt(15.0) / root));
  CHECK(sum4 / kCount == Approx(3).margin(4 * std::sqrt(96.0) / root));
  CHECK(lag / kCount == Approx(0).margin(4 / root));
  CHECK(beyond_2 / static_cast<double>(kCount) == Approx(0.05).margin(4 * 0.218 / root));
}

TEST_CASE("below is even, also where n does not divide 2^64") {
  const Draws draws(1, "test", "below");
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[draws.below(i, 7)];
  double chi_square = 0;
  for (const int count : counts) chi_square += std::pow(count - 10000, 2) / 10000.0;
  CHECK(chi_square < 22.5);  // 6 degrees of freedom, p = 0.001
  CHECK(draws.below(3, 1) == 0);
  CHECK_THROWS_AS(draws.below(0, 0), std::invalid_argument);
  // n = 3 * 2^62: without rejection the multiples of 3 would come up as often as all the rest. Here
  // one word pair in four is rejected, so one block in sixteen needs a further one.
  const std::uint64_t n = 3 * (std::uint64_t{1} << 62);
  std::vector<int> thirds(3);
  for (int i = 0; i < 30000; ++i) ++thirds[draws.below(i, n) % 3];
  for (const int count : thirds) CHECK(std::abs(count - 10000) < 4 * 82);
}

TEST_CASE("permutations are permutations and evenly likely") {
  std::vector<int> seen(6);
  for (int step = 0; step < 12000; ++step) {
    const auto order = Draws(1, "test", "permutation", step).permutation(3);
    REQUIRE(std::set<std::uint64_t>(order.begin(), order.end()) ==
            std::set<std::uint64_t>{0, 1, 2});
    ++seen[order[0] * 2 + (order[1] > order[2])];
  }
  for (const int count : seen) CHECK(std::abs(count - 2000) < 4 * 41);
  CHECK(Draws(1, "a", "b").permutation(0).empty());
  CHECK(Draws(1, "a", "b").permutation(1) == std::vector<std::uint64_t>{0});
}
