// The longest common subsequence of two token sequences, by rows of bits (Hyyrö, "Bit-parallel
// LCS-length computation revisited", 2004).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rankscope {

// One reference against many predictions. Tokens are numbers below `tokens`, or kElsewhere for a
// prediction's that the reference lacks. Keeps its buffers from one reference to the next.
class LongestCommonSubsequence {
 public:
  static constexpr std::uint32_t kElsewhere = ~std::uint32_t{0};

  // The reference must stay where it is until the next one is set.
  void set_reference(std::span<const std::uint32_t> reference, std::size_t tokens);

  std::size_t length(std::span<const std::uint32_t> prediction);

  // Marks the reference's positions of one longest subsequence in `taken`: the one that rouge_score
  // reads out of its table (from the end; on a tie a step back in the reference). InputError when
  // the table would need more than a gibibyte.
  void mark_positions(std::span<const std::uint32_t> prediction, std::vector<bool>& taken);

 private:
  void advance(std::uint32_t token);

  std::span<const std::uint32_t> reference_;
  std::size_t words_ = 0;
  // Bit i of the column is unset where the length grows from i to i + 1 reference tokens.
  std::vector<std::uint64_t> column_;
  // Where a token stands in the reference: with up to 64 reference tokens a mask per token, else
  // scratch that advance() fills from the positions.
  std::vector<std::uint64_t> match_;
  std::vector<std::uint32_t> positions_;  // in the reference, grouped by token
  std::vector<std::uint32_t> first_;      // where a token's group begins
  std::vector<std::uint64_t> table_;
};

}  // namespace rankscope
