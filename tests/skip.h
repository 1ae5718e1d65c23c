// Skipping a test where the machine lacks what it needs.
#pragma once

#include <cstdio>

namespace rankscope::tests {

// Sanitizers reserve terabytes of addresses: what they watch runs under no limit to these.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kReservesAddresses = true;
#elif defined(__has_feature)
inline constexpr bool kReservesAddresses =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kReservesAddresses = false;
#endif

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
