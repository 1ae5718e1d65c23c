// Skipping a test where the machine lacks what it needs.
#pragma once

#include <cstdio>

namespace rankscope::tests {

// How often note_skip was called in this process.
inline int& skipped_tests() {
  static int count = 0;
  return count;
}

inline void note_skip(const char* reason) {
  std::printf("SKIPPED: %s\n", reason);
  std::fflush(stdout);
  ++skipped_tests();
}

}  // namespace rankscope::tests

// Leaves the test case: RANKSCOPE_SKIP("no GPU").
#define RANKSCOPE_SKIP(reason)             \
  do {                                     \
    ::rankscope::tests::note_skip(reason); \
    return;                                \
  } while (false)
