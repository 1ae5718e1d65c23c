// Random draws that are a pure function of (seed, purpose, name, step, index). There is no state:
// who drew before, in which order, on how many threads, changes nothing.
//
//   Draws draws(seed, "init", "layers.3.Wq.A.r8", 0);
//   float a = draws.normal(17);
//
// The stream, stated so that a kernel can restate it:
//   key     = the first 8 bytes of SHA-256(field("rankscope draws") field(purpose) field(name)
//             u64(seed)), as two little-endian words; field and u64 as in Sha256
//   counter = {block & 0xffffffff, block >> 32, step & 0xffffffff, step >> 32}
//   bits(i) = word i % 4 of philox4x32_10(counter with block = i / 4, key)
// Each kind of draw takes its words from this one stream at its own stride; use one kind per Draws.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/philox.h"

namespace rankscope {

class Draws {
 public:
  Draws(std::uint64_t seed, std::string_view purpose, std::string_view name,
        std::uint64_t step = 0);

  // The same key at another step: cheap, no hash.
  Draws at_step(std::uint64_t step) const;

  const std::array<std::uint32_t, 2>& key() const { return key_; }
  std::uint64_t step() const { return step_; }

  // Words 4 * number to 4 * number + 3 of the stream.
  std::array<std::uint32_t, 4> block(std::uint64_t number) const {
    return philox4x32_10(
        {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32),
         static_cast<std::uint32_t>(step_), static_cast<std::uint32_t>(step_ >> 32)},
        key_);
  }

  // Word `index`.
  std::uint32_t bits(std::uint64_t index) const { return block(index / 4)[index % 4]; }

  // In [0, 1): the upper 24 bits of word `index`, times 2^-24.
  float uniform(std::uint64_t index) const { return to_uniform(bits(index)); }
  static float to_uniform(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

  // In [0, 1): the upper 53 bits of words 2 index (high) and 2 index + 1 (low), times 2^-53.
  double uniform_double(std::uint64_t index) const;

  // Standard normal by Box and Muller: sqrt(-2 ln u) cos(2 pi v), with u = (w0 + 1) 2^-32 and
  // v = w1 2^-32 from words w0 = 2 index and w1 = 2 index + 1, in double, rounded once. At
  // most 6.66 in size. The same bits wherever libm's log and cos give the same bits.
  float normal(std::uint64_t index) const;

  // The same values as uniform / normal at first, first + 1, ...
  void fill_uniform(std::span<float> out, std::uint64_t first = 0) const;
  void fill_normal(std::span<float> out, std::uint64_t first = 0) const;

  // In [0, n), each value equally likely (Lemire's multiplication with rejection, 64 bits a try,
  // arXiv 1805.10941). Takes the whole block number `index`. n >= 1.
  std::uint64_t below(std::uint64_t index, std::uint64_t n) const;

  // A permutation of 0 .. n - 1, each equally likely: Fisher and Yates, swapping i from n - 1 down
  // to 1 with below(i, i + 1).
  std::vector<std::uint64_t> permutation(std::uint64_t n) const;

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint64_t step_;
};

}  // namespace rankscope
