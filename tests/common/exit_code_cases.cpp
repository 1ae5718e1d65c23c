// No tests, but what a test program's exit code is checked by (tests/exit_code_test.cmake): hidden,
// so that only a call by name runs them.
#include <catch2/catch.hpp>

#include "tests/skip.h"

TEST_CASE("exit code of 77 failures", "[.]") {
  for (int i = 0; i < 77; ++i) CHECK(i < 0);
}

TEST_CASE("exit code of a skip", "[.]") { RANKSCOPE_SKIP("to see the exit code"); }

TEST_CASE("exit code of no failure", "[.]") { CHECK(true); }
