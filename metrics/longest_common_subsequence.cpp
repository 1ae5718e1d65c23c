#include "metrics/longest_common_subsequence.h"

#include <fmt/format.h>

#include <bit>

#include "common/error.h"

namespace rankscope {

namespace {

constexpr std::size_t kMaxTableWords = (std::size_t{1} << 30) / sizeof(std::uint64_t);

}  // namespace

void LongestCommonSubsequence::set_reference(std::span<const std::uint32_t> reference,
                                             std::size_t tokens) {
  reference_ = reference;
  words_ = (reference.size() + 63) / 64;
  if (words_ <= 1) {
    match_.assign(tokens, 0);
    for (std::size_t i = 0; i < reference.size(); ++i) {
      match_[reference[i]] |= std::uint64_t{1} << i;
    }
    return;
  }
  match_.assign(words_, 0);
  first_.assign(tokens + 2, 0);
  for (const std::uint32_t token : reference) ++first_[token + 2];
  for (std::size_t t = 2; t <= tokens; ++t) first_[t + 1] += first_[t];
  // first_[t + 1] is where token t's group begins; filling moves it to the group's end.
  positions_.resize(reference.size());
  for (std::size_t i = 0; i < reference.size(); ++i) {
    positions_[first_[reference[i] + 1]++] = static_cast<std::uint32_t>(i);
  }
}

void LongestCommonSubsequence::advance(std::uint32_t token) {
  if (token == kElsewhere) return;
  if (words_ == 1) {
    const std::uint64_t v = column_[0];
    const std::uint64_t u = v & match_[token];
    column_[0] = (v + u) | (v - u);
    return;
  }
  const auto group =
      std::span(positions_).subspan(first_[token], first_[token + 1] - first_[token]);
  for (const std::uint32_t i : group) match_[i / 64] |= std::uint64_t{1} << (i % 64);
  std::uint64_t carry = 0;
  for (std::size_t w = 0; w < words_; ++w) {
    const std::uint64_t v = column_[w];
    const std::uint64_t partial = v + (v & match_[w]);
    const std::uint64_t sum = partial + carry;
    carry = (partial < v) | (sum < partial);
    column_[w] = sum | (v & ~match_[w]);
  }
  for (const std::uint32_t i : group) match_[i / 64] = 0;
}

std::size_t LongestCommonSubsequence::length(std::span<const std::uint32_t> prediction) {
  column_.assign(words_, ~std::uint64_t{0});
  if (words_ == 0) return 0;
  for (const std::uint32_t token : prediction) advance(token);
  std::size_t length = 0;
  for (const std::uint64_t word : column_) length += static_cast<std::size_t>(std::popcount(~word));
  return length;
}

void LongestCommonSubsequence::mark_positions(std::span<const std::uint32_t> prediction,
                                              std::vector<bool>& taken) {
  if (reference_.empty() || prediction.empty()) return;
  if (prediction.size() > kMaxTableWords / words_) {
    throw InputError(
        fmt::format("sentences of {} and {} tokens are too long for rougeLsum; put line "
                    "ends between sentences",
                    reference_.size(), prediction.size()));
  }
  column_.assign(words_, ~std::uint64_t{0});
  table_.clear();
  for (const std::uint32_t token : prediction) {
    advance(token);
    table_.insert(table_.end(), column_.begin(), column_.end());
  }
  std::size_t i = reference_.size();
  std::size_t j = prediction.size();
  while (i > 0 && j > 0) {
    if (reference_[i - 1] == prediction[j - 1]) {
      taken[--i] = true;
      --j;
      continue;
    }
    // Whether this column grows with the last of the i reference tokens: then the table's value
    // one step back in the reference is the smaller one.
    const std::uint64_t word = table_[(j - 1) * words_ + (i - 1) / 64];
    const bool grows = (word >> ((i - 1) % 64) & 1) == 0;
    grows ? --j : --i;
  }
}

}  // namespace rankscope
