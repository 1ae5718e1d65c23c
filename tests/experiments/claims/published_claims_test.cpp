// The paper's claims against its published numbers.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/claims/claims_file.h"
#include "results/published.h"

using namespace rankscope;
using Catch::Contains;

TEST_CASE("the margins of the paper's claims are what their reasons make of its numbers") {
  const auto numbers = [](std::string_view source, std::string_view task, std::string_view metric) {
    std::vector<PublishedNumber> found;
    for (const PublishedNumber& n : published_numbers())
      if (n.source == source && n.task == task && n.metric == metric) found.push_back(n);
    return found;
  };
  const auto quarter = [&](const std::string& task) {
    const auto scores = numbers("table4", task, task == "samsum" ? "rouge1" : "accuracy");
    const auto [worst, best] = std::ranges::minmax(scores, {}, &PublishedNumber::value);
    return (*best.value - *worst.value) / 4;
  };
  std::map<std::string, double> halfway{{"memory", std::log2(3) / 2},
                                        {"throughput", std::log2(43.1 / 32.5) / 2},
                                        {"checkpoint", std::log2(10000) / 2}};
  const auto amplifications = numbers("table7", "", "amplification");
  halfway["small_over_large"] =
      std::log2(*amplifications.at(0).value / *amplifications.at(1).value) / 2;
  double least = 100;
  for (const PublishedNumber& n : numbers("table1", "", "latency_increase")) {
    least = std::min(least, *n.value);
    if (n.setting == "batch=1;sequence=128") halfway[n.method] = std::log2(1 + *n.value / 100) / 2;
  }
  halfway["lora_merged"] = std::log2(1 + least / 100);

  int of_scores = 0, of_others = 0;
  for (const Claim& claim : read_claims({}).claims) {
    INFO(claim.id);
    const std::string& reason = claim.contrasts.at(0).reason;
    for (const auto& [task, margin] : claim.margins) {
      INFO(task);
      ++of_scores;
      if (reason.starts_with("a quarter of the distance")) {
        CHECK(margin == Approx(quarter(task)).margin(0.05));
      } else {
        CHECK_THAT(reason, Contains("what Table 5 states as fluctuation"));
        for (const PublishedNumber& n : numbers("table5", task, "accuracy"))
          CHECK(margin == n.spread);
      }
    }
    for (const ClaimContrast& contrast : claim.contrasts) {
      const auto found = halfway.find(contrast.quantity);
      if (found == halfway.end()) continue;
      INFO(contrast.quantity);
      CHECK(contrast.margin == Approx(found->second).margin(0.005));
      ++of_others;
    }
    if (claim.statistic == "latency") CHECK(claim.share == Approx(11 / 354.92).margin(0.0005));
  }
  CHECK(of_scores == 3 + 2 + 2 + 1 + 2 + 1);
  CHECK(of_others == 7);
}

TEST_CASE("C1 quotes rows of Table 4 as they are printed") {
  std::vector<std::string> rows;  // of full fine-tuning, then of LoRA by parameters
  for (const double parameters : {175255.8e6, 4.7e6, 37.7e6}) {
    std::vector<std::string> printed;
    for (const PublishedNumber& n : published_numbers())
      if (n.source == "table4" && n.parameters == parameters &&
          (n.method == "full" || n.method == "lora") &&
          (n.metric == "accuracy" || n.metric == "rouge1"))
        printed.push_back(n.printed);
    REQUIRE(printed.size() == 3);
    rows.push_back(printed[0] + ", " + printed[1] + " and " + printed[2]);
  }
  CHECK(read_claims({}).claims.at(0).published ==
        "WikiSQL, MNLI and SAMSum ROUGE-1: LoRA of 4.7M " + rows[1] + ", of 37.7M " + rows[2] +
            ", against " + rows[0]);
}
