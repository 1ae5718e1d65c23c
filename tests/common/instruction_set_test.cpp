#include "common/instruction_set.h"

#include <catch2/catch.hpp>

#include "common/error.h"

using namespace rankscope;

TEST_CASE(
    "instruction sets are known by name, and one that is missing is refused with those that are "
    "there") {
  const std::vector<std::string_view> sets = available_instruction_sets();
  REQUIRE_FALSE(sets.empty());
  CHECK(sets.back() == "generic");
  for (const std::string_view set : sets) CHECK(require_instruction_set(set) == set);
  CHECK_THROWS_WITH(require_instruction_set("neon"),
                    Catch::Contains("'neon' is not available here") && Catch::Contains("generic"));
}
