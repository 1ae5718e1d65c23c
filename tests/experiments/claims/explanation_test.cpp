// What stands below a verdict: what else a difference rests on.
#include <catch2/catch.hpp>
#include <map>

#include "tests/experiments/claims/planted_results.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

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
