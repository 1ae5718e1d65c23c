// Verdicts on scores and costs whose truth is planted.
#include "experiments/claims/judgement.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "tests/experiments/claims/planted_results.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;
using Catch::EndsWith;

TEST_CASE(
    "a planted difference holds, its reverse is contradicted, and the control holds nowhere") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.0});
  planted.add({.targets = "Wq", .rank = 8, .share = 0.3});
  planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.6});
  const ClaimFinding above = planted.judge(score_claim("above", 5)).claims.at(0);
  CHECK(above.verdict == "holds");
  CHECK(above.control_verdict != "holds");
  CHECK(above.base == "models/tiny");
  CHECK(above.data == "wikisql");
  REQUIRE(above.contrasts.size() == 1);
  CHECK(*above.contrasts[0].estimate == Approx(30).margin(6));
  CHECK(*above.contrasts[0].low < 30);
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

TEST_CASE("what was scored on examples that were trained on is not called reproduced") {
  const std::string one(64, '1'), other(64, '2');
  const auto read = [](const std::string& use, const std::string& file, const std::string& skip,
                       const std::string& limit) {
    return std::map<std::string, std::string>{
        {use + ".file", file}, {use + ".skip", skip}, {use + ".limit", limit}};
  };
  const auto judged = [&](std::map<std::string, std::string> more, const std::string& parameters) {
    more.merge(read("score", "dev:" + one, "0", "818"));
    PlantedResults planted;
    const auto add = [&](const std::string& targets, std::int64_t rank, double share) {
      planted.add({.targets = targets,
                   .task = "chat",
                   .kind = "samsum",
                   .rank = rank,
                   .share = share,
                   .read = more,
                   .environment = {{"base_parameters", parameters}}});
    };
    add("Wq", 8, 0.3);
    add("Wq+Wv", 4, 0.6);
    std::string claim = score_claim("above", 5);
    claim.replace(claim.find("mnli"), 4, "samsum");
    return planted.judge(claim).claims.at(0);
  };
  const std::string large = "354823168", small = "354823167";
  std::map<std::string, std::string> unseen = read("train", "train:" + other, "0", "0");
  unseen.merge(read("tuning.train", "train:" + other, "0", "0"));
  unseen.merge(read("tuning.score", "dev:" + one, "818", "0"));
  unseen.merge(read("held_out", "dev:" + one, "0", "100"));  // by which no step was chosen
  const ClaimFinding reproduced = judged(unseen, large);
  CHECK(reproduced.verdict == "reproduced");
  CHECK_THAT(reproduced.explanation, !Contains("scored examples"));

  // A copy of the file, and its last example alone.
  for (const auto& trained :
       {read("train", "train:" + one, "0", "0"), read("train", "dev:" + one, "817", "9")}) {
    const ClaimFinding claim = judged(trained, large);
    CHECK(claim.verdict == "holds");
    CHECK_THAT(claim.explanation,
               Contains("; scored examples of chat were trained on, so that it is not called "
                        "reproduced"));
  }
  CHECK_THAT(judged(read("train", "dev:" + one, "0", "0"), small).explanation,
             Contains("; scored examples of chat were trained on, so that the verdict says nothing "
                      "of unseen ones"));
  std::map<std::string, std::string> kept = read("held_out", "dev:" + one, "0", "100");
  kept["keep"] = "best";
  for (const auto& chosen : {read("tuning.score", "dev:" + one, "0", "100"), kept}) {
    const ClaimFinding claim = judged(chosen, large);
    CHECK(claim.verdict == "holds");
    CHECK_THAT(claim.explanation,
               Contains("; learning rates or steps were chosen by scored examples of chat, so that "
                        "it is not called reproduced"));
  }
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
  }
  CHECK(planted.judge(score_claim("within", 0.5)).claims.at(0).verdict == "underpowered");
}

TEST_CASE("a claim that holds on its control too is said to say nothing") {
  const auto explained = [](double base) {
    PlantedResults planted;
    planted.add({.method = "none", .share = base});
    planted.add({.targets = "Wq", .rank = 8, .share = 0.5});
    planted.add({.targets = "Wq+Wv", .rank = 4, .share = 0.5});
    const ClaimFinding claim = planted.judge(score_claim("within", 15)).claims.at(0);
    CHECK(claim.verdict == "holds");
    CHECK(claim.control_verdict == (base == 0.5 ? "holds" : "contradicted"));
    return claim.explanation;
  };
  const std::string nothing = "; it holds on its control (base) too, and so says nothing";
  CHECK_THAT(explained(0.5), Contains(nothing));
  CHECK_THAT(explained(0.0), !Contains("control"));
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

TEST_CASE("costs are compared seed by seed") {
  PlantedResults planted;
  planted.add({.targets = "Wq",
               .rank = 8,
               .parameters = 800,
               .timings = {{"train_peak_memory_mib", 100},
                           {"train_tokens_per_second", 400},
                           {"checkpoint_bytes", 1000}}});
  planted.add({.method = "full",
               .parameters = 100000,
               .timings = {{"train_peak_memory_mib", 400},
                           {"train_tokens_per_second", 100},
                           {"checkpoint_bytes", 64000}}});
  const std::string claim = R"(claims:
  - id: D
    title: t
    source: s
    statistic: cost
    contrasts:
      - {quantity: memory, region: above, margin: 1, reason: r}
      - {quantity: throughput, region: above, margin: 1, reason: r}
      - {quantity: checkpoint, region: above, margin: 5, reason: r}
    left: {method: lora}
    right: {method: full}
    control: shuffled
)";
  const ClaimFinding finding = planted.judge(claim).claims.at(0);
  CHECK(finding.verdict == "holds");
  CHECK(finding.control_verdict != "holds");
  CHECK(*finding.contrasts.at(0).estimate == Approx(2));
  CHECK(*finding.contrasts.at(1).estimate == Approx(2));
  CHECK(*finding.contrasts.at(2).estimate == Approx(6));

  // A pack's memory and speed are no trial's own; its checkpoint is.
  PlantedResults packed;
  for (const std::string method : {"lora", "full"})
    packed.add({.method = method,
                .targets = method == "lora" ? "Wq" : "",
                .parameters = method == "lora" ? 800 : 100000,
                .timings = {{"train_peak_memory_mib", 100},
                            {"train_tokens_per_second", 400},
                            {"checkpoint_bytes", method == "lora" ? 1000.0 : 64000.0},
                            {"trained_together", 4}}});
  const ClaimFinding none = packed.judge(claim).claims.at(0);
  CHECK_FALSE(none.contrasts.at(0).estimate);
  CHECK_FALSE(none.contrasts.at(1).estimate);
  CHECK_THAT(none.contrasts.at(0).missing, Catch::Contains("trained in packs"));
  CHECK(*none.contrasts.at(2).estimate == Approx(6));
}

// LoRA against full fine-tuning.
std::string cost_claim(const std::string& quantity) {
  return "claims:\n  - id: D\n    title: t\n    source: s\n    statistic: cost\n    contrasts: "
         "[{quantity: " +
         quantity +
         ", region: above, margin: 1, reason: r}]\n    left: {method: lora}\n    right: {method: "
         "full}\n    control: shuffled\n";
}

TEST_CASE("memory and speed are not compared across devices, checkpoints are") {
  using Environment = std::map<std::string, std::string>;
  const auto judged = [](const std::string& quantity, const Environment& lora,
                         const Environment& full) {
    PlantedResults planted;
    for (const bool is_lora : {true, false})
      planted.add({.method = is_lora ? "lora" : "full",
                   .targets = is_lora ? "Wq" : "",
                   .rank = is_lora ? 8 : 0,
                   .timings = {{"train_peak_memory_mib", is_lora ? 100.0 : 400.0},
                               {"train_tokens_per_second", is_lora ? 400.0 : 100.0},
                               {"checkpoint_bytes", is_lora ? 1000.0 : 4000.0}},
                   .environment = is_lora ? lora : full});
    return planted.judge(cost_claim(quantity)).claims.at(0);
  };
  const auto cpu = [](const std::string& processor, const std::string& threads) {
    return Environment{{"backend", "cpu"},       {"instruction_set", "avx512"},
                       {"processor", processor}, {"threads", threads},
                       {"train_backend", "cpu"}, {"train_instruction_set", "avx512"}};
  };
  const auto gpu = [](const std::string& name, const std::string& precision) {
    return Environment{{"train_backend", "cuda"},
                       {"train_instruction_set", name + ", CUDA 12, kernels 3, " + precision}};
  };
  const auto differing = [&](const Environment& lora, const Environment& full) {
    for (const char* quantity : {"memory", "throughput"}) {
      const ClaimFinding claim = judged(quantity, lora, full);
      CHECK(claim.verdict == "not run");
      CHECK_FALSE(claim.contrasts.at(0).estimate);
      CHECK_THAT(claim.explanation,
                 Contains("not trained on one device") && Contains("in another folder"));
    }
    CHECK(judged("checkpoint", lora, full).verdict == "holds");
    const std::string text = judged("memory", lora, full).contrasts.at(0).missing;
    const std::size_t begin = text.find(": ") + 2;
    return text.substr(begin, text.find("; ") - begin);
  };
  CHECK(differing(gpu("H100", "fp32"), cpu("EPYC", "2")) == "backend cuda against cpu");
  CHECK(differing(gpu("H100", "fp32"), gpu("H200", "fp32")) ==
        "instruction set H100, CUDA 12, kernels 3 against H200, CUDA 12, kernels 3");
  CHECK(differing(cpu("EPYC", "2"), cpu("Xeon", "8")) ==
        "processor EPYC against Xeon and threads 2 against 8");
  // An older program recorded the device that scored alone.
  CHECK(differing({{"backend", "cuda"}}, {{"backend", "cpu"}}) == "backend cuda against cpu");

  // Scored elsewhere, whose processor says nothing of the training's.
  Environment scored_elsewhere = cpu("Xeon", "8");
  scored_elsewhere["instruction_set"] = "avx2";
  for (const auto& [lora, full] :
       std::vector<std::pair<Environment, Environment>>{{cpu("EPYC", "2"), cpu("EPYC", "2")},
                                                        {cpu("EPYC", "2"), scored_elsewhere},
                                                        {cpu("EPYC", "2"), {}},
                                                        {gpu("H100", "fp32"), gpu("H100", "bf16")}})
    for (const char* quantity : {"memory", "throughput"}) {
      const ClaimFinding claim = judged(quantity, lora, full);
      CHECK(claim.verdict == "holds");
      CHECK(*claim.contrasts.at(0).estimate == Approx(2));
    }
}

TEST_CASE("of costs that trials do not have, it is not said that their seeds are not finished") {
  PlantedResults planted;
  planted.add({.targets = "Wq", .rank = 8, .timings = {{"checkpoint_bytes", 1000}}});
  planted.add({.method = "full", .diverged = true});  // which left no checkpoint
  const ClaimFinding claim = planted.judge(cost_claim("checkpoint")).claims.at(0);
  CHECK(claim.verdict == "not run");
  CHECK(claim.contrasts.at(0).missing == "0 seeds have values on both sides, 2 are needed");

  planted.add({.targets = "Wk", .rank = 8, .timings = {{"train_peak_memory_mib", 100}}});
  planted.add({.method = "bitfit", .diverged = true, .timings = {{"train_peak_memory_mib", 400}}});
  std::string memory = cost_claim("memory");
  memory.replace(memory.find("full"), 4, "bitfit");
  memory.replace(memory.find("method: lora"), 12, "method: lora, targets: Wk");
  CHECK_THAT(planted.judge(memory).claims.at(0).explanation,
             Contains("; on wikisql 5 of 5 trials of bitfit diverged: their memory and speed are "
                      "of the steps before, and they left no checkpoint"));
}

TEST_CASE("tasks that score the same trainings have one cost") {
  PlantedResults planted;
  const auto add = [&](const std::string& task, const std::string& trainings) {
    for (const std::string method : {"lora", "full"})
      planted.add({.method = method,
                   .targets = method == "lora" ? "Wq" : "",
                   .task = task,
                   .kind = "mnli",
                   .rank = method == "lora" ? 8 : 0,
                   .timings = {{"train_peak_memory_mib", method == "lora" ? 100.0 : 400.0}},
                   .trainings = trainings});
  };
  const auto contrasts = [&] {
    return planted.judge(cost_claim("memory")).claims.at(0).contrasts.size();
  };
  add("mismatched", "mnli");
  add("mnli", "mnli");
  CHECK(contrasts() == 1);
  add("mnli_100", "fewer");
  CHECK(contrasts() == 2);
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

TEST_CASE("prompts of the compared settings that were cut stand below the verdict") {
  PlantedResults planted;
  const auto account = [](const std::string& use, int examples, int cut, int tokens, int left_out) {
    return std::map<std::string, std::string>{{use + "_examples", std::to_string(examples)},
                                              {use + "_prompts_cut", std::to_string(cut)},
                                              {use + "_tokens_cut", std::to_string(tokens)},
                                              {use + "_left_out", std::to_string(left_out)}};
  };
  std::map<std::string, std::string> cut = account("scored", 201, 150, 2610, 1);
  cut.merge(account("train", 3000, 1, 1, 0));
  planted.add({.method = "none", .share = 0.0, .environment = account("scored", 200, 7, 70, 0)});
  planted.add({.targets = "Wq", .rank = 8, .share = 0.3, .environment = cut});
  planted.add({.targets = "Wq+Wv",
               .rank = 4,
               .share = 0.6,
               .environment = account("scored", 200, 0, 0, 0)});
  const auto explained = [&](const std::string& left, const std::string& right) {
    return planted
        .judge(score_claim("above", 5, "", "      - {left: " + left + ", right: " + right + "}\n"))
        .claims.at(0)
        .explanation;
  };
  const std::string one = "{method: lora, targets: Wq}", other = "{method: lora, targets: Wq+Wv}",
                    base = "{method: none}";
  CHECK_THAT(
      explained(other, one),
      Contains("; on wikisql 150 of 200 scored prompts were cut, by 2610 tokens in all, and "
               "1 example of the scored data fits in no way and was left out, of lora Wq r8; "
               "on wikisql 1 of 3000 training prompts was cut, by 1 token in all, of lora "
               "Wq r8; ") &&
          !Contains("of none") && !Contains("of lora Wq+Wv"));
  CHECK_THAT(
      explained(other, base),
      Contains("; on wikisql 7 of 200 scored prompts were cut, by 70 tokens in all, of none"));
  // Older trials do not tell.
  planted.add({.targets = "Wk", .rank = 8, .share = 0.3});
  CHECK_THAT(explained(other, "{method: lora, targets: Wk}"), !Contains("were cut"));
  // Settings that had the same cut stand together.
  planted.add({.targets = "Wo", .rank = 8, .share = 0.6, .environment = cut});
  CHECK_THAT(explained("{method: lora, targets: Wo}", one),
             Contains("was left out, of lora Wo r8 and lora Wq r8; "));
}

TEST_CASE("what compared settings were not trained alike in stands below the verdict") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.0});
  planted.add({.targets = "Wq+Wv",
               .rank = 4,
               .steps = 20,
               .share = 0.6,
               .settings = {{"lr", "0.01"}, {"batch", "8"}, {"alpha", "4"}}});
  planted.add({.method = "full",
               .steps = 60,
               .share = 0.3,
               .settings = {{"lr", "0.001"}, {"batch", "64"}, {"warmup_ratio", "0.06"}}});
  planted.add({.method = "bitfit", .steps = 20, .share = 0.3, .settings = {{"lr", "0.1"}}});
  const auto explained = [&](const std::vector<std::string>& rights) {
    std::string contrasts;
    for (const std::string& right : rights)
      contrasts += "      - {left: {method: lora}, right: {method: " + right + "}}\n";
    return planted.judge(score_claim("above", 5, "", contrasts)).claims.at(0).explanation;
  };
  const std::string differing =
      "; the two sides were not trained alike: 20 steps against 60 steps, batch 8 against 64 and "
      "warmup_ratio 0 against 0.06";
  CHECK_THAT(explained({"full"}), Contains(differing + "; "));
  CHECK_THAT(explained({"full", "full"}), Contains(differing + ", in every difference; "));
  CHECK_THAT(explained({"full", "bitfit"}),
             Contains(differing + ", in wikisql: lora Wq+Wv r4 against full; "));
  // The rate is each one's own, 8 is the default batch, and the base was not trained.
  for (const char* right : {"bitfit", "none"})
    CHECK_THAT(explained({right}), !Contains("trained alike"));
}

TEST_CASE("rates that the compared settings found in other ways stand below the verdict") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.0});
  const auto add = [&](const std::string& method, const std::string& found,
                       const std::string& tried, int steps) {
    planted.add({.method = method,
                 .targets = method == "lora" ? "Wq+Wv" : "",
                 .rank = method == "lora" ? 4 : 0,
                 .share = method == "lora" ? 0.6 : 0.3,
                 .settings = found.empty() ? std::map<std::string, std::string>{{"lr", "0.001"}}
                                           : std::map<std::string, std::string>{},
                 .rate_found = found,
                 .rates_tried = tried,
                 .search_steps = steps});
  };
  const std::string five = "0.0001 0.0003 0.001 0.003 0.01";
  add("lora", "0.001", five, 100);
  add("full", "", "", 0);
  add("bitfit", "0.003", "0.001 0.003 0.01", 100);
  add("adapter_h", "0.003", five, 20);
  add("adapter_l", "0.01", five, 100);
  add("prefix_embed", "0.01", "", 0);  // of whose search nothing else is recorded
  const auto explained = [&](const std::string& left, const std::string& right) {
    return planted
        .judge(
            score_claim("above", 5, "",
                        "      - {left: {method: " + left + "}, right: {method: " + right + "}}\n"))
        .claims.at(0)
        .explanation;
  };
  CHECK_THAT(explained("lora", "full"),
             Contains("; the rate of lora Wq+Wv r4 was searched for among 5, that of full was "
                      "given; "));
  CHECK_THAT(explained("full", "lora"),
             Contains("; the rate of full was given, that of lora Wq+Wv r4 was searched for among "
                      "5; "));
  CHECK_THAT(explained("lora", "bitfit"),
             Contains("; the rate of lora Wq+Wv r4 was searched for among 5, that of bitfit was "
                      "searched for among 3; "));
  CHECK_THAT(explained("lora", "adapter_h"),
             Contains("; the rate of lora Wq+Wv r4 was searched for among 5 in runs of 100 steps, "
                      "that of adapter_h was searched for among 5 in runs of 20 steps; "));
  CHECK_THAT(explained("full", "prefix_embed"),
             Contains("; the rate of full was given, that of prefix_embed was searched for; "));
  for (const char* alike : {"adapter_l", "none"})
    CHECK_THAT(explained("lora", alike), !Contains("the rate of"));
}

TEST_CASE("of several tasks those are named where the rates were found in other ways") {
  PlantedResults planted;
  for (const std::string task : {"mnli", "wikisql"}) {
    planted.add({.targets = "Wq+Wv",
                 .task = task,
                 .kind = task,
                 .rank = 4,
                 .share = 0.6,
                 .rate_found = "0.001",
                 .rates_tried = "0.001 0.01"});
    planted.add({.targets = "Wq",
                 .task = task,
                 .kind = task,
                 .rank = 8,
                 .share = 0.3,
                 .rate_found = "0.001",
                 .rates_tried = task == "mnli" ? "0.001" : "0.001 0.01"});
  }
  CHECK_THAT(planted.judge(score_claim("above", 5)).claims.at(0).explanation,
             Contains("; on mnli the rate of lora Wq+Wv r4 was searched for among 2, that of lora "
                      "Wq r8 was searched for among 1"));
}

TEST_CASE("what was computed at once stands below a verdict on memory where it was not the same") {
  PlantedResults planted;
  const std::map<std::string, double> timings{
      {"train_peak_memory_mib", 100}, {"train_tokens_per_second", 400}, {"checkpoint_bytes", 1000}};
  planted.add({.targets = "Wq",
               .rank = 8,
               .steps = 20,
               .settings = {{"batch", "8"}, {"micro_batch_tokens", "128"}},
               .timings = timings});
  planted.add({.method = "full",
               .steps = 60,
               .settings = {{"batch", "64"}, {"micro_batch_tokens", "8192"}},
               .timings = timings});
  const auto explained = [&](const std::string& quantities) {
    return planted
        .judge(
            "claims:\n  - id: D\n    title: t\n    source: s\n    statistic: cost\n"
            "    contrasts:\n" +
            quantities +
            "    left: {method: lora}\n    right: {method: full}\n    control: shuffled\n")
        .claims.at(0)
        .explanation;
  };
  const std::string memory = "      - {quantity: memory, region: above, margin: 1, reason: r}\n",
                    checkpoint =
                        "      - {quantity: checkpoint, region: above, margin: 1, reason: r}\n";
  CHECK_THAT(explained(memory + checkpoint),
             EndsWith("; the two sides were not trained alike: batch 8 against 64 and "
                      "micro_batch_tokens 128 against 8192, in wikisql: memory, lora Wq r8 against "
                      "full"));
  CHECK_THAT(explained(checkpoint), !Contains("trained alike"));
}
