#include "experiments/claims/claims_file.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/hash.h"
#include "tests/error_text.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

const std::string kScore = R"(claims:
  - id: A
    title: t
    source: s
    statistic: score
    region: above
    margins: {mnli: 1}
    reason: r
    contrasts:
      - {left: {method: lora}, right: {method: full}}
    control: base
)";

std::string with(const std::string& from, const std::string& to) {
  std::string text = kScore;
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string refusal(const std::string& text) {
  return error_text<InputError>([&] { parse_claims(text, "c.yaml"); });
}

}  // namespace

TEST_CASE("the paper's claims are all there, each with margins above 0 and the file's own hash") {
  const ClaimsFile file = read_claims("");
  std::set<std::string> ids;
  for (const Claim& claim : file.claims) {
    ids.insert(claim.id);
    CHECK_FALSE(claim.source.empty());
    for (const auto& [task, margin] : claim.margins) CHECK(margin > 0);
    for (const ClaimContrast& contrast : claim.contrasts) {
      CHECK_FALSE(contrast.reason.empty());
      if (claim.statistic != "score") CHECK(contrast.margin > 0);
    }
  }
  for (const char* id : {"C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10", "C11"})
    CHECK(ids.contains(id));
  const std::string text = read_text_file(RANKSCOPE_SOURCE_DIR "/experiments/paper/claims.yaml");
  CHECK(file.hash == sha256_hex(text));
  const ClaimsFile given = read_claims(RANKSCOPE_SOURCE_DIR "/experiments/paper/claims.yaml");
  CHECK(given.claims.size() == file.claims.size());
  CHECK(file.name.empty());
  CHECK(given.name == "claims.yaml");
  CHECK(given.changed.empty());
  CHECK(file.alpha == 0.05);
}

TEST_CASE("a claim that is not as the page says is refused with its place") {
  CHECK(parse_claims(kScore, "c.yaml").claims.at(0).contrasts.at(0).region == Region::kAbove);
  CHECK_THAT(refusal(with("mnli: 1", "mnli: 0")),
             Contains("c.yaml:7") && Contains("must be above 0"));
  CHECK_THAT(refusal(with("mnli: 1", "mnli: -1")), Contains("c.yaml:7"));
  CHECK_THAT(refusal(with("region: above", "region: over")),
             Contains("c.yaml:6") && Contains("above"));
  CHECK_THAT(refusal(with("    reason: r\n", "")), Contains("'reason' is missing"));
  CHECK_THAT(refusal(with("reason: r", "reasons: r")), Contains("did you mean 'reason'"));
  CHECK_THAT(
      refusal(with("control: base", "control: none")),
      Contains("c.yaml:11: ") && Contains("the statistic score has base, shuffled, not 'none'"));
  CHECK_THAT(refusal(with("statistic: score", "statistic: rank")), Contains("c.yaml:5"));
  CHECK_THAT(refusal(with("{method: lora}", "{targets: Wq}")), Contains("'method' is missing"));
  CHECK_THAT(refusal(kScore + kScore.substr(kScore.find("  - id"))),
             Contains("another claim has this id"));
  CHECK_THAT(refusal("alpha: 0\n" + kScore), Contains("must be above 0"));
  CHECK_THAT(refusal("alpha: 0.5\n" + kScore), Contains("c.yaml:1") && Contains("below 0.5"));
  CHECK(parse_claims("alpha: 0.49\n" + kScore, "c.yaml").alpha == 0.49);
  CHECK_THAT(refusal(with("{mnli: 1}", "{}")),
             Contains("c.yaml:7") && Contains("'claims.0.margins'") && Contains("is empty"));
  CHECK_THAT(refusal("claims: []\n"), Contains("c.yaml"));
  CHECK_THAT(refusal("claims: 3\n"), Contains("c.yaml"));

  const std::string adapters = R"(claims:
  - id: B
    title: t
    source: s
    statistic: amplification
    sites: [Wq]
    targets: Wq+Wv
    ranks: [4, largest]
    contrasts:
      - {quantity: small_over_large, region: above, margin: 1, reason: r}
    control: random_adapters
)";
  const Claim claim = parse_claims(adapters, "c.yaml").claims.at(0);
  CHECK(claim.ranks == std::vector<std::optional<std::int64_t>>{4, std::nullopt});
  std::string other = adapters;
  other.replace(other.find("small_over_large"), 16, "top");
  CHECK_THAT(refusal(other), Contains("c.yaml:10") && Contains("relative_small_over_large"));
  other = adapters;
  other.replace(other.find("[4, largest]"), 12, "[4]");
  CHECK_THAT(refusal(other), Contains("a small rank and a large one"));
  for (const char* ranks :
       {"[4, 4]", "[8, 4]", "[largest, 4]", "[largest, largest]", "[1, 2, 3]"}) {
    other = adapters;
    other.replace(other.find("[4, largest]"), 12, ranks);
    CHECK_THAT(refusal(other), Contains("c.yaml:8") && Contains("a small rank and a large one"));
  }

  // Names are the program's own; targets are taken in any order.
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = adapters;
    return text.replace(text.find(from), from.size(), to);
  };
  CHECK_THAT(refusal(changed("targets: Wq+Wv", "targets: Wqq")), Contains("c.yaml:7"));
  CHECK_THAT(refusal(changed("sites: [Wq]", "sites: [Wx]")),
             Contains("c.yaml:6") && Contains("'Wx' is no site"));
  CHECK_THAT(refusal(changed("sites: [Wq]", "sites: [Wo]")),
             Contains("c.yaml:6") && Contains("'targets' is Wq+Wv, whose adapters have no Wo"));
  CHECK(parse_claims(changed("targets: Wq+Wv", "targets: Wv+Wq"), "c.yaml").claims[0].targets ==
        "Wq+Wv");
}

TEST_CASE("a method that there is none of is refused where a side names it") {
  std::string text = kScore;
  const std::size_t at = text.find("method: ");
  REQUIRE(at != std::string::npos);
  text.replace(at, std::string("method: ").size(), "method: f");
  CHECK_THAT(refusal(text), Contains("c.yaml") && Contains("method"));
}

TEST_CASE(
    "a claim takes the keys and controls of its own statistic, and another's are refused at their "
    "line") {
  const std::string begin = "claims:\n  - id: D\n    title: t\n    source: s\n    control: ";
  const std::string quantity = ", region: above, margin: 1, reason: r}]\n";
  struct Case {
    std::string statistic, control, keys;
    std::vector<std::string> foreign, foreign_controls;
  };
  const std::string margins = "margins: {mnli: 1}", seeds = "seeds: 3", sites = "sites: [Wq]";
  for (const Case& c : std::vector<Case>{
           {"score",
            "shuffled",
            "    region: above\n    margins: {mnli: 1}\n    reason: r\n    contrasts: [{left: "
            "{method: lora}, right: {method: full}}]\n",
            {sites, "left: {method: lora}", "batch: 1", "ranks: [4]"},
            {"random_adapters"}},
           {"amplification",
            "random_adapters",
            "    sites: [Wq]\n    targets: Wq\n    ranks: [4, largest]\n    contrasts: "
            "[{quantity: small_over_large" +
                quantity,
            {margins, "examples: fewest", "right: {method: full}", "share: 0.1"},
            {"base", "shuffled"}},
           {"cost",
            "shuffled",
            "    left: {method: lora}\n    right: {method: full}\n    contrasts: [{quantity: "
            "memory" +
                quantity,
            {margins, "region: above", "equal: parameters", sites, "length: 8"},
            {"base", "random_adapters"}},
           {"latency",
            "shuffled",
            "    length: 8\n    share: 0.03\n    contrasts: [{quantity: lora" + quantity,
            {seeds, margins, "reason: r", "targets: Wq", "left: {method: lora}"},
            {"base", "random_adapters"}}}) {
    INFO(c.statistic);
    const std::string rest = "\n    statistic: " + c.statistic + "\n" + c.keys;
    const std::string text = begin + c.control + rest;
    CHECK(refusal(text) == "nothing was thrown");
    const auto line = std::ranges::count(text, '\n') + 1;
    for (const std::string& key : c.foreign)
      CHECK_THAT(refusal(text + "    " + key + "\n"),
                 Contains("c.yaml:" + std::to_string(line) + ": ") &&
                     Contains("." + key.substr(0, key.find(':')) + "': there is no such key"));
    for (const std::string& control : c.foreign_controls)
      CHECK_THAT(refusal(begin + control + rest),
                 Contains("c.yaml:5: 'claims.0.control'") && Contains(", not '" + control + "'"));
    if (c.statistic != "latency") CHECK(refusal(text + "    seeds: 3\n") == "nothing was thrown");
  }
}

TEST_CASE("a region that the control lies in is refused at its line") {
  const auto shuffled = [](const std::string& region) {
    std::string text = kScore;
    text.replace(text.find("above"), 5, region);
    return text.replace(text.find("base"), 4, "shuffled");
  };
  CHECK(refusal(shuffled("above")) == "nothing was thrown");
  for (const char* region : {"within", "not_below"}) {
    CHECK_THAT(refusal(shuffled(region)), Contains("c.yaml:11: 'claims.0.control'") &&
                                              Contains("about 0") && Contains("control: base"));
    CHECK(refusal(with("region: above", std::string("region: ") + region)) == "nothing was thrown");
  }
  const auto of = [](const std::string& statistic, const std::string& quantity,
                     const std::string& region) {
    return refusal("claims:\n  - id: D\n    title: t\n    source: s\n    control: shuffled\n" +
                   std::string("    statistic: ") + statistic + "\n    contrasts: [{quantity: " +
                   quantity + ", region: " + region + ", margin: 1, reason: r}]\n");
  };
  const std::string cost = "cost\n    left: {method: lora}\n    right: {method: full}",
                    latency = "latency\n    length: 8\n    share: 0.03";
  for (const char* region : {"within", "not_below"})
    CHECK_THAT(of(cost, "memory", region),
               Contains("c.yaml:9: 'claims.0.contrasts.0.region'") && Contains("region: above"));
  CHECK(of(cost, "memory", "above") == "nothing was thrown");
  // Merged LoRA is set against LoRA that was not merged.
  CHECK(of(latency, "lora_merged", "within") == "nothing was thrown");
  CHECK_THAT(of(latency, "lora", "within"), Contains("c.yaml:9") && Contains("lora itself"));
  CHECK_THAT(of(latency, "lora_merged", "not_below"), Contains("c.yaml:9") && Contains("about 0"));
}

TEST_CASE("a claim on scores is shown from one seed on, where it asks for no more") {
  CHECK(parse_claims(kScore, "c.yaml").claims.at(0).seeds == 1);
  CHECK(parse_claims(kScore + "    seeds: 4\n", "c.yaml").claims.at(0).seeds == 4);
  CHECK_THAT(refusal(kScore + "    seeds: 1\n"), Contains("c.yaml:12"));
}

TEST_CASE("pairs of seeds take three of them, and two sites") {
  const std::string between = R"(claims:
  - id: B
    title: t
    source: s
    statistic: shared_between_seeds
    sites: [Wq, Wv]
    targets: Wq+Wv
    ranks: [largest]
    contrasts:
      - {quantity: first, region: above, margin: 1, reason: r}
    control: random_adapters
)";
  CHECK(parse_claims(between, "c.yaml").claims.at(0).seeds == 3);
  CHECK_THAT(refusal(between + "    seeds: 2\n"), Contains("c.yaml:12") && Contains("3"));
  for (const char* sites : {"[Wq]", "[Wq, Wv, Wq]"}) {
    std::string text = between;
    text.replace(text.find("[Wq, Wv]"), 8, sites);
    CHECK_THAT(refusal(text), Contains("c.yaml:6") && Contains("must be two sites"));
  }
}
