// By what Eigen blocks the products of PiSSA's start (CMakeLists.txt).
#include <catch2/catch.hpp>

#include <Eigen/Core>

TEST_CASE("engine: Eigen blocks its products by sizes that are no processor's") {
  CHECK(Eigen::l1CacheSize() == 48 << 10);
  CHECK(Eigen::l2CacheSize() == 2 << 20);
  CHECK(Eigen::l3CacheSize() == 32 << 20);
}
