// Which settings of a sweep are a claim's sides where several fit.
#include <catch2/catch.hpp>

#include <string>

#include "tests/experiments/claims/planted_results.h"

using namespace rankscope;
using namespace rankscope::tests;

TEST_CASE("a control on shuffled targets is no side of a claim, whatever its rank") {
  PlantedResults planted;
  planted.add({.targets = "Wq", .rank = 8, .share = 0.3});
  planted.add({.targets = "Wq+Wv", .rank = 8, .share = 0.6, .seeds = 4});
  // By rank one of these would be the first, the other the largest.
  for (const std::int64_t rank : {4, 16})
    planted.add({.targets = "Wq+Wv", .rank = rank, .share = 0.9, .shuffled = true});
  for (const char* rank : {"", ", rank: largest"}) {
    INFO(rank);
    const ClaimFinding claim =
        planted
            .judge(score_claim("above", 5, "",
                               "      - {left: {method: lora, targets: Wq+Wv" + std::string(rank) +
                                   "}, right: {method: lora, targets: Wq}}\n"))
            .claims.at(0);
    const ContrastFinding& contrast = claim.contrasts.at(0);
    CHECK(contrast.name == "wikisql: lora Wq+Wv r8 against lora Wq r8");
    REQUIRE(contrast.estimate);
    CHECK(*contrast.estimate == Approx(30).margin(10));
    CHECK(contrast.seeds_left == 4);
  }
}

TEST_CASE("of several budgets that all sides have the largest is compared") {
  PlantedResults planted;
  planted.add({.targets = "Wq", .rank = 8, .parameters = 1000, .share = 0.6});
  planted.add({.targets = "Wq", .rank = 32, .parameters = 4000, .share = 0.3});
  planted.add({.targets = "Wq+Wv", .rank = 4, .parameters = 1000, .share = 0.3});
  planted.add({.targets = "Wq+Wv", .rank = 16, .parameters = 4000, .share = 0.6});
  const ClaimFinding claim =
      planted.judge(score_claim("above", 5, "    equal: parameters\n")).claims.at(0);
  CHECK(claim.contrasts.at(0).name == "wikisql: lora Wq+Wv r16 against lora Wq r32");
  CHECK(claim.verdict == "holds");
}

TEST_CASE("the next fewer parameters are fewer than the most, which several settings may have") {
  PlantedResults planted;
  planted.add({.method = "full", .parameters = 100000, .share = 0.5});
  planted.add({.targets = "Wk", .rank = 4, .parameters = 400, .share = 0.2});
  planted.add({.targets = "Wq", .rank = 8, .parameters = 800, .share = 0.3});
  planted.add({.targets = "Wv", .rank = 8, .parameters = 800, .share = 0.3});
  const auto name = [&](const std::string& take) {
    return planted
        .judge(score_claim(
            "above", 1, "",
            "      - {left: {method: lora, take: " + take + "}, right: {method: full}}\n"))
        .claims.at(0)
        .contrasts.at(0)
        .name;
  };
  CHECK(name("most_parameters") == "wikisql: lora Wq r8 against full");
  CHECK(name("second_most_parameters") == "wikisql: lora Wk r4 against full");
}
