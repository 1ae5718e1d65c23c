// The nearest known name to a misspelt one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace rankscope {

// The candidate with the smallest edit distance (insertions, deletions, substitutions and swaps of
// neighbours, each 1) to `word`, letter case ignored; the first of equals. Empty when none is near:
// the distance may be at most a third of the longer name, and at least 1 is always allowed.
std::string nearest_name(std::string_view word, std::span<const std::string> candidates);

// "; did you mean 'rank'?", the name as printable(), or an empty string when nothing is near.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace rankscope
