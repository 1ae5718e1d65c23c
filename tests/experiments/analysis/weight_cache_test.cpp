// W's leading triples as an analysis keeps them between runs.
#include "experiments/analysis/weight_cache.h"

#include <catch2/catch.hpp>

#include <vector>

#include "common/draws.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace fs = std::filesystem;

TEST_CASE("W's triples beside an adapter are as many as its own rank asks for") {
  CHECK(share_of_base(48, 24) == 3);
  CHECK(share_of_base(4096, 11008) == 410);
  for (const std::int64_t rank : {1, 2, 3}) CHECK(triples_for(3, rank) == 4);
  CHECK(triples_for(3, 4) == 5);
}

TEST_CASE("W's triples are the same whatever number of them was asked for before") {
  constexpr std::int64_t kOut = 96, kIn = 80;
  std::vector<float> values(kOut * kIn);
  Draws(0, "tests", "weight cache").fill_normal(values);
  const WeightRows weight(values, kOut, kIn);
  const TemporaryFolder folder;
  const auto facts = [&](const char* name, Eigen::Index k) {
    return WeightCache(folder / name, std::string(64, 'a')).facts(weight, 0, "Wq", k);
  };
  const WeightFacts alone = facts("alone", 9);
  REQUIRE(alone.leading);
  facts("after more", 33);
  // The second time from the file.
  for (int i = 0; i < 2; ++i) {
    const WeightFacts after = facts("after more", 9);
    REQUIRE(after.leading);
    REQUIRE(after.leading->values.size() == 9);
    CHECK(after.norm == alone.norm);
    CHECK((after.leading->values.array() == alone.leading->values.array()).all());
    CHECK((after.leading->left.array() == alone.leading->left.array()).all());
    CHECK((after.leading->right.array() == alone.leading->right.array()).all());
  }
  CHECK(facts("alone", 1000).leading->values.size() == kIn);
}

TEST_CASE("a file of W's triples that an older program kept is read where it has as many") {
  std::vector<float> values(12 * 8);
  Draws(0, "tests", "weight cache").fill_normal(values);
  const WeightRows weight(values, 12, 8);
  const TemporaryFolder folder;
  const WeightCache cache(folder.path(), std::string(64, 'a'));
  REQUIRE(cache.facts(weight, 1, "Wv", 3).leading);
  const fs::path base = folder / ("base-" + std::string(16, 'a'));
  fs::rename(base / "layer1-Wv-3.safetensors", base / "layer1-Wv.safetensors");
  CHECK(cache.facts(weight, 1, "Wv", 3).leading->values.size() == 3);
  CHECK_FALSE(fs::exists(base / "layer1-Wv-3.safetensors"));
  CHECK(cache.facts(weight, 1, "Wv", 2).leading->values.size() == 2);
  CHECK(fs::exists(base / "layer1-Wv-2.safetensors"));
}
