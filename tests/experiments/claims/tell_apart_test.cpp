// What settings are called, and which of several a claim is about.
#include "experiments/claims/tell_apart.h"

#include <catch2/catch.hpp>

#include <map>
#include <set>

#include "tests/experiments/claims/planted_results.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

TEST_CASE("settings of one rank and size are told apart by what else differs between them") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.1});
  for (const char* alpha : {"1", "64"})
    planted.add({.targets = "Wq", .rank = 8, .settings = {{"alpha", alpha}, {"dropout", "0"}}});
  planted.add({.targets = "Wq", .rank = 4, .settings = {{"alpha", "4"}, {"dropout", "0.1"}}});
  std::set<std::string> others;
  for (const ScoreFinding& score : planted.judge(score_claim("above", 5)).scores)
    if (score.method == "lora") others.insert(std::to_string(*score.rank) + ": " + score.others);
  CHECK(others == std::set<std::string>{"4: alpha 4, dropout 0.1", "8: alpha 1", "8: alpha 64"});
}

TEST_CASE("what is not plain LoRA is named where no other setting has its matrices") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.1});
  const auto add = [&](const std::string& targets, std::map<std::string, std::string> settings) {
    for (const auto& [key, value] : {std::pair{"dropout", "0"},
                                     {"init", "kaiming"},
                                     {"layers", "all"},
                                     {"lr_ratio", "1"},
                                     {"rslora", "false"}})
      settings.emplace(key, value);
    settings.emplace("alpha", "10");
    planted.add({.targets = targets, .rank = 4, .settings = std::move(settings)});
  };
  add("Wq", {});
  add("Wv", {{"init", "pissa"}});
  add("Wk+Wo", {{"dropout", "0.1"}, {"layers", "0+2-3"}, {"rslora", "true"}});
  add("Wo", {{"lr_ratio", "16"}});
  std::map<std::string, std::string> others;
  for (const ScoreFinding& score : planted.judge(score_claim("above", 5)).scores) {
    if (score.method == "lora") others[score.targets] = score.others;
    CHECK(score.variant == score.others);
  }
  CHECK(others == std::map<std::string, std::string>{{"Wq", ""},
                                                     {"Wv", "init pissa"},
                                                     {"Wk+Wo", "dropout 0.1, layers 0+2-3, rslora"},
                                                     {"Wo", "lr_ratio 16"}});
}

TEST_CASE("variants of a method are named at every rank, and one variant is one line over them") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.1});
  const auto add = [&](const std::string& group, std::int64_t rank,
                       std::map<std::string, std::string> settings) {
    settings.emplace("alpha", std::to_string(rank));
    settings.emplace("rslora", "false");
    planted.add({.targets = "Wq", .rank = rank, .settings = std::move(settings), .group = group});
  };
  // Rates that follow from the rank, an alpha that is it.
  add("plain", 2, {{"lr", "0.1"}});
  add("plain", 8, {{"lr", "0.2"}});
  add("stable", 4, {{"lr", "0.1"}, {"rslora", "true"}});
  add("stable", 16, {{"lr", "0.1"}, {"rslora", "true"}});
  add("wide", 4, {{"lr", "0.1"}, {"alpha", "64"}});
  add("wide", 32, {{"lr", "0.1"}, {"alpha", "64"}});
  std::map<std::string, std::set<std::int64_t>> lines;
  for (const ScoreFinding& score : planted.judge(score_claim("above", 5)).scores) {
    if (score.method != "lora") continue;
    lines[score.variant].insert(*score.rank);
    // A default word goes without saying; whatever a variant has, its label has.
    CHECK(score.others.find("false") == std::string::npos);
    CHECK_THAT(score.others, Contains(score.variant));
  }
  CHECK(lines == std::map<std::string, std::set<std::int64_t>>{
                     {"", {2, 8}}, {"lr 0.1, rslora", {4, 16}}, {"alpha 64, lr 0.1", {4, 32}}});
}

TEST_CASE("a claim takes the plain method though its rate is named, and its default among others") {
  const auto name = [](const std::vector<std::map<std::string, std::string>>& settings) {
    PlantedResults planted;
    planted.add({.method = "none", .share = 0.1});
    planted.add({.method = "full", .share = 0.5});
    for (const auto& of_group : settings)
      for (const std::int64_t rank : {4, 8})
        planted.add({.targets = "Wq", .rank = rank, .settings = of_group});
    return planted
        .judge(score_claim("above", 1, "",
                           "      - {left: {method: lora, rank: 8}, right: {method: full}}\n"))
        .claims.at(0)
        .contrasts.at(0)
        .name;
  };
  const std::string plain = "wikisql: lora Wq r8, lr 0.01 against full";
  CHECK(name({{{"lr", "0.01"}}, {{"lr", "0.001"}, {"init", "pissa"}}}) == plain);
  CHECK(name({{{"lr", "0.01"}}, {{"lr", "0.001"}, {"dropout", "0.1"}}}) == plain);
  CHECK(name({{{"lr", "0.01"}}, {{"lr", "0.001"}, {"alpha", "64"}}}) == plain);
  CHECK(name({{{"lr", "0.01"}, {"alpha", "64"}}, {{"lr", "0.001"}, {"init", "pissa"}}}) ==
        "wikisql: lora Wq r8, alpha 64, lr 0.01 against full");
  // One group of the sweep file names the default of what it lists.
  CHECK(name({{{"init", "gaussian"}}, {{"init", "kaiming"}}}) ==
        "wikisql: lora Wq r8, init kaiming against full");
}

TEST_CASE("a given rate is named beside other rates alone, what a search found never") {
  struct Rate {
    std::int64_t rank = 0;
    std::string given = {}, found = {};
  };
  const auto names = [](const std::vector<Rate>& rates) {
    PlantedResults planted;
    planted.add({.method = "none", .share = 0.1});
    for (const Rate& rate : rates) {
      std::map<std::string, std::string> settings;
      if (!rate.given.empty()) settings["lr"] = rate.given;
      planted.add({.targets = "Wq",
                   .rank = rate.rank,
                   .settings = std::move(settings),
                   .rate_found = rate.found,
                   .group = rate.given.empty() ? "searched" : "given"});
    }
    std::map<std::int64_t, std::string> all;
    for (const ScoreFinding& score : planted.judge(score_claim("above", 5)).scores) {
      CHECK(score.variant == score.others);
      if (score.method == "lora") all[*score.rank] = score.others;
    }
    return all;
  };
  using Names = std::map<std::int64_t, std::string>;
  CHECK(names({{2, "", "0.01"}, {8, "0.01"}}) == Names{{2, ""}, {8, ""}});
  // As a file and as a search write it.
  CHECK(names({{2, "", "0.0003"}, {8, "3e-04"}}) == Names{{2, ""}, {8, ""}});
  CHECK(names({{2, "", "0.03"}, {8, "0.01"}}) == Names{{2, ""}, {8, "lr 0.01"}});
  CHECK(names({{2, "", "0.03"}, {8, "2e-04"}}) == Names{{2, ""}, {8, "lr 2e-04"}});
  CHECK(names({{2, "", "0.03"}, {8, "", "0.01"}}) == Names{{2, ""}, {8, ""}});
  CHECK(names({{2, "", "0.03"}, {4, "", "0.01"}, {8, "0.01"}}) ==
        Names{{2, ""}, {4, ""}, {8, "lr 0.01"}});
  CHECK(names({{2, "0.01"}, {8, "0.01"}}) == Names{{2, ""}, {8, ""}});
}

TEST_CASE("groups that differ rank by rank alone are lines of their own, named by their groups") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.1});
  for (const std::int64_t rank : {2, 8}) {
    for (const std::int64_t times : {1, 2, 3})
      planted.add({.targets = "Wq",
                   .rank = rank,
                   .settings = {{"alpha", std::to_string(times * rank)}},
                   .group = "times " + std::to_string(times)});
  }
  std::map<std::string, std::set<std::int64_t>> lines;
  for (const ScoreFinding& score : planted.judge(score_claim("above", 5)).scores)
    if (score.method == "lora") CHECK(lines[score.variant].insert(*score.rank).second);
  CHECK(lines == std::map<std::string, std::set<std::int64_t>>{{"group times 1", {2, 8}},
                                                               {"group times 2", {2, 8}},
                                                               {"group times 3", {2, 8}}});
}

TEST_CASE("settings of one group that nothing known tells apart are told by their hashes") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.1});
  for (const char* kind : {"a", "b"})
    planted.add({.targets = "Wq", .rank = 4, .settings = {{"rank", kind}}});
  std::set<std::string> named;
  for (const ScoreFinding& score : planted.judge(score_claim("above", 5)).scores)
    if (score.method == "lora") named.insert(score.variant);
  CHECK(named.size() == 2);
  for (const std::string& name : named) CHECK_THAT(name, Catch::StartsWith("setting "));
}

TEST_CASE("a control has the name of the setting that it repeats, and else says that it has none") {
  const auto control_of = [](const std::vector<std::map<std::string, std::string>>& trained,
                             const std::map<std::string, std::string>& control) {
    PlantedResults planted;
    planted.add({.method = "none", .share = 0.1});
    for (const auto& settings : trained)
      planted.add({.targets = "Wq", .rank = 8, .settings = settings});
    planted.add(
        {.targets = "Wq", .rank = 8, .shuffled = true, .settings = control, .group = "control"});
    for (const ScoreFinding& score : planted.judge(score_claim("above", 5)).scores) {
      if (score.method != "lora on shuffled targets") continue;
      CHECK(score.others == score.variant);
      return score.variant;
    }
    return std::string("none");
  };
  // Alone among controls it would need no name, which is the plain method's.
  CHECK(control_of({{{"alpha", "1"}}, {{"alpha", "64"}}}, {{"alpha", "64"}}) == "alpha 64");
  CHECK(control_of({{}, {{"alpha", "64"}}}, {{"alpha", "64"}}) == "alpha 64");
  CHECK(control_of({{}, {{"alpha", "64"}}}, {}) == "");
  CHECK(control_of({{}, {{"alpha", "64"}}}, {{"alpha", "32"}}) == "repeats no setting");
  CHECK(control_of({{{"lr", "0.1"}}, {{"lr", "0.3"}}}, {{"lr", "0.3"}}) == "lr 0.3");
  // At another fixed rate it may be as good as untrained, and controls nothing.
  CHECK(control_of({{{"lr", "0.01"}}}, {{"lr", "1e-05"}}) == "repeats no setting");
  CHECK(control_of({{}}, {{"lr", "1e-05"}}) == "repeats no setting");
}

TEST_CASE("a control whose own search found another rate repeats the setting that was searched") {
  PlantedResults planted;
  for (const auto& [alpha, rate] : {std::pair("1", "0.01"), {"64", "0.03"}})
    planted.add({.targets = "Wq", .rank = 8, .settings = {{"alpha", alpha}}, .rate_found = rate});
  planted.add({.targets = "Wq",
               .rank = 8,
               .shuffled = true,
               .settings = {{"alpha", "64"}},
               .rate_found = "0.001",
               .group = "control"});
  const std::vector<ScoreFinding> scores = planted.judge(score_claim("above", 5)).scores;
  const auto control = std::ranges::find(scores, "lora on shuffled targets", &ScoreFinding::method);
  REQUIRE(control != scores.end());
  CHECK(control->variant == "alpha 64");
}

TEST_CASE("groups with a start or an order of data of their own are settings of their own") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.1});
  planted.add({.method = "full", .share = 0.5});
  planted.add({.targets = "Wq", .rank = 4, .seeds = 3, .group = "plain"});
  planted.add({.targets = "Wq", .rank = 4, .seeds = 3, .init_seed = 2, .group = "fixinit"});
  planted.add({.targets = "Wq", .rank = 4, .seeds = 3, .data_seed = 9, .group = "fixdata"});
  // One that repeats the plain setting, dealt out anew by a seed of its own.
  planted.add({.targets = "Wq", .rank = 4, .data_seed = 5, .shuffled = true, .group = "control"});
  const Findings found =
      planted.judge(score_claim("above", 1, "",
                                "      - {left: {method: lora, group: fixinit}, right: {method: "
                                "full}}\n"));
  std::map<std::string, std::pair<std::string, std::size_t>> groups;
  for (const ScoreFinding& score : found.scores)
    if (score.targets == "Wq") groups[score.group] = {score.others, score.seeds.size()};
  CHECK(groups ==
        std::map<std::string, std::pair<std::string, std::size_t>>{{"plain", {"", 3}},
                                                                   {"fixinit", {"init_seed 2", 3}},
                                                                   {"fixdata", {"data_seed 9", 3}},
                                                                   {"control", {"", 5}}});
  const ContrastFinding& contrast = found.claims.at(0).contrasts.at(0);
  CHECK(contrast.name == "wikisql: lora Wq r4, init_seed 2 against full");
  CHECK(contrast.seeds_left == 3);
}

TEST_CASE(
    "of several settings that fit, a claim takes the plain method's, or the group's it names") {
  PlantedResults planted;
  planted.add({.method = "none", .share = 0.1});
  planted.add({.method = "full", .share = 0.5});
  for (const char* init : {"gaussian", "kaiming", "pissa"})
    planted.add({.targets = "Wq",
                 .rank = 8,
                 .share = init == std::string("pissa") ? 0.9 : 0.2,
                 .settings = {{"init", init}},
                 .group = std::string("from ") + init});
  const auto contrast = [&](const std::string& more) {
    return planted
        .judge(score_claim("above", 1, "",
                           "      - {left: {method: lora" + more + "}, right: {method: full}}\n"))
        .claims.at(0)
        .contrasts.at(0);
  };
  CHECK(contrast("").name == "wikisql: lora Wq r8 against full");
  CHECK(contrast(", group: from pissa").name == "wikisql: lora Wq r8, init pissa against full");
  CHECK(*contrast(", group: from pissa").estimate > 0);
  CHECK_THAT(contrast(", group: of nobody").missing, Contains("of group of nobody"));
}
