// Claims on latencies, judged on made-up times whose truth is planted.
#include <SQLiteCpp/SQLiteCpp.h>

#include <catch2/catch.hpp>

#include <cmath>

#include "common/draws.h"
#include "experiments/claims/judgement.h"
#include "experiments/claims/latency_evidence.h"
#include "results/store.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

struct PlantedLatency {
  std::string variant;
  std::int64_t bottleneck = 0, parameters = 0;
  double ratio = 1;  // of the base's time
};

// Rounds with a drift that both share and 5 % of noise in each pass; now and then a pass takes
// thrice as long.
LatencyRecord cell(std::int64_t batch, std::int64_t length,
                   const std::vector<PlantedLatency>& variants, int rounds) {
  LatencyRecord record{"times", batch, length, 100'000, {{"processor", "p"}, {"threads", "1"}}, {}};
  for (const PlantedLatency& p : variants) {
    VariantLatencies v{p.variant, p.bottleneck, {}, p.parameters, {}};
    const Draws noise(7, "planted", p.variant + std::to_string(p.bottleneck));
    for (int round = 0; round < rounds; ++round) {
      const auto at = static_cast<std::uint64_t>(round);
      const double spike = noise.uniform(2 * at + 100'001) < 0.005f ? 3 : 1;
      const double drift = 1 + 0.5 * std::sin(0.1 * round);
      v.milliseconds.push_back(10 * p.ratio * drift * spike * std::exp(0.05 * noise.normal(at)));
    }
    record.variants.push_back(std::move(v));
  }
  return record;
}

std::vector<PlantedLatency> as_the_paper() {
  return {{"base"},
          {"lora_merged", 0, 400, 1.0},
          {"lora", 0, 400, 1.15},
          {"adapter_l", 2, 300, 1.01},
          {"adapter_l", 40, 3000, 1.207},
          {"adapter_h", 20, 3100, 1.303}};
}

class PlantedTimes {
 public:
  explicit PlantedTimes(const std::vector<LatencyRecord>& records) {
    Store store = Store::open(folder_ / "results.db");
    store.put_sweep({"times", "name: times\n", "models/tiny", std::string(64, 'c')});
    store.put_latencies(records);
  }
  Findings judge(const std::string& claims) const {
    ResultsReader results({folder_.path()});
    Evidence evidence(results);
    return judge_results(parse_claims(claims, "claims.yaml"), evidence);
  }
  void change(const std::string& sql) {
    SQLite::Database((folder_ / "results.db").string(), SQLite::OPEN_READWRITE).exec(sql);
  }
  ClaimFinding first(const std::string& claims) const { return judge(claims).claims.at(0); }

 private:
  TemporaryFolder folder_;
};

std::string claim(const std::string& contrasts, const std::string& length = "shortest") {
  return "claims:\n  - id: A\n    title: t\n    source: s\n    statistic: latency\n    batch: 1\n  "
         "  length: " +
         length + "\n    share: 0.031\n    contrasts:\n" + contrasts + "    control: shuffled\n";
}

std::string contrast(const std::string& quantity, const std::string& region, double margin) {
  return "      - {quantity: " + quantity + ", region: " + region +
         ", margin: " + std::to_string(margin) + ", reason: r}\n";
}

const std::string kAbove =
    contrast("adapter_l", "above", 0.136) + contrast("adapter_h", "above", 0.191);

}  // namespace

TEST_CASE("what the paper measured holds, by the program's own claim too, and not on the control") {
  const PlantedTimes times({cell(1, 128, as_the_paper(), 200), cell(1, 512, {{"base"}}, 20)});
  const ClaimFinding finding = times.first(claim(kAbove + contrast("lora_merged", "within", 0.05)));
  CHECK(finding.verdict == "holds");
  CHECK(finding.control_verdict == "contradicted");
  CHECK(finding.base == "models/tiny");
  CHECK(finding.data == "batch 1 x 128 tokens");
  REQUIRE(finding.contrasts.size() == 3);
  // The width whose parameters are nearest to the share.
  CHECK(finding.contrasts[0].name == "batch 1 x 128 tokens: adapter_l r40 against the base");
  CHECK(*finding.contrasts[0].estimate == Approx(std::log2(1.207)).margin(0.05));
  CHECK(finding.contrasts[0].rounds == 200);
  CHECK(*finding.contrasts[0].control_estimate == Approx(0).margin(0.06));
  // Merged LoRA's control is LoRA that was not merged.
  CHECK(*finding.contrasts[2].control_estimate == Approx(std::log2(1.15)).margin(0.05));

  const ClaimsFile own = read_claims("");
  const auto c8 = std::ranges::find(own.claims, "C8", &Claim::id);
  REQUIRE(c8 != own.claims.end());
  CHECK(c8->statistic == "latency");
  CHECK(c8->contrasts.size() == 3);
}

TEST_CASE(
    "adapters that cost nothing contradict it, and so does merged LoRA that costs something") {
  std::vector<PlantedLatency> free = as_the_paper();
  for (PlantedLatency& p : free) p.ratio = 1;
  CHECK(PlantedTimes({cell(1, 128, free, 200)}).first(claim(kAbove)).verdict == "contradicted");
  std::vector<PlantedLatency> dear = as_the_paper();
  dear[1].ratio = 1.2;
  CHECK(PlantedTimes({cell(1, 128, dear, 200)})
            .first(claim(contrast("lora_merged", "within", 0.05)))
            .verdict == "contradicted");
  // A margin in the middle of what is uncertain.
  const PlantedTimes paper({cell(1, 128, as_the_paper(), 200)});
  const double seen = *paper.first(claim(kAbove)).contrasts[0].estimate;
  CHECK(paper.first(claim(contrast("adapter_l", "above", seen))).verdict == "underpowered");
  const ClaimFinding open = paper.first(claim(contrast("adapter_l", "above", seen - 0.001)));
  CHECK(open.verdict == "underpowered");
  CHECK_THAT(open.explanation, Contains("to tell 0.001 log2: ") && Contains(" rounds"));
}

TEST_CASE("an adapter's width is the nearest to the share by ratio, not by difference") {
  // A fifth and 1.9 times of 1 %: nearer by difference is the first.
  const PlantedTimes times(
      {cell(1, 128, {{"base"}, {"adapter_l", 2, 200, 1.01}, {"adapter_l", 40, 1900, 1.2}}, 20)});
  std::string of_one_percent = claim(contrast("adapter_l", "above", 0.1));
  of_one_percent.replace(of_one_percent.find("0.031"), 5, "0.01");
  CHECK(times.first(of_one_percent).contrasts.at(0).name ==
        "batch 1 x 128 tokens: adapter_l r40 against the base");
}

TEST_CASE("a claim on latencies needs its cell, its variant and ten rounds") {
  const PlantedTimes times(
      {cell(1, 128, {{"base"}, {"adapter_l", 40, 3000, 1.2}}, 9), cell(4, 64, as_the_paper(), 20)});
  CHECK_THAT(times.first(claim(contrast("adapter_l", "above", 0.1))).explanation,
             Contains("9 rounds were timed"));
  CHECK_THAT(times.first(claim(contrast("adapter_h", "above", 0.1))).explanation,
             Contains("no sweep has timed adapter_h at batch 1 x 128 tokens"));
  CHECK(times.first(claim(kAbove, "64")).verdict == "not run");
}

TEST_CASE("every variant of a sweep is found with its slowdown and interval") {
  const Findings findings =
      PlantedTimes({cell(1, 128, as_the_paper(), 100), cell(2, 128, as_the_paper(), 20)})
          .judge(claim(kAbove));
  REQUIRE(findings.latencies.size() == 12);
  const LatencyFinding& h = findings.latencies[0];
  CHECK(h.variant == "adapter_h");
  CHECK(h.batch == 1);
  CHECK(h.slowdown == Approx(30.3).margin(5));
  CHECK(*h.low < h.slowdown);
  CHECK(*h.high > h.slowdown);
  CHECK(h.machine == "p, ?, 1 thread");
  CHECK(findings.latencies[3].variant == "base");
  CHECK(findings.latencies[3].slowdown == 0);
}

TEST_CASE("a machine is named whatever types its environment has") {
  PlantedTimes times({cell(1, 128, as_the_paper(), 20)});
  const auto machine = [&](const std::string& environment) {
    times.change("UPDATE latency_cell SET environment = '" + environment + "'");
    return times.judge(claim(kAbove)).latencies.at(0).machine;
  };
  CHECK(machine(R"({"threads":1,"processor":"p"})") == "p, ?, 1 thread");
  CHECK(machine(R"({"threads":"4","processor":[],"instruction_set":null})") ==
        "an unknown processor, ?, 4 threads");
  CHECK(machine(R"({"threads":{}})") == "an unknown processor, ?, ? threads");
}

TEST_CASE("times that no pass can have are refused as a damaged database, with their cell") {
  for (const char* time : {"0", "-1", "9e999"}) {
    for (const char* variant : {"base", "lora"}) {
      INFO(variant << " " << time);
      PlantedTimes times({cell(1, 128, as_the_paper(), 20)});
      times.change("UPDATE latency SET milliseconds = " + std::string(time) +
                   " WHERE round = 3 AND variant = '" + variant + "'");
      CHECK_THAT(error_text<DamagedDatabase>([&] { times.judge(claim(kAbove)); }),
                 Contains("sweep 'times'") && Contains("batch 1 x 128 tokens") &&
                     Contains("rankscope collect"));
    }
  }
}

TEST_CASE("a claim on latencies that is not as the page says is refused with its place") {
  const std::string good = claim(kAbove);
  const auto refusal = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return error_text<InputError>([&] { parse_claims(text, "c.yaml"); });
  };
  CHECK_THAT(refusal("    length: shortest\n", ""), Contains("'length' is missing"));
  CHECK_THAT(refusal("shortest", "longest"), Contains("c.yaml:7"));
  CHECK_THAT(refusal("0.031", "0"), Contains("c.yaml:8") && Contains("must be above 0"));
  CHECK_THAT(refusal("batch: 1", "batch: 0"), Contains("c.yaml:6"));
  CHECK_THAT(refusal("adapter_l", "adapter_q"), Contains("the statistic latency has adapter_l"));
}
