// The largest numbers that sweep files and the command line may ask for: far above any use, and
// small enough that nothing computed from them overflows.
#pragma once

#include <cstdint>
#include <limits>

namespace rankscope {

inline constexpr std::int64_t kMostSteps = 1'000'000'000;
inline constexpr std::int64_t kMostExamples = std::int64_t{1} << 40;
inline constexpr std::int64_t kMostTokens = std::int64_t{1}
                                            << 30;  // of a sequence, or of a micro-batch
inline constexpr std::int64_t kMostThreads = 4096;
inline constexpr std::int64_t kLargestSeed = std::numeric_limits<std::int64_t>::max();
inline constexpr double kLargestLengthPenalty = 10;  // a score is divided by length to this power

}  // namespace rankscope
