#include "common/natural_order.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

using rankscope::natural_key;

TEST_CASE("names are ordered by the numbers in them") {
  const std::vector<std::string> ordered = {
      "figure3",  "table",    "table4",  "table04",           "table5", "table15",
      "table15a", "table15b", "table16", "table123456789012", "tables"};
  std::vector<std::string> sorted(ordered.rbegin(), ordered.rend());
  std::ranges::sort(sorted, {}, [](const std::string& name) { return natural_key(name); });
  // table4 and table04 are one number: then by the text.
  std::vector<std::string> expected = ordered;
  std::swap(expected[2], expected[3]);
  CHECK(sorted == expected);
  CHECK(natural_key("a1") != natural_key("a01"));
  CHECK(natural_key("") < natural_key("0"));
}
