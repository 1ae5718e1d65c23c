// The section `latency` of a sweep file: what it asks for, and what it is refused for.
#include <catch2/catch.hpp>

#include "experiments/latency/latency_settings.h"
#include "tests/experiments/sweep/sweep_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

const std::string kBase = "base: m\n";
const std::string kLeast = kBase + "latency: {length: 8, bottleneck: 2}\n";

}  // namespace

TEST_CASE("a section asks for cells and variants, and has defaults for the rest") {
  const SweepFolder folder;
  const Sweep least = folder.read(kLeast);
  CHECK(least.trials.empty());
  REQUIRE(least.latency);
  CHECK(least.latency->batches == std::vector<std::int64_t>{1});
  CHECK(least.latency->lengths == std::vector<std::int64_t>{8});
  CHECK(least.latency->rank == 4);
  CHECK(least.latency->rounds == 100);
  CHECK(least.latency->threads == 1);

  const Sweep all =
      folder.read(kBase +
                  "name: n\nreport: true\nlatency:\n  batch: [1, 4]\n  length: [8, 64]\n"
                  "  bottleneck: [2, 3]\n  rank: 5\n  targets: [Wq, Wo]\n  rounds: 50\n"
                  "  tokens: 400\n  threads: 2\n");
  CHECK(all.report);
  CHECK(all.latency->targets == "Wq+Wo");
  CHECK(all.latency->threads == 2);
  // As many rounds as the tokens allow, between ten and those that are asked for.
  CHECK(all.latency->rounds_of(1, 8) == 50);
  CHECK(all.latency->rounds_of(4, 8) == 12);
  CHECK(all.latency->rounds_of(4, 64) == 10);

  std::string names;
  for (const LatencyVariant& v : latency_variants(*all.latency))
    names += v.name + (v.bottleneck > 0 ? std::to_string(v.bottleneck) : "") + " ";
  CHECK(names == "base lora_merged lora adapter_l2 adapter_l3 adapter_h2 adapter_h3 ");
  CHECK(latency_json(latency_from_json(Json::parse(latency_json(*all.latency).dump()), "x")) ==
        latency_json(*all.latency));
}

TEST_CASE("what a section cannot mean is refused with its line and the nearest name") {
  const SweepFolder folder;
  const auto refusal = [&](const std::string& section) {
    return folder.refusal(kBase + "latency:\n  length: 8\n  bottleneck: 2\n" + section);
  };
  CHECK(refusal("  bath: 2\n") ==
        "s.yaml:5: 'latency.bath': there is no such key; did you mean 'batch'?");
  CHECK_THAT(refusal("  my.batch: 2\n"),
             Contains("s.yaml:5: 'latency.my.batch': there is no such key"));
  CHECK(folder.refusal(kBase + "latncy: {length: 8}\n") ==
        "s.yaml:2: 'latncy': there is no such key; did you mean 'latency'?");
  CHECK_THAT(refusal("  length: 9\n"), Contains("s.yaml:5"));
  CHECK(refusal("  batch: [1, 2, 1]\n") == "s.yaml:5: 'latency.batch.2': is given twice");
  CHECK_THAT(refusal("  batch: 0\n"), Contains("s.yaml:5: 'latency.batch'"));
  CHECK_THAT(refusal("  batch: one\n"), Contains("s.yaml:5: 'latency.batch'"));
  CHECK_THAT(refusal("  rank: '4'\n"), Contains("s.yaml:5: 'latency.rank'"));
  CHECK_THAT(refusal("  rank: 65537\n"), Contains("s.yaml:5: 'latency.rank'"));
  CHECK_THAT(folder.refusal(kBase + "latency: {length: 8, bottleneck: [2, 65537]}\n"),
             Contains("s.yaml:2: 'latency.bottleneck.1'"));
  CHECK_THAT(refusal("  rounds: 9\n"), Contains("s.yaml:5: 'latency.rounds'"));
  CHECK_THAT(refusal("  targets: Wx\n"), Contains("s.yaml:5: 'latency.targets'") && Contains("Wx"));
  CHECK_THAT(refusal("  threads: 0\n"), Contains("'latency.threads'"));
  CHECK(folder.refusal(kBase + "latency: {length: [8, 65], bottleneck: 2}\n") ==
        "s.yaml:2: 'latency.length': 65 tokens are more than the base's context, 64");
  CHECK(folder.refusal(kBase + "latency: {length: 64, batch: 65536, bottleneck: 2}\n") ==
        "s.yaml:2: 'latency.length': times 'batch' a pass has more than 2097152 tokens");
  CHECK(folder.refusal(kBase + "latency: {bottleneck: 2}\n") ==
        "s.yaml:2: 'latency': 'length' is missing: the tokens of a sequence");
  CHECK(folder.refusal(kBase + "latency: {length: 8}\n") ==
        "s.yaml:2: 'latency': 'bottleneck' is missing: the widths of adapters");
  CHECK_THAT(folder.refusal(kBase + "latency: 3\n"), Contains("s.yaml:2: 'latency'"));
}

TEST_CASE("a file that times passes trains nothing beside") {
  const SweepFolder folder;
  for (const char* more : {"groups: [{method: lora, steps: 1}]\n", "tasks: {own: {data: data}}\n",
                           "method: lora\n", "seeds: [1]\n", "analysis: {}\n"})
    CHECK_THAT(folder.refusal(kLeast + more),
               Catch::StartsWith("s.yaml:3: '") && Contains("trains nothing"));
  CHECK(folder.refusal(kLeast, {"latency.batch=[2,4]", "name=other"}) == "nothing was thrown");
}
