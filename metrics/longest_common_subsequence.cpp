#include "metrics/longest_common_subsequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "common/error.h"

namespace rankscope {

namespace {

constexpr std::size_t kMaxTableWords = (std::size_t{1} << 30) / sizeof(std::uint64_t);

}  // namespace

void LongestCommonSubsequence::set_reference(std::span<const std::uint32_t> reference,
                                             std::size_t tokens) {
  // Only what the last one left: a text's sentences are many, and so are its tokens.
  for (const std::uint32_t token : reference_) {
    if (words_ <= 1) {
      match_[token] = 0;
    } else {
      occurrences_[token] = {};
    }
  }
  reference_.assign(reference.begin(), reference.end());
  words_ = (reference.size() + 63) / 64;
  if (words_ <= 1) {
    match_.resize(std::max(match_.size(), tokens));
    for (std::size_t i = 0; i < reference.size(); ++i) {
      match_[reference[i]] |= std::uint64_t{1} << i;
    }
    return;
  }
  occurrences_.resize(std::max(occurrences_.size(), tokens));
  previous_.resize(reference.size());
  for (std::size_t i = 0; i < reference.size(); ++i) {
    Occurrences& token = occurrences_[reference[i]];
    previous_[i] = token.last;
    token.last = static_cast<std::uint32_t>(i);
    ++token.count;
  }
  masks_.assign(words_, 0);
  for (const std::uint32_t token : reference) {
    Occurrences& frequent = occurrences_[token];
    if (frequent.count <= words_ || frequent.mask != kScratch) continue;
    frequent.mask = masks_.size();
    masks_.resize(masks_.size() + words_, 0);
    set_bits(frequent);
  }
}

void LongestCommonSubsequence::set_bits(const Occurrences& token) {
  std::uint64_t* const mask = masks_.data() + token.mask;
  for (std::uint32_t i = token.last; i != kNowhere; i = previous_[i]) {
    mask[i / 64] |= std::uint64_t{1} << (i % 64);
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
  const Occurrences& occurrences = occurrences_[token];
  if (occurrences.count == 0) return;
  const bool is_rare = occurrences.mask == kScratch;
  if (is_rare) set_bits(occurrences);
  std::uint64_t* const mask = masks_.data() + occurrences.mask;
  std::uint64_t carry = 0;
  for (std::size_t w = 0; w < words_; ++w) {
    const std::uint64_t v = column_[w];
    const std::uint64_t partial = v + (v & mask[w]);
    const std::uint64_t sum = partial + carry;
    carry = (partial < v) | (sum < partial);
    column_[w] = sum | (v & ~mask[w]);
  }
  if (!is_rare) return;
  for (std::uint32_t i = occurrences.last; i != kNowhere; i = previous_[i]) mask[i / 64] = 0;
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
  // Growing by halves it would take up to half as much again; the smaller one goes first.
  const std::size_t table_words = prediction.size() * words_;
  if (table_.capacity() < table_words) {
    table_ = std::vector<std::uint64_t>();
    table_.reserve(table_words);
  }
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
