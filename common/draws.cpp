#include "common/draws.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "common/hash.h"

namespace rankscope {
namespace {

float box_muller(std::uint32_t word0, std::uint32_t word1) {
  const double u = (static_cast<double>(word0) + 1.0) * 0x1p-32;
  const double v = static_cast<double>(word1) * 0x1p-32;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v));
}

}  // namespace

Draws::Draws(std::uint64_t seed, std::string_view purpose, std::string_view name,
             std::uint64_t step)
    : step_(step) {
  const Sha256Digest digest = Sha256()
                                  .update_field("rankscope draws")
                                  .update_field(purpose)
                                  .update_field(name)
                                  .update_u64(seed)
                                  .digest();
  for (std::size_t word = 0; word < 2; ++word) {
    key_[word] = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      key_[word] |= std::uint32_t{digest[4 * word + i]} << (8 * i);
    }
  }
}

Draws Draws::at_step(std::uint64_t step) const {
  Draws other = *this;
  other.step_ = step;
  return other;
}

double Draws::uniform_double(std::uint64_t index) const {
  const auto words = block(index / 2);
  const std::size_t first = 2 * (index % 2);
  const std::uint64_t both = (std::uint64_t{words[first]} << 32) | words[first + 1];
  return static_cast<double>(both >> 11) * 0x1p-53;
}

float Draws::normal(std::uint64_t index) const {
  const auto words = block(index / 2);
  const std::size_t first = 2 * (index % 2);
  return box_muller(words[first], words[first + 1]);
}

void Draws::fill_uniform(std::span<float> out, std::uint64_t first) const {
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t index = first + i;
    if (i == 0 || index % 4 == 0) words = block(index / 4);
    out[i] = to_uniform(words[index % 4]);
  }
}

void Draws::fill_normal(std::span<float> out, std::uint64_t first) const {
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t index = first + i;
    if (i == 0 || index % 2 == 0) words = block(index / 2);
    out[i] = box_muller(words[2 * (index % 2)], words[2 * (index % 2) + 1]);
  }
}

std::uint64_t Draws::below(std::uint64_t index, std::uint64_t n) const {
  if (n == 0) throw std::invalid_argument("Draws::below: n must be at least 1");
  // The products' low halves below (2^64 mod n) belong to incomplete classes and are rejected.
  const std::uint64_t threshold = (std::numeric_limits<std::uint64_t>::max() - n + 1) % n;
  Draws attempt = *this;
  for (;;) {
    const auto words = attempt.block(index);
    for (const std::size_t first : {0, 2}) {
      const std::uint64_t x = (std::uint64_t{words[first]} << 32) | words[first + 1];
      __extension__ using Wide = unsigned __int128;
      const Wide product = static_cast<Wide>(x) * n;
      if (static_cast<std::uint64_t>(product) >= threshold) {
        return static_cast<std::uint64_t>(product >> 64);
      }
    }
    // Both rejected (at most one case in four, and for n below 2^32 one in 2^64): a neighbouring
    // key gives the next block, since the whole counter belongs to index and step.
    attempt.key_[1] += kPhiloxWeyl1;
  }
}

std::vector<std::uint64_t> Draws::permutation(std::uint64_t n) const {
  std::vector<std::uint64_t> order(n);
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  for (std::uint64_t i = n; i-- > 1;) std::swap(order[i], order[below(i, i + 1)]);
  return order;
}

}  // namespace rankscope
