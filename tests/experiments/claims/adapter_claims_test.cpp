// Verdicts on what adapters learned: directions that they share, and what they amplify.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "experiments/claims/judgement.h"
#include "tests/experiments/claims/planted_results.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

// phi of a small adapter of 3 directions and a large one of 6 in 64 dimensions: the first direction
// is shared as much as `top` says, the others as much as `others`.
std::vector<float> planted_phi(double top, double others) {
  std::vector<float> phi;
  for (int i = 1; i <= 3; ++i)
    for (int j = 1; j <= 6; ++j)
      phi.push_back(static_cast<float>((top + (i - 1) * others) / std::min(i, j)));
  return phi;
}

std::string adapter_claim(const std::string& statistic, const std::string& keys,
                          const std::string& quantity, double margin) {
  return "claims:\n  - id: B\n    title: t\n    source: s\n    statistic: " + statistic + "\n" +
         keys + "    targets: Wq+Wv\n    contrasts:\n      - {quantity: " + quantity +
         ", region: above, margin: " + std::to_string(margin) +
         ", reason: r}\n    control: random_adapters\n";
}

// Two seeds whose updates of Wq and of Wv share so much beyond chance.
SimilarityRecord of_two_seeds(const std::string& one, const std::string& other, double query,
                              double value) {
  SimilarityRecord seeds{
      .one = one, .other = other, .relation = "seeds", .stamp = "s", .sites = {}};
  for (const auto& [site, excess] : {std::pair{"Wq", query}, {"Wv", value}})
    seeds.sites.push_back({0, site, "a", 1, 1, 64, {0.5f}, "", {}, {}, {}, excess});
  return seeds;
}

// On what two seeds share of Wq's and of Wv's updates, at the largest rank.
ClaimFinding judge_sharing(const PlantedResults& planted, const std::string& quantity) {
  return planted
      .judge(adapter_claim("shared_between_seeds", "    sites: [Wq, Wv]\n    ranks: [largest]\n",
                           quantity, 0.02))
      .claims.at(0);
}

}  // namespace

TEST_CASE(
    "planted directions are found shared, between ranks and between seeds, and random ones are "
    "not") {
  PlantedResults planted;
  planted.add({.targets = "Wq+Wv", .rank = 3});
  planted.add({.targets = "Wq+Wv", .rank = 6});
  const auto trial = [](int rank, int seed) {
    return "plantedwikisqlloraWq+Wv" + std::to_string(rank) + "s" + std::to_string(seed);
  };
  for (int seed = 1; seed <= 5; ++seed) {
    SimilarityRecord ranks{.one = trial(3, seed),
                           .other = trial(6, seed),
                           .relation = "ranks",
                           .stamp = "s",
                           .sites = {}};
    for (int layer = 0; layer < 2; ++layer)
      ranks.sites.push_back(
          {layer, "Wq", "a", 3, 6, 64, planted_phi(0.9 - 0.01 * seed, 0.1), "", {}, {}, {}, 0.3});
    planted.store().put_similarity(ranks);
    for (int other = seed + 1; other <= 5; ++other)
      planted.store().put_similarity(of_two_seeds(trial(6, seed), trial(6, other),
                                                  0.4 + 0.01 * (seed + other),
                                                  0.1 + 0.01 * (seed + other)));
  }
  const auto judged = [&](const std::string& statistic, const std::string& keys,
                          const std::string& quantity, double margin) {
    return planted.judge(adapter_claim(statistic, keys, quantity, margin)).claims.at(0);
  };
  const std::string two = "    sites: [Wq]\n    ranks: [3, largest]\n";
  const ClaimFinding top = judged("shared_directions", two, "top", 0.5);
  CHECK(top.verdict == "holds");
  CHECK(top.control_verdict == "contradicted");
  CHECK(*top.contrasts.at(0).control_estimate == Approx(0).margin(0.1));
  const double chance = 3.0 / 64;
  CHECK(*top.contrasts.at(0).estimate == Approx((0.87 - chance) / (1 - chance)).margin(1e-6));
  CHECK(top.contrasts.at(0).seeds_left == 5);
  CHECK(*judged("shared_directions", two, "top_minus_others", 0.5).contrasts.at(0).estimate ==
        Approx((0.87 - 0.1) / (1 - chance)).margin(1e-6));
  CHECK(judged("shared_directions", two, "top", 0.95).verdict == "contradicted");

  const std::string sites = "    sites: [Wq, Wv]\n    ranks: [largest]\n    seeds: 4\n";
  CHECK(judged("shared_between_seeds", sites, "first_minus_second", 0.2).verdict == "holds");
  const ClaimFinding second = judged("shared_between_seeds", sites, "second", 0.02);
  CHECK(second.verdict == "holds");
  CHECK(second.control_verdict != "holds");
  CHECK(second.control_verdict != "not run");
  CHECK(*second.contrasts.at(0).control_estimate == Approx(0).margin(0.05));
  CHECK(*second.contrasts.at(0).estimate == Approx(0.1 + 0.06).margin(1e-9));
  CHECK_THAT(second.explanation, !Contains("not finished"));
  planted.store().put_trial(unscored_trial("failed", "Wq+Wv", 6, 6));
  CHECK_THAT(judged("shared_between_seeds", sites, "second", 0.02).explanation,
             Contains("on wikisql 1 trial of lora Wq+Wv r6 is failed or not finished") &&
                 !Contains("diverged"));
  planted.store().put_trial(unscored_trial("diverged", "Wq+Wv", 6, 7));
  CHECK_THAT(judged("shared_between_seeds", sites, "second", 0.02).explanation,
             Contains("; on wikisql 1 of 6 trials of lora Wq+Wv r6 diverged and has no adapter"));
  CHECK(judged("shared_between_seeds", "    sites: [Wq, Wv]\n    ranks: [largest]\n    seeds: 6\n",
               "first", 0.02)
            .verdict == "not run");
}

TEST_CASE(
    "adapters trained on shuffled targets are what others are set against, and are mixed with "
    "none") {
  PlantedResults planted;
  for (const bool shuffled : {false, true}) {
    const auto trial = [&](int seed, int rank = 6) {
      return "plantedwikisqlloraWq+Wv" + std::to_string(rank) + (shuffled ? "x" : "s") +
             std::to_string(seed);
    };
    for (const int rank : {4, 6}) {
      planted.add({.targets = "Wq+Wv", .rank = rank, .shuffled = shuffled});
      for (int seed = 1; seed <= 5; ++seed) {
        AdapterFindings record{
            .trial = trial(seed, rank), .stamp = "s", .values = {}, .spectra = {}};
        for (const std::string quantity : {"projected", "projected_random", "projected_drawn",
                                           "projected_weight", "update_norm"})
          record.values.push_back({0, "Wq", quantity,
                                   shuffled                  ? 9.0
                                   : quantity == "projected" ? 4.0
                                                             : 1.0,
                                   ""});
        planted.store().put_adapter(record);
      }
    }
    const double less = shuffled ? 0.25 : 0;
    for (int seed = 1; seed <= 5; ++seed)
      for (int other = seed + 1; other <= 5; ++other)
        planted.store().put_similarity(of_two_seeds(trial(seed), trial(other),
                                                    0.4 - less + 0.001 * (seed + other),
                                                    0.3 - less + 0.001 * (seed + other)));
  }
  const std::string sites = "    sites: [Wq, Wv]\n    ranks: [largest]\n    seeds: 4\n";
  const auto judged = [&](const std::string& quantity, double margin) {
    return planted.judge(adapter_claim("shared_between_seeds", sites, quantity, margin))
        .claims.at(0);
  };
  CHECK(*judged("first", 0.02).contrasts.at(0).estimate == Approx(0.4 + 0.006).margin(1e-9));
  CHECK(*judged("second_less_shuffled", 0.02).contrasts.at(0).estimate ==
        Approx(0.25).margin(1e-9));
  CHECK(judged("first_less_shuffled", 0.2).verdict == "holds");
  const ClaimFinding less_shuffled = judged("first_less_shuffled", 0.2);
  CHECK(less_shuffled.control_verdict == "contradicted");
  CHECK(*less_shuffled.contrasts.at(0).control_estimate == Approx(0).margin(0.05));
  CHECK(judged("first_less_shuffled", 0.3).verdict == "contradicted");
  const ClaimFinding amplified =
      planted
          .judge(adapter_claim("amplification", "    sites: [Wq]\n    ranks: [4, 6]\n",
                               "update_over_random", 1))
          .claims.at(0);
  for (const ContrastFinding& contrast : amplified.contrasts)
    CHECK(*contrast.estimate == Approx(2));
}

TEST_CASE("a seed of which one layer is undefined is left out, not averaged over the others") {
  PlantedResults planted;
  for (const int rank : {4, 6}) {
    planted.add({.targets = "Wq+Wv", .rank = rank, .seeds = 3});
    for (int seed = 1; seed <= 3; ++seed) {
      AdapterFindings record{.trial = fmt::format("plantedwikisqlloraWq+Wv{}s{}", rank, seed),
                             .stamp = "s",
                             .values = {},
                             .spectra = {}};
      for (int layer = 0; layer < 2; ++layer) {
        // As logarithms to the base 2: 2 and 3, 4 and none, 6 and 7.
        SiteValue projected{layer, "Wq", "projected", std::exp2(2 * seed + layer), ""};
        if (seed == 2 && layer == 1) projected = {layer, "Wq", "projected", {}, "equal values"};
        record.values.push_back(projected);
        for (const char* quantity :
             {"projected_random", "projected_drawn", "projected_weight", "update_norm"})
          record.values.push_back({layer, "Wq", quantity, 1.0, ""});
      }
      planted.store().put_adapter(record);
    }
  }
  const ClaimFinding claim =
      planted
          .judge(adapter_claim("amplification", "    sites: [Wq]\n    ranks: [4, 6]\n",
                               "update_over_random", 1))
          .claims.at(0);
  REQUIRE(claim.contrasts.size() == 2);
  for (const ContrastFinding& contrast : claim.contrasts) {
    INFO(contrast.name);
    CHECK(contrast.seeds_left == 2);
    REQUIRE(contrast.estimate);
    CHECK(*contrast.estimate == Approx((2.5 + 6.5) / 2));
  }
}

TEST_CASE("adapters are set against the control that repeats them, and never against another's") {
  // The one control has alpha 64, as has one of two trained settings.
  const auto judged = [](const std::string& other_alpha) {
    PlantedResults planted;
    const auto add = [&](const std::string& alpha, bool shuffled, double excess) {
      std::map<std::string, std::string> settings;
      if (!alpha.empty()) settings["alpha"] = alpha;
      planted.add({.targets = "Wq+Wv", .rank = 6, .shuffled = shuffled, .settings = settings});
      const auto trial = [&](int seed) {
        return fmt::format("plantedwikisqlloraWq+Wv6{}{}{}", shuffled ? "x" : "s", seed,
                           alpha.empty() ? "" : "alpha" + alpha);
      };
      for (int seed = 1; seed <= 5; ++seed)
        for (int other = seed + 1; other <= 5; ++other)
          planted.store().put_similarity(
              of_two_seeds(trial(seed), trial(other), excess, excess + 0.001 * (seed + other)));
    };
    add(other_alpha, false, 0.8);
    add("64", false, 0.4);
    add("64", true, 0.15);
    return planted
        .judge(adapter_claim("shared_between_seeds",
                             "    sites: [Wq, Wv]\n    ranks: [largest]\n    seeds: 4\n",
                             "second_less_shuffled", 0.02))
        .claims.at(0)
        .contrasts.at(0);
  };
  const ContrastFinding both = judged("8");
  CHECK_THAT(both.name, Contains("alpha 64"));
  REQUIRE(both.estimate);
  CHECK(*both.estimate == Approx(0.25).margin(1e-9));
  const ContrastFinding plain = judged("");
  CHECK_THAT(plain.name, !Contains("alpha"));
  CHECK_FALSE(plain.estimate);
  CHECK_THAT(plain.missing, Contains("no such group with shuffle_targets: true"));
}

TEST_CASE("two seeds are too few for pairs of seeds, and none of their phi is undefined") {
  PlantedResults planted;
  planted.add({.targets = "Wq+Wv", .rank = 6, .seeds = 2});
  planted.store().put_similarity(
      of_two_seeds("plantedwikisqlloraWq+Wv6s1", "plantedwikisqlloraWq+Wv6s2", 0.4, 0.4));
  const ClaimFinding claim = judge_sharing(planted, "first");
  CHECK(claim.verdict == "not run");
  CHECK(claim.explanation ==
        "wikisql: Wq, rank 6: 2 seeds are finished and analysed, 3 are needed");
}

TEST_CASE("what a sweep's analysis lacks is named, and not taken for seeds that are not finished") {
  PlantedResults planted;
  planted.add({.targets = "Wq+Wv", .rank = 3});
  planted.add({.targets = "Wq+Wv", .rank = 6});
  const auto explained = [&](const std::string& statistic, const std::string& keys,
                             const std::string& quantity) {
    const ClaimFinding claim =
        planted.judge(adapter_claim(statistic, "    sites: " + keys + "\n", quantity, 0.1))
            .claims.at(0);
    CHECK(claim.verdict == "not run");
    const ContrastFinding& contrast = claim.contrasts.at(0);
    CHECK(claim.explanation == contrast.name + ": " + contrast.missing);
    return contrast.missing;
  };
  const auto between_ranks = [&] {
    return explained("shared_directions", "[Wq]\n    ranks: [3, 6]", "top");
  };
  const auto between_seeds = [&] {
    return explained("shared_between_seeds", "[Wq, Wv]\n    ranks: [6]", "first");
  };
  const std::string end = "' in the sweep file and run it again, which trains nothing";
  CHECK(between_ranks() ==
        "the sweep's analysis has no pairs 'ranks'; write 'analysis: {pairs: [ranks]}" + end);
  CHECK(between_seeds() ==
        "the sweep's analysis has no pairs 'seeds'; write 'analysis: {pairs: [seeds]}" + end);
  CHECK(explained("amplification", "[Wq]\n    ranks: [3, 6]", "small_over_large") ==
        "the sweep's analysis has no amplification; write 'analysis: {amplification: true}" + end);

  const std::string trial = "plantedwikisqlloraWq+Wv";
  const auto add = [&](const std::string& one, const std::string& other,
                       const std::string& relation, const std::string& directions) {
    SimilarityRecord record{.one = trial + one,
                            .other = trial + other,
                            .relation = relation,
                            .stamp = "s",
                            .sites = {}};
    for (const std::string& analysed : {directions, std::string("initial")})
      record.sites.push_back(
          {0, "Wq", analysed, 3, 6, 64, planted_phi(0.9, 0.1), "", {}, {}, {}, 0.3});
    planted.store().put_similarity(record);
  };
  add("3s1", "6s1", "ranks", "dw");
  add("6s1", "6s2", "seeds", "dw");
  const std::string no_a =
      "the sweep's analysis has no directions 'a'; write 'analysis: {directions: [a, dw]}" + end;
  CHECK(between_ranks() == no_a);
  CHECK(between_seeds() == no_a);

  // With them it is a matter of seeds.
  add("3s2", "6s2", "ranks", "a");
  add("6s3", "6s4", "seeds", "a");
  CHECK(between_ranks() == "1 seed has values on both sides, 2 are needed");
  CHECK(between_seeds() == "2 seeds are finished and analysed, 3 are needed");
}

TEST_CASE("a task that scores adapters which are analysed under another is passed over") {
  PlantedResults planted;
  // One training of each seed, scored on both halves of MNLI; the analysis has it once.
  for (const std::string task : {"mnli", "mismatched"})
    planted.add({.targets = "Wq+Wv", .task = task, .kind = "mnli", .rank = 6, .trainings = "mnli"});
  const auto trial = [](int seed) { return "plantedmnliloraWq+Wv6s" + std::to_string(seed); };
  for (int seed = 1; seed <= 5; ++seed)
    for (int other = seed + 1; other <= 5; ++other)
      planted.store().put_similarity(
          of_two_seeds(trial(seed), trial(other), 0.4, 0.4 + 0.001 * (seed + other)));
  const ClaimFinding claim = judge_sharing(planted, "second");
  CHECK(claim.verdict == "holds");
  REQUIRE(claim.contrasts.size() == 1);
  CHECK(claim.contrasts[0].name == "mnli: Wv, rank 6");
  CHECK_THAT(claim.explanation, Contains("not compared of the sweep's tasks: mismatched"));
  // Another training of the task's own lacks its analysis.
  planted.add({.targets = "Wq+Wv", .task = "wikisql", .rank = 6, .trainings = "wikisql"});
  CHECK(judge_sharing(planted, "second").verdict == "not run");
}

TEST_CASE("a small adapter of one direction shares it, and has no others") {
  PlantedResults planted;
  planted.add({.targets = "Wq+Wv", .rank = 1});
  planted.add({.targets = "Wq+Wv", .rank = 6});
  for (int seed = 1; seed <= 5; ++seed) {
    const auto trial = [&](int rank) {
      return "plantedwikisqlloraWq+Wv" + std::to_string(rank) + "s" + std::to_string(seed);
    };
    const std::vector<float> phi(6, static_cast<float>(0.9 + 0.01 * seed));
    planted.store().put_similarity({.one = trial(1),
                                    .other = trial(6),
                                    .relation = "ranks",
                                    .stamp = "s",
                                    .sites = {{0, "Wq", "a", 1, 6, 64, phi, "", {}, {}, {}, 0.9}}});
  }
  const std::string keys = "    sites: [Wq]\n    ranks: [1, largest]\n";
  const ClaimFinding top =
      planted.judge(adapter_claim("shared_directions", keys, "top", 0.5)).claims.at(0);
  CHECK(top.verdict == "holds");
  const double chance = 1.0 / 64;
  CHECK(*top.contrasts.at(0).estimate == Approx((0.93 - chance) / (1 - chance)).margin(1e-6));
  CHECK_THROWS_WITH(
      planted.judge(adapter_claim("shared_directions", keys, "top_minus_others", 0.5)),
      Contains("rank 1 has no other directions"));
}

TEST_CASE("of seeds that begin from one init_seed a claim on pairs of seeds says so") {
  PlantedResults planted;
  planted.add({.targets = "Wq+Wv", .rank = 6, .init_seed = 1});
  planted.add({.targets = "Wq+Wv", .rank = 4});
  planted.add({.targets = "Wq+Wv", .rank = 4, .init_seed = 7, .shuffled = true});
  const auto missing = [&](const std::string& rank, const std::string& quantity) {
    return planted
        .judge(adapter_claim("shared_between_seeds",
                             "    sites: [Wq, Wv]\n    ranks: [" + rank + "]\n", quantity, 0.02))
        .claims.at(0)
        .contrasts.at(0)
        .missing;
  };
  const std::string alike =
      "its seeds begin from one init_seed, so none are compared; leave init_seed out";
  CHECK(missing("6", "first") == alike);
  CHECK(missing("4", "first_less_shuffled") == alike);
  CHECK_THAT(missing("4", "first"), Contains("no pairs 'seeds'"));
}

TEST_CASE("no control is not a difference of 0") {
  PlantedResults planted;
  planted.add({.targets = "Wq+Wv", .rank = 6});
  const ClaimFinding claim = judge_sharing(planted, "first_less_shuffled");
  CHECK(claim.verdict == "not run");
  CHECK_THAT(claim.contrasts.at(0).missing, Contains("shuffle_targets"));
}

TEST_CASE("planted amplification is found, relative to random subspaces too") {
  PlantedResults planted;
  planted.add({.targets = "Wq+Wv", .rank = 4});
  planted.add({.targets = "Wq+Wv", .rank = 16});
  for (const int rank : {4, 16}) {
    for (int seed = 1; seed <= 5; ++seed) {
      const double wobble = 1 + 0.02 * seed;
      AdapterFindings record{
          .trial = "plantedwikisqlloraWq+Wv" + std::to_string(rank) + "s" + std::to_string(seed),
          .stamp = "s",
          .values = {},
          .spectra = {}};
      const auto add = [&](const char* quantity, double value) {
        record.values.push_back({0, "Wq", quantity, value, ""});
      };
      add("projected", rank == 4 ? 2 * wobble : 4);
      add("projected_random", rank == 4 ? 0.5 : 2);
      add("projected_drawn", (rank == 4 ? 0.5 : 2) * wobble);
      add("projected_weight", 16);
      add("update_norm", rank == 4 ? 32 : 8);
      planted.store().put_adapter(record);
    }
  }
  const std::string keys = "    sites: [Wq]\n    ranks: [4, largest]\n";
  const auto judged = [&](const std::string& quantity, double margin) {
    return planted.judge(adapter_claim("amplification", keys, quantity, margin)).claims.at(0);
  };
  const ClaimFinding over = judged("weight_over_update", 1);
  CHECK(over.verdict == "holds");
  REQUIRE(over.contrasts.size() == 2);
  CHECK(*over.contrasts.at(1).estimate == Approx(2));
  CHECK(judged("update_over_random", 0.9).verdict == "holds");
  const ClaimFinding of_update = judged("update_over_random", 0.9);
  CHECK(of_update.control_verdict == "contradicted");
  // The mean log2 of what is planted between a drawn subspace and random ones, 1.02 to 1.1.
  CHECK(*of_update.contrasts.at(0).control_estimate == Approx(0.084).margin(0.001));
  CHECK(judged("small_over_large", 2).verdict == "holds");
  // A margin in the middle of what is uncertain.
  const double seen = *judged("small_over_large", 2).contrasts.at(0).estimate;
  const ClaimFinding open = judged("small_over_large", seen - 0.001);
  CHECK(open.verdict == "underpowered");
  CHECK_THAT(open.explanation, Contains("to tell 0.001 log2: ") && Contains(" seeds"));
  // 16 against 2, of which random subspaces make 64 against 4.
  const ClaimFinding relative = judged("relative_small_over_large", 0.25);
  CHECK(relative.verdict == "contradicted");
  CHECK(*relative.contrasts.at(0).estimate == Approx(-1).margin(0.1));
}

// W projects alike into all directions.
AdapterFindings with_update_norm(const std::string& trial, double update_norm) {
  AdapterFindings record{.trial = trial, .stamp = "s", .values = {}, .spectra = {}};
  for (const std::string quantity :
       {"projected", "projected_random", "projected_drawn", "projected_weight"})
    record.values.push_back({0, "Wq", quantity, 1.0, ""});
  record.values.push_back({0, "Wq", "update_norm", update_norm, ""});
  return record;
}

TEST_CASE("adapters that are compared across ranks are of one variant, the plain one first") {
  PlantedResults planted;
  const auto add = [&](int rank, const std::string& alpha, double update_norm) {
    std::map<std::string, std::string> settings;
    if (!alpha.empty()) settings["alpha"] = alpha;
    planted.add({.targets = "Wq+Wv",
                 .rank = rank,
                 .settings = settings,
                 .group = alpha.empty() ? "plain" : "others"});
    for (int seed = 1; seed <= 5; ++seed) {
      planted.store().put_adapter(
          with_update_norm("plantedwikisqlloraWq+Wv" + std::to_string(rank) + "s" +
                               std::to_string(seed) + (alpha.empty() ? "" : "alpha" + alpha),
                           update_norm + 0.01 * seed));
    }
  };
  const auto judged = [&] {
    return planted
        .judge(adapter_claim("amplification", "    sites: [Wq]\n    ranks: [4, largest]\n",
                             "small_over_large", 1))
        .claims.at(0);
  };
  add(1, "", 2);
  add(8, "", 2);
  add(4, "64", 32);
  const ClaimFinding mixed = judged();
  CHECK(mixed.verdict == "not run");
  CHECK(mixed.explanation ==
        "no sweep has finished and analysed LoRA trials on Wq+Wv at ranks 4 and the largest above "
        "it that differ in their rank alone");
  add(16, "64", 4);
  const ClaimFinding variant = judged();
  CHECK(variant.contrasts.at(0).name == "wikisql: Wq amplification, r4 over r16, alpha 64");
  CHECK(*variant.contrasts.at(0).estimate == Approx(3).margin(0.05));
  add(4, "", 16);
  const ClaimFinding plain = judged();
  CHECK(plain.contrasts.at(0).name == "wikisql: Wq amplification, r4 over r8");
  CHECK(*plain.contrasts.at(0).estimate == Approx(3).margin(0.05));
}

TEST_CASE("one alpha for all ranks is one variant, though it is the default at one of them") {
  PlantedResults planted;
  for (const int rank : {4, 8, 16}) {
    planted.add({.targets = "Wq+Wv", .rank = rank, .settings = {{"alpha", "8"}}, .group = "alpha"});
    for (int seed = 1; seed <= 5; ++seed)
      planted.store().put_adapter(with_update_norm(
          fmt::format("plantedwikisqlloraWq+Wv{}s{}alpha8", rank, seed), 16 / rank + 0.01 * seed));
  }
  // Beside another group the alpha is named.
  planted.add({.targets = "Wq+Wv", .rank = 4, .settings = {{"lr_ratio", "16"}}, .group = "plus"});
  const auto compared = [&](const std::string& ranks) {
    return planted
        .judge(adapter_claim("amplification", "    sites: [Wq]\n    ranks: " + ranks + "\n",
                             "small_over_large", 1))
        .claims.at(0)
        .contrasts.at(0)
        .name;
  };
  CHECK(compared("[4, largest]") == "wikisql: Wq amplification, r4 over r16, alpha 8");
  CHECK(compared("[8, largest]") == "wikisql: Wq amplification, r8 over r16, alpha 8");
}

TEST_CASE(
    "plain adapters are compared though their rate is named and a variant's name comes first") {
  PlantedResults planted;
  for (const std::string init : {"kaiming", "pissa"}) {
    const std::string rate = init == "pissa" ? "0.001" : "0.01";
    for (const int rank : {4, 8}) {
      planted.add({.targets = "Wq+Wv",
                   .rank = rank,
                   .settings = {{"init", init}, {"lr", rate}},
                   .group = init});
      for (int seed = 1; seed <= 5; ++seed) {
        const double norm = init == "pissa" ? 1 : rank == 4 ? 16 : 2;
        planted.store().put_adapter(with_update_norm(
            fmt::format("plantedwikisqlloraWq+Wv{}s{}init{}lr{}", rank, seed, init, rate),
            norm + 0.01 * seed));
      }
    }
  }
  const ContrastFinding contrast =
      planted
          .judge(adapter_claim("amplification", "    sites: [Wq]\n    ranks: [4, largest]\n",
                               "small_over_large", 1))
          .claims.at(0)
          .contrasts.at(0);
  CHECK(contrast.name == "wikisql: Wq amplification, r4 over r8, lr 0.01");
  CHECK(*contrast.estimate == Approx(3).margin(0.05));
}

TEST_CASE("what PiSSA's A share they began with, so that they show no shared directions") {
  PlantedResults planted;
  planted.add({.targets = "Wq+Wv", .rank = 6, .settings = {{"init", "pissa"}}});
  const auto trial = [](int seed) {
    return "plantedwikisqlloraWq+Wv6s" + std::to_string(seed) + "initpissa";
  };
  for (int seed = 1; seed <= 5; ++seed)
    for (int other = seed + 1; other <= 5; ++other)
      planted.store().put_similarity(of_two_seeds(trial(seed), trial(other), 0.9, 0.9));
  const ClaimFinding claim = judge_sharing(planted, "first");
  CHECK(claim.verdict == "not run");
  CHECK_THAT(claim.explanation, Contains("init pissa"));
}

TEST_CASE("of sweeps whose trials have the same names a claim reads one sweep's phi alone") {
  PlantedResults strong, weak;
  for (PlantedResults* const planted : {&strong, &weak}) {
    for (const int rank : {3, 6}) planted->add({.targets = "Wq+Wv", .rank = rank});
    for (int seed = 1; seed <= 5; ++seed) {
      const auto trial = [&](int rank) {
        return "plantedwikisqlloraWq+Wv" + std::to_string(rank) + "s" + std::to_string(seed);
      };
      SimilarityRecord ranks{
          .one = trial(3), .other = trial(6), .relation = "ranks", .stamp = "s", .sites = {}};
      ranks.sites.push_back({0,
                             "Wq",
                             "a",
                             3,
                             6,
                             64,
                             planted_phi((planted == &strong ? 0.9 : 0.3) - 0.01 * seed, 0.1),
                             "",
                             {},
                             {},
                             {},
                             0.3});
      planted->store().put_similarity(ranks);
    }
  }
  const std::string claim =
      adapter_claim("shared_directions", "    sites: [Wq]\n    ranks: [3, largest]\n", "top", 0.2);
  ResultsReader both({strong.folder(), weak.folder()});
  Evidence evidence(both);
  const ClaimFinding together =
      judge_results(parse_claims(claim, "claims.yaml"), evidence).claims.at(0);
  // Of one name, the sweeps are told apart by their folders.
  const bool of_strong = together.sweep.find(strong.folder().string()) != std::string::npos;
  const ClaimFinding alone = (of_strong ? strong : weak).judge(claim).claims.at(0);
  REQUIRE(together.contrasts.at(0).estimate);
  CHECK(*together.contrasts.at(0).estimate == Approx(*alone.contrasts.at(0).estimate));
  CHECK(*together.contrasts.at(0).low == Approx(*alone.contrasts.at(0).low));
  CHECK(together.verdict == alone.verdict);
}
