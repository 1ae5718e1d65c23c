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

  void set_reference(std::span<const std::uint32_t> reference, std::size_t tokens);

  std::size_t length(std::span<const std::uint32_t> prediction);

  // Marks the reference's positions of one longest subsequence in `taken`: the one that rouge_score
  // reads out of its table (from the end; on a tie a step back in the reference). InputError when
  // the table would need more than a gibibyte.
  void mark_positions(std::span<const std::uint32_t> prediction, std::vector<bool>& taken);

 private:
  static constexpr std::uint32_t kNowhere = ~std::uint32_t{0};
  static constexpr std::size_t kScratch = 0;
  // Of a token in a reference of more than 64.
  struct Occurrences {
    std::uint32_t last = kNowhere;  // those before it by previous_
    std::uint32_t count = 0;
    std::size_t mask = kScratch;  // where its bits begin in masks_
  };

  void advance(std::uint32_t token);
  // Sets the bits of the token's positions in its mask.
  void set_bits(const Occurrences& token);

  std::vector<std::uint32_t> reference_;
  std::size_t words_ = 0;
  // Bit i of the column is unset where the length grows from i to i + 1 reference tokens.
  std::vector<std::uint64_t> column_;
  // By token, all unset but the reference's: with up to 64 reference tokens where it stands, else
  // its occurrences.
  std::vector<std::uint64_t> match_;
  std::vector<Occurrences> occurrences_;
  std::vector<std::uint32_t> previous_;  // by position: the one before it of the same token
  // Of words_ words each: one that rare tokens share, unset between them, then those of the tokens
  // of more positions than words_, 64 at most.
  std::vector<std::uint64_t> masks_;
  std::vector<std::uint64_t> table_;
};

}  // namespace rankscope
