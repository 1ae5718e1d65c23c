// Verdicts on scores whose truth is planted.
#include "experiments/claims/judgement.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "tests/experiments/claims/planted_results.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

TEST_CASE(
    "a planted difference holds, its reverse is contradicted, and the control holds nowhere") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.0});
  planted.add({.targets = "Wq", .rank = 8, .share = 0.3});
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.6});
  const ClaimFinding above = planted.judge(score_claim("above", 5)).claims.at(0);
  CHECK(above.verdict == "holds");
  CHECK(above.control_verdict != "holds");
  CHECK(above.control_verdict != "not run");
  CHECK(above.base == "models/tiny");
  CHECK(above.data == "wikisql");
  REQUIRE(above.contrasts.size() == 1);
  CHECK(*above.contrasts[0].estimate == Approx(30).margin(6));
  CHECK(*above.contrasts[0].low < 30);
  CHECK(*above.contrasts[0].control_estimate == Approx(0).margin(8));
  CHECK(above.contrasts[0].examples == kExamples);
  CHECK(above.contrasts[0].seeds_left == 5);
  CHECK(planted.judge(score_claim("within", 5)).claims.at(0).verdict == "contradicted");

  const std::string reversed =
      "      - {left: {method: lora, targets: Wq}, right: {method: lora, targets: Wq+Wv}}\n";
  CHECK(planted.judge(score_claim("above", 5, "", reversed)).claims.at(0).verdict ==
        "contradicted");
  CHECK(planted.judge(score_claim("not_below", 5, "", reversed)).claims.at(0).verdict ==
        "contradicted");
  // A margin in the middle of what is uncertain.
  const ClaimFinding open =
      planted.judge(score_claim("above", std::round(*above.contrasts[0].estimate))).claims.at(0);
  CHECK(open.verdict == "underpowered");
  CHECK_THAT(open.explanation, Contains("seeds at these examples") &&
                                   Contains("examples at these seeds, before Holm's correction"));
}

TEST_CASE(
    "what holds is called reproduced on a base of the paper's size and a whole validation set "
    "alone") {
  const auto verdict = [](const std::string& kind, const std::string& region,
                          const std::string& parameters) {
    PlantedResults planted;
    std::map<std::string, std::string> environment;
    if (!parameters.empty()) environment["base_parameters"] = parameters;
    planted.add(
        {.method = "none", .task = kind, .kind = kind, .share = 0.0, .environment = environment});
    planted.add({.targets = "Wq",
                 .task = kind,
                 .kind = kind,
                 .rank = 8,
                 .share = 0.3,
                 .environment = environment});
    planted.add({.targets = "Wq+Wv",
                 .task = kind,
                 .kind = kind,
                 .rank = 4,
                 .share = 0.6,
                 .environment = environment});
    std::string claim = score_claim(region, 5);
    claim.replace(claim.find("mnli"), 4, "samsum");
    return planted.judge(claim).claims.at(0).verdict;
  };
  CHECK(verdict("samsum", "above", "354823168") == "reproduced");
  CHECK(verdict("samsum", "within", "354823168") == "contradicted");
  CHECK(verdict("samsum", "above", "354823167") == "holds");
  CHECK(verdict("samsum", "above", "") == "holds");
  CHECK(verdict("wikisql", "above", "354823168") == "holds");  // 200 of its 8,421 examples
}

TEST_CASE("a base of whose size the trials disagree is not taken for the paper's") {
  const auto verdict = [](const std::string& of_wq, const std::string& of_both) {
    PlantedResults planted;
    planted.add({.targets = "Wq",
                 .task = "samsum",
                 .kind = "samsum",
                 .rank = 8,
                 .share = 0.3,
                 .environment = {{"base_parameters", of_wq}}});
    planted.add({.targets = "Wq+Wv",
                 .task = "samsum",
                 .kind = "samsum",
                 .rank = 4,
                 .share = 0.6,
                 .environment = {{"base_parameters", of_both}}});
    std::string claim = score_claim("above", 5);
    claim.replace(claim.find("mnli"), 4, "samsum");
    return planted.judge(claim).claims.at(0).verdict;
  };
  CHECK(verdict("354823168", "354823168") == "reproduced");
  CHECK(verdict("354823168", "774030080") == "holds");
}

TEST_CASE(
    "equal groups are equivalent within a margin that they can show, and the untrained base is "
    "not") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.0});
  planted.add({.targets = "Wq", .rank = 8, .share = 0.5});
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.5});
  for (const char* region : {"within", "not_below"}) {
    const ClaimFinding finding =
        planted
            .judge(score_claim(region, 12, "",
                               "      - {left: {method: lora, targets: "
                               "Wq+Wv}, right: {method: lora, targets: Wq}}\n",
                               "base"))
            .claims.at(0);
    CHECK(finding.verdict == "holds");
    CHECK(finding.control_verdict == "contradicted");
    CHECK(*finding.contrasts.at(0).control_estimate == Approx(-50).margin(8));
  }
  CHECK(planted.judge(score_claim("within", 0.5)).claims.at(0).verdict == "underpowered");
}

TEST_CASE("one seed gives no verdict, and a missing side no run") {
  PlantedResults planted;
  planted.add({.targets = "Wq", .rank = 8, .share = 0.1, .seeds = 1});
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.9, .seeds = 5});
  const ClaimFinding one = planted.judge(score_claim("above", 5)).claims.at(0);
  CHECK(one.verdict == "underpowered");
  CHECK_THAT(one.explanation, Contains("one seed tells nothing of other seeds: run two at least"));
  CHECK_THAT(one.explanation, !Contains("suffices"));
  const std::string other =
      "      - {left: {method: lora, targets: Wq+Wv}, right: {method: full}}\n";
  const ClaimFinding missing = planted.judge(score_claim("above", 5, "", other)).claims.at(0);
  CHECK(missing.verdict == "not run");
  CHECK_THAT(missing.explanation, Contains("no finished trials of full"));
  // One of two contrasts is no claim.
  const std::string both =
      "      - {left: {method: lora, targets: Wq+Wv}, right: {method: lora, targets: Wq}}\n" +
      other;
  CHECK(planted.judge(score_claim("above", 5, "", both)).claims.at(0).verdict == "not run");
}

TEST_CASE("claims that one seed leaves open are none of those that Holm's procedure is over") {
  PlantedResults planted;
  planted.add({.targets = "Wk", .rank = 8, .share = 0.1, .seeds = 1});
  planted.add({.targets = "Wq", .rank = 8, .share = 0.3});
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.6});
  std::string claims = "claims:\n";
  const auto add = [&](const std::string& id, const std::string& region, const std::string& right) {
    std::string claim = score_claim(region, 5, "",
                                    "      - {left: {method: lora, targets: Wq+Wv}, right: "
                                    "{method: lora, targets: " +
                                        right + "}}\n");
    claim.erase(0, claims.find('\n') + 1);
    claim.replace(claim.find("id: A"), 5, "id: " + id);
    claims += claim;
  };
  add("A", "above", "Wq");
  add("B", "above", "Wk");
  add("C", "within", "Wq");
  const Findings findings = planted.judge(claims);
  REQUIRE(findings.claims.size() == 3);
  CHECK(findings.claims[0].verdict == "holds");
  CHECK(findings.claims[1].verdict == "underpowered");
  CHECK(findings.claims[2].verdict == "contradicted");
  CHECK(findings.claims_tested == 2);
}

TEST_CASE("a group and a task that the sweep has no trials of are named") {
  PlantedResults planted;
  planted.add({.targets = "Wq", .rank = 8, .share = 0.3, .group = "queries"});
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.6, .group = "queries"});
  const auto explained = [&](const std::string& claim) {
    return planted.judge(claim).claims.at(0).explanation;
  };
  CHECK_THAT(explained(score_claim("above", 5)),
             Contains("; nothing is said of mnli: the sweep has no trials of that name"));
  std::string both = score_claim("above", 5);
  both.replace(both.find("mnli"), 4, "wikisq");
  CHECK_THAT(explained(both), Contains("nothing is said of wikisq: "));

  const auto against = [](const std::string& right) {
    return "      - {left: {method: lora, targets: Wq+Wv}, right: " + right + "}\n";
  };
  const std::string absent =
      "the sweep has no finished trials of lora of group querys, nor any "
      "trials in a group of that name; did you mean 'queries'?";
  const std::string querys = against("{method: lora, group: querys}"),
                    of_querys = "wikisql: lora Wq+Wv against lora of group querys: " + absent;
  CHECK(explained(score_claim("above", 5, "", querys)) == of_querys);
  CHECK(explained(score_claim("above", 5, "    equal: parameters\n", querys)) == of_querys);
  CHECK(explained(
            score_claim("above", 5, "", against("{method: lora, targets: Wk, group: queries}"))) ==
        "wikisql: lora Wq+Wv against lora Wk of group queries: the sweep has no finished trials of "
        "lora Wk of group queries");
  CHECK(explained(R"(claims:
  - id: D
    title: t
    source: s
    statistic: cost
    contrasts:
      - {quantity: memory, region: above, margin: 1, reason: r}
    left: {method: lora}
    right: {method: lora, group: querys}
    control: shuffled
)") == absent);
}

TEST_CASE("a claim that is not run says on which task, and a verdict which tasks it leaves out") {
  PlantedResults planted;
  for (const char* task : {"mnli", "samsum"}) {
    planted.add({.targets = "Wq", .task = task, .kind = task, .rank = 8, .share = 0.3});
    planted.add({.targets = "Wq+Wv", .task = task, .kind = task, .rank = 4, .share = 0.6});
  }
  const ClaimFinding on_one = planted.judge(score_claim("above", 5)).claims.at(0);
  CHECK(on_one.verdict == "holds");
  CHECK_THAT(on_one.explanation, Contains("; not compared of the sweep's tasks: samsum"));
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.6});
  const ClaimFinding lacking = planted.judge(score_claim("above", 5)).claims.at(0);
  CHECK(lacking.verdict == "not run");
  CHECK(lacking.explanation ==
        "wikisql: lora Wq+Wv against lora Wq: the sweep has no finished trials of lora Wq; 1 of 2 "
        "differences lack something");
}

TEST_CASE("a side of one seed is what a claim lacks, also where another difference is weaker") {
  PlantedResults planted;
  planted.add({.targets = "Wk", .rank = 8, .share = 0.1, .seeds = 1});
  planted.add({.targets = "Wq", .rank = 8, .share = 0.5});
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.5});
  const ClaimFinding claim =
      planted
          .judge(score_claim(
              "above", 5, "",
              "      - {left: {method: lora, targets: Wq+Wv}, right: {method: lora, targets: Wq}}\n"
              "      - {left: {method: lora, targets: Wq+Wv}, right: {method: lora, targets: "
              "Wk}}\n"))
          .claims.at(0);
  CHECK(claim.verdict == "underpowered");
  CHECK_THAT(claim.explanation, Contains("the weakest is wikisql: lora Wq+Wv r4 against lora Wq") &&
                                    Contains("run two at least"));
  CHECK_THAT(claim.contrasts.at(0).needed, Contains("seeds at these examples"));
}

TEST_CASE("where neither seeds nor examples alone would tell a difference that is said at once") {
  PlantedResults planted;
  planted.add({.targets = "Wq", .rank = 8, .share = 0.3});
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.6});
  const double seen = *planted.judge(score_claim("above", 5)).claims.at(0).contrasts[0].estimate;
  const std::string needed =
      planted.judge(score_claim("above", seen - 0.001)).claims.at(0).contrasts[0].needed;
  CHECK_THAT(needed, Contains(" points: neither more seeds nor more examples alone suffice, before "
                              "Holm's correction"));
}

TEST_CASE("a claim that asks for seeds is not run on fewer, and says how many it needs") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.0});
  planted.add({.targets = "Wq", .rank = 8, .share = 0.1, .seeds = 3});
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.9, .seeds = 6});
  const auto judged = [&](const std::string& seeds) {
    return planted.judge(score_claim("above", 5, seeds)).claims.at(0);
  };
  const ClaimFinding few = judged("    seeds: 5\n");
  CHECK(few.verdict == "not run");
  CHECK(few.explanation ==
        "wikisql: lora Wq+Wv r4 against lora Wq r8: 6 and 3 seeds are finished, 5 are needed");
  CHECK_FALSE(few.contrasts.at(0).estimate);
  CHECK(few.contrasts.at(0).seeds_left == 6);
  CHECK(few.contrasts.at(0).seeds_right == 3);
  CHECK(judged("    seeds: 3\n").verdict == "holds");
  CHECK(judged("").verdict == "holds");
}

TEST_CASE("a claim that asks for no seeds shows the difference of one, without a verdict") {
  PlantedResults planted;
  planted.add({.targets = "Wq", .rank = 8, .share = 0.1, .seeds = 1});
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.9, .seeds = 1});
  const ClaimFinding one = planted.judge(score_claim("above", 5)).claims.at(0);
  CHECK(one.verdict == "underpowered");
  REQUIRE(one.contrasts.at(0).estimate);
  CHECK(*one.contrasts.at(0).estimate == Approx(80).margin(10));
  CHECK(planted.judge(score_claim("above", 5, "    seeds: 2\n")).claims.at(0).verdict == "not run");
}

TEST_CASE("sides are chosen by budget, rank, share of parameters and number of examples") {
  PlantedResults planted;
  planted.add({.method = "full", .parameters = 100000, .share = 0.5});
  planted.add({.targets = "Wq", .rank = 4, .parameters = 400, .share = 0.2});
  planted.add({.targets = "Wq", .rank = 8, .parameters = 800, .share = 0.3});
  planted.add({.targets = "Wq+Wv", .rank = 4, .parameters = 800, .share = 0.6});
  planted.add({.targets = "Wq+Wv", .rank = 20, .parameters = 4000, .share = 0.7});
  const auto only = [&](const std::string& more, const std::string& contrasts) {
    return planted.judge(score_claim("above", 1, more, contrasts))
        .claims.at(0)
        .contrasts.at(0)
        .name;
  };
  const std::string targets =
      "      - {left: {method: lora, targets: Wq+Wv}, right: {method: lora, targets: Wq}}\n";
  CHECK(only("    equal: parameters\n", targets) == "wikisql: lora Wq+Wv r4 against lora Wq r8");
  CHECK(only("",
             "      - {left: {method: lora, targets: Wq+Wv, rank: 4}, right: {method: lora, "
             "targets: Wq+Wv, rank: "
             "largest}}\n") == "wikisql: lora Wq+Wv r4 against lora Wq+Wv r20");
  CHECK(only("",
             "      - {left: {method: lora, share_below: 0.01, take: most_parameters}, right: "
             "{method: full}}\n") == "wikisql: lora Wq r8 against full");
  const ClaimFinding one =
      planted
          .judge(score_claim("within", 1, "",
                             "      - {left: {method: lora, targets: Wq, rank: 8}, "
                             "right: {method: lora, targets: Wq, rank: largest}}\n"))
          .claims.at(0);
  CHECK_THAT(one.explanation, Contains("one such setting"));

  const std::string few = "    examples: fewest\n",
                    sides = "      - {left: {method: lora}, right: {method: full}}\n";
  CHECK(planted.judge(score_claim("not_below", 1, few, sides)).claims.at(0).verdict == "not run");
  for (const std::int64_t limit : {100, 1000}) {
    for (const char* method : {"lora", "full"})
      planted.add({.method = method,
                   .targets = method == std::string("lora") ? "Wq" : "",
                   .task = "mnli_" + std::to_string(limit),
                   .kind = "mnli",
                   .limit = limit,
                   .share = 0.4});
  }
  CHECK(only(few, sides) == "mnli_100: lora Wq against full");
}

TEST_CASE(
    "a claim is judged on the sweep that can answer it, and a wrong one among many stays rare") {
  PlantedResults planted;
  planted.add({.targets = "Wq", .sweep = "a half", .rank = 8, .share = 0.3});
  planted.add({.targets = "Wq", .sweep = "b whole", .rank = 8, .share = 0.3});
  planted.add({.targets = "Wq+Wv", .sweep = "b whole", .rank = 4, .share = 0.6});
  const Findings findings = planted.judge(score_claim("above", 5));
  CHECK(findings.claims.at(0).verdict == "holds");
  CHECK(findings.claims_file_hash.size() == 64);
  CHECK(findings.claims_tested == 1);
  // Scores: the best of its task and sweep, and what can be told from it.
  for (const ScoreFinding& score : findings.scores) {
    CHECK(score.headline);
    CHECK(score.metric == "logical_form");
    CHECK(*score.mean == Approx(score.targets == "Wq" ? 30 : 60).margin(7));
    CHECK((*score.low < *score.mean && *score.mean < *score.high));
    CHECK(score.among_best == (score.sweep == "a half" || score.targets == "Wq+Wv"));
  }
  CHECK(findings.scores.size() == 3);
}

TEST_CASE(
    "settings are compared on the same examples, the best on those that most were scored on") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.1, .not_scored = 1});
  planted.add({.targets = "Wk", .rank = 8, .share = 0.3});
  planted.add({.targets = "Wk+Wv", .rank = 4, .diverged = true});
  planted.add({.targets = "Wq", .rank = 8, .share = 0.3, .not_scored = 1});
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.6, .not_scored = 1});
  planted.add({.targets = "Wv", .rank = 8, .share = 0.9, .skipped = 1});  // as many of them
  const std::string on_wv = score_claim(
      "above", 5, "",
      "      - {left: {method: lora, targets: Wv}, right: {method: lora, targets: Wq}}\n");
  const Findings findings = planted.judge(on_wv);
  CHECK(findings.claims.at(0).contrasts.at(0).missing ==
        "the two sides were not scored on the same examples");
  CHECK(planted.judge(score_claim("above", 5)).claims.at(0).verdict == "holds");
  REQUIRE(findings.scores.size() == 6);
  for (const ScoreFinding& score : findings.scores) {
    INFO(score.targets);
    CHECK(score.among_best == (score.targets == "Wq+Wv"));
    CHECK(score.other_examples == (score.targets == "Wk" || score.targets == "Wv"));
  }
}

TEST_CASE(
    "of sweeps that can answer a claim the one with more seeds does, then the one with more "
    "settings") {
  PlantedResults planted;
  const auto add = [&](const std::string& sweep, double share, int seeds, std::int64_t ranks) {
    for (std::int64_t rank = 1; rank <= ranks; ++rank)
      planted.add({.targets = "Wo", .sweep = sweep, .rank = rank, .share = 0.3, .seeds = seeds});
    planted.add({.targets = "Wq", .sweep = sweep, .rank = 8, .share = 0.3, .seeds = seeds});
    planted.add({.targets = "Wq+Wv", .sweep = sweep, .rank = 4, .share = share, .seeds = seeds});
  };
  add("a more settings", 0.9, 3, 4);
  add("b more seeds", 0.6, 5, 1);
  const ContrastFinding by_seeds =
      planted.judge(score_claim("above", 5)).claims.at(0).contrasts.at(0);
  CHECK(by_seeds.seeds_left == 5);
  CHECK(*by_seeds.estimate == Approx(30).margin(7));
  add("c both", 0.45, 5, 2);
  CHECK(*planted.judge(score_claim("above", 5)).claims.at(0).contrasts.at(0).estimate ==
        Approx(15).margin(7));
}

TEST_CASE("of sweeps that set trials against the untrained base the one with more seeds decides") {
  PlantedResults planted;
  const auto add = [&](const std::string& sweep, int seeds, std::int64_t ranks) {
    planted.add({.method = "none", .sweep = sweep, .share = 0.1});
    for (std::int64_t rank = 1; rank <= ranks; ++rank)
      planted.add({.targets = "Wq", .sweep = sweep, .rank = rank, .share = 0.6, .seeds = seeds});
  };
  add("a more settings", 3, 4);
  add("b more seeds", 5, 1);
  const std::string sides = "      - {left: {method: lora}, right: {method: none}}\n";
  CHECK(planted.judge(score_claim("above", 5, "", sides)).claims.at(0).contrasts.at(0).seeds_left ==
        5);
}

TEST_CASE("a sweep of one task at many sizes does not decide before one of two tasks") {
  PlantedResults planted;
  const auto add = [&](const std::string& sweep, const std::string& task, const std::string& kind,
                       double share) {
    planted.add({.method = "none", .task = task, .kind = kind, .sweep = sweep, .share = 0.0});
    planted.add(
        {.targets = "Wq", .task = task, .kind = kind, .sweep = sweep, .rank = 8, .share = 0.3});
    planted.add({.targets = "Wq+Wv",
                 .task = task,
                 .kind = kind,
                 .sweep = sweep,
                 .rank = 4,
                 .share = share});
  };
  for (const char* task : {"mnli_100", "mnli_500", "mnli_1000"}) add("a", task, "mnli", 0.9);
  add("b", "mnli", "mnli", 0.6);
  add("b", "wikisql", "wikisql", 0.6);
  const ClaimFinding claim = planted.judge(score_claim("above", 5)).claims.at(0);
  CHECK(claim.contrasts.size() == 2);
  CHECK(claim.data.find("mnli_100") == std::string::npos);
}

TEST_CASE("one budget is what a group's ranks come to, as near as its matrices allow") {
  PlantedResults planted;
  const auto add = [&](const std::string& targets, std::int64_t rank, std::int64_t parameters,
                       double share, const std::string& group) {
    planted.add({.targets = targets,
                 .rank = rank,
                 .parameters = parameters,
                 .share = share,
                 .group = group});
  };
  // Wk is narrower than Wq.
  add("Wq", 8, 1024, 0.3, "budget");
  add("Wk", 11, 1056, 0.3, "budget");
  add("Wq+Wv", 5, 1120, 0.6, "budget");
  const auto judged = [&](const std::string& right) {
    return planted
        .judge(score_claim("above", 5, "    equal: parameters\n",
                           "      - {left: {method: lora, targets: Wq+Wv}, right: {method: lora, "
                           "targets: " +
                               right + "}}\n"))
        .claims.at(0);
  };
  const ClaimFinding claim = judged("Wk");
  CHECK(claim.verdict == "holds");
  CHECK(claim.contrasts.at(0).name ==
        "wikisql: lora Wq+Wv r5 against lora Wk r11, 1120 against 1056 parameters");
  // Another group's is another budget.
  add("Wo", 9, 1100, 0.3, "other");
  CHECK(judged("Wo").verdict == "not run");
  // Nor is one rank a budget, though of narrower heads it comes to less than twice as much.
  PlantedResults narrow;
  narrow.add({.targets = "Wq", .rank = 8, .parameters = 1024, .share = 0.3});
  narrow.add({.targets = "Wq+Wv", .rank = 8, .parameters = 1664, .share = 0.6});
  CHECK(narrow.judge(score_claim("above", 5, "    equal: parameters\n")).claims.at(0).verdict ==
        "not run");
  CHECK(narrow.judge(score_claim("above", 5)).claims.at(0).verdict == "holds");
}

TEST_CASE("a sweep that is not finished does not take the verdict from one that is") {
  PlantedResults planted;
  const auto add = [&](const std::string& sweep, const std::string& task, const std::string& kind,
                       bool finished) {
    planted.add(
        {.targets = "Wq", .task = task, .kind = kind, .sweep = sweep, .rank = 8, .share = 0.3});
    if (finished)
      planted.add({.targets = "Wq+Wv",
                   .task = task,
                   .kind = kind,
                   .sweep = sweep,
                   .rank = 4,
                   .share = 0.6});
  };
  add("a", "wikisql", "wikisql", true);
  add("b", "mnli", "mnli", true);
  add("b", "wikisql", "wikisql", true);
  add("b", "mnli_100", "mnli", false);
  const ClaimFinding claim = planted.judge(score_claim("above", 5)).claims.at(0);
  CHECK(claim.verdict == "holds");
  CHECK(claim.data == "wikisql");
  CHECK(claim.sweep == "a");
  CHECK_THAT(claim.explanation, Contains("; not used is what sweep b on models/tiny shows of it"));
}

TEST_CASE("a diverged trial counts as the base, and unfinished ones as missing") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.1});
  planted.add({.targets = "Wq", .rank = 8, .share = 0.9, .seeds = 2});
  planted.store().put_trial(unscored_trial("diverged", "Wq", 8, 3));
  planted.store().put_trial(unscored_trial("failed", "Wq", 8, 4));
  int trained = 0;
  for (const ScoreFinding& score : planted.judge(score_claim("above", 5)).scores) {
    if (score.method == "none") continue;
    ++trained;
    CHECK(*score.mean == Approx((90 + 90 + 10) / 3.0).margin(6));
    CHECK(score.seeds.size() == 3);
    CHECK(score.diverged == 1);
    CHECK(score.missing == 1);
  }
  CHECK(trained > 0);
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.2});
  const auto explained = [&] {
    return planted.judge(score_claim("above", 5)).claims.at(0).explanation;
  };
  CHECK_THAT(explained(),
             Contains("; on wikisql 1 of 3 trials of lora Wq r8 diverged and counts as the "
                      "untrained base"));
  CHECK_THAT(explained(),
             Contains("; on wikisql 1 trial of lora Wq r8 is failed or not finished and is left "
                      "out") &&
                 !Contains("of lora Wq+Wv r4 "));
  planted.store().put_trial(unscored_trial("pending", "Wq", 8, 5));
  CHECK_THAT(
      explained(),
      Contains("; on wikisql 2 trials of lora Wq r8 are failed or not finished and are left out"));
}

TEST_CASE(
    "a setting of which no trial is finished has its score, without a value, and no verdict") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.1});
  planted.add({.targets = "Wq", .rank = 8, .parameters = 800, .share = 0.6});
  for (const char* state : {"failed", "pending"})
    planted.store().put_trial(unscored_trial(state, "Wq+Wv", 4, *state));
  // It trains as many parameters on another task.
  planted.add({.targets = "Wq+Wv",
               .task = "mnli",
               .kind = "mnli",
               .rank = 4,
               .parameters = 700,
               .share = 0.5});
  const Findings findings = planted.judge(score_claim("above", 5));
  CHECK(findings.claims.at(0).verdict == "not run");
  const auto found = std::ranges::find_if(findings.scores, [](const ScoreFinding& s) {
    return s.task == "wikisql" && s.targets == "Wq+Wv";
  });
  REQUIRE(found != findings.scores.end());
  CHECK(found->metric == "logical_form");
  CHECK(found->headline);
  CHECK_FALSE(found->mean);
  CHECK_FALSE(found->among_best);
  CHECK(found->seeds.empty());
  CHECK(found->missing == 2);
  CHECK(found->note == "no trial is finished");
  CHECK(found->parameters == 700);
  // The best is sought among the others.
  CHECK(std::ranges::count(findings.scores, true, &ScoreFinding::among_best) == 2);
}

TEST_CASE("a setting of which every trial diverged counts as the base, on either side of a claim") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.1});
  planted.add({.targets = "Wq", .rank = 8, .share = 0.6});
  planted.add({.targets = "Wq+Wv", .rank = 4, .diverged = true});
  const Findings findings = planted.judge(score_claim("above", 5));
  const ClaimFinding& claim = findings.claims.at(0);
  CHECK(claim.verdict == "contradicted");
  REQUIRE(claim.contrasts.at(0).estimate);
  CHECK(*claim.contrasts.at(0).estimate == Approx(-50).margin(8));
  const std::string counting =
      "; on wikisql 5 of 5 trials of lora Wq+Wv r4 diverged and count as the untrained base";
  CHECK_THAT(claim.explanation, Contains(counting));
  const auto score = std::ranges::find(findings.scores, "Wq+Wv", &ScoreFinding::targets);
  REQUIRE(score != findings.scores.end());
  CHECK(*score->mean == Approx(10).margin(5));
  CHECK(score->diverged == 5);
  CHECK(score->metric == "logical_form");
  const std::string reversed =
      "      - {left: {method: lora, targets: Wq}, right: {method: lora, targets: Wq+Wv}}\n";
  const ClaimFinding holding = planted.judge(score_claim("above", 5, "", reversed)).claims.at(0);
  CHECK(holding.verdict == "holds");
  CHECK_THAT(holding.explanation, Contains(counting) && !Contains("trials of lora Wq r8"));
}

TEST_CASE("tasks that are scored on the same data share one trial of the base") {
  PlantedResults planted;
  planted.add({.method = "none", .task = "mnli_40", .kind = "mnli", .share = 0.3});
  planted.add(
      {.targets = "Wq", .task = "mnli_40", .kind = "mnli", .rank = 8, .limit = 40, .share = 0.5});
  planted.add(
      {.targets = "Wq", .task = "mnli", .kind = "mnli", .rank = 8, .limit = 0, .diverged = true});
  const Findings findings = planted.judge(score_claim("above", 5));
  std::map<std::string, double> base, lora;
  for (const ScoreFinding& score : findings.scores) {
    REQUIRE(score.mean);
    CHECK(score.kind == "mnli");
    (score.method == "none" ? base : lora)[score.task] = *score.mean;
    if (score.method == "lora")
      CHECK(score.train_examples == (score.task == "mnli" ? kAllExamples : 40));
  }
  REQUIRE(base.size() == 2);
  CHECK(base.at("mnli") == base.at("mnli_40"));
  CHECK(lora.at("mnli") == base.at("mnli"));
}

TEST_CASE("of one dataset's bases a task has the one that was decoded as its own trials are") {
  PlantedResults planted;
  const auto add = [&](const std::string& task, const std::string& beams, Planted p) {
    p.task = task;
    p.read = {{"decoding.beams", beams}};
    planted.add(p);
  };
  add("greedy", "1", {.method = "none", .share = 0.2});
  add("searched", "4", {.method = "none", .share = 0.6});
  add("searched", "4", {.targets = "Wq", .rank = 8, .share = 0.8});
  // Scored as the second task is, which has the base of both.
  add("larger", "4", {.targets = "Wq", .rank = 8, .diverged = true});
  std::map<std::string, double> base, lora;
  for (const ScoreFinding& score : planted.judge(score_claim("above", 5)).scores) {
    REQUIRE(score.mean);
    (score.method == "none" ? base : lora)[score.task] = *score.mean;
  }
  REQUIRE(base.size() == 3);
  CHECK(base.at("greedy") < base.at("searched") - 20);
  CHECK(base.at("larger") == base.at("searched"));
  CHECK(lora.at("larger") == base.at("searched"));
}

TEST_CASE(
    "a task is judged by the metric that its sweep asks for, and by margins under its own name") {
  PlantedResults planted;
  planted.add({.method = "none", .task = "gen", .share = 0.0, .metric = "rouge1"});
  planted.add({.targets = "Wq", .task = "gen", .rank = 8, .share = 0.3, .metric = "rouge1"});
  planted.add({.targets = "Wq+Wv", .task = "gen", .rank = 4, .share = 0.6, .metric = "rouge1"});
  std::string claim = score_claim("above", 5);
  claim.replace(claim.find("{wikisql"), 8, "{gen");
  const Findings findings = planted.judge(claim);
  CHECK(findings.claims.at(0).verdict == "holds");
  for (const ScoreFinding& score : findings.scores)
    CHECK(score.headline == (score.metric == "rouge1"));
}

TEST_CASE(
    "a number of seeds is not asked of the untrained base, and a claim against it is judged") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.1});
  planted.add({.targets = "Wq", .rank = 8, .share = 0.9});
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.1});
  const auto judged = [&](const std::string& targets, const std::string& more = "",
                          const std::string& control = "shuffled") {
    return planted
        .judge(score_claim(
            "above", 5, more,
            "      - {left: {method: lora, targets: " + targets + "}, right: {method: none}}\n",
            control))
        .claims.at(0);
  };
  const ClaimFinding better = judged("Wq");
  CHECK(better.verdict == "holds");
  CHECK(better.control_verdict != "holds");
  CHECK(better.control_verdict != "not run");
  CHECK(*better.contrasts.at(0).control_estimate == Approx(0).margin(15));
  CHECK(better.contrasts.at(0).seeds_left == 5);
  CHECK(better.contrasts.at(0).seeds_right == 1);
  CHECK(judged("Wq+Wv").verdict != "holds");
  CHECK(judged("Wq", "    seeds: 5\n").verdict == "holds");
  CHECK(judged("Wq", "    seeds: 6\n").verdict == "not run");
  // The base is not above itself.
  CHECK(judged("Wq", "", "base").control_verdict == "contradicted");
  const std::string reversed =
      "      - {left: {method: none}, right: {method: lora, targets: Wq}}\n";
  CHECK(planted.judge(score_claim("above", 5, "", reversed)).claims.at(0).verdict ==
        "contradicted");
}

TEST_CASE("a group was trained on what its file has, whatever the limit asks for") {
  PlantedResults planted;
  const auto examples = [&](std::int64_t limit, const std::string& read) {
    const std::string targets = "Wq of " + std::to_string(limit) + read;
    Planted group{.targets = targets, .rank = 8, .limit = limit};
    if (!read.empty()) group.environment = {{"train_examples", read}};
    planted.add(group);
    return targets;
  };
  const std::string all = examples(0, "4000"), fewer = examples(10000, "4000"),
                    waiting = examples(10000, ""), as_many = examples(3000, "3000"),
                    unknown = examples(500, "");
  std::map<std::string, std::optional<std::int64_t>> found;
  for (const ScoreFinding& score : planted.judge(score_claim("above", 5)).scores)
    found[score.targets] = score.train_examples;
  CHECK(found.at(all) == kAllExamples);
  CHECK(found.at(fewer) == 4000);
  CHECK(found.at(waiting) == 4000);  // of the same file and limit, and not trained yet
  CHECK(found.at(as_many) == 3000);
  CHECK(found.at(unknown) == 500);
}
