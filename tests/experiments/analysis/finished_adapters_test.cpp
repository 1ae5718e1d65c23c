// What a run keeps of finished trials while others end, and what it does not trust at its end.
#include "experiments/analysis/finished_adapters.h"

#include <catch2/catch.hpp>

#include <chrono>

#include "experiments/sweep/collect.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

struct Copied {
  explicit Copied(const std::string& name) : folder(shared_sweep().out(name)) {
    copy_undisturbed(name);
    manifest = read_manifest(folder);
    trial = &find_trial(manifest, trial_of(folder.path(), "tuned", "pick").at("id"));
  }
  rankscope::SweepFolder folder;
  Manifest manifest;
  const Trial* trial = nullptr;
};

}  // namespace

TEST_CASE("a finished trial's adapter is read once, and one that is not is looked for anew") {
  const Copied copied("read_once");
  FinishedAdapters adapters(copied.folder, copied.manifest);
  for (const fs::path& done : {copied.folder.train_folder(*copied.trial) / "done.json",
                               copied.folder.eval_folder(*copied.trial) / "done.json"}) {
    INFO(done);
    adapters.forget();
    const fs::path aside = done.string() + ".aside";
    fs::rename(done, aside);
    CHECK(adapters.find(*copied.trial) == nullptr);
    fs::rename(aside, done);
    const FinishedAdapters::Facts* const facts = adapters.find(*copied.trial);
    REQUIRE(facts != nullptr);
    for (const char* name : {"adapter/rankscope.json", "adapter/adapter_config.json"})
      CHECK(facts->hashes.at(name).size() == 64);
    CHECK_FALSE(facts->stamp.empty());
    fs::rename(done, aside);
    CHECK(adapters.find(*copied.trial) == facts);
    adapters.forget();
    CHECK(adapters.find(*copied.trial) == nullptr);
    fs::rename(aside, done);
  }
}

TEST_CASE("pairs are found by what was read before, the whole analysis reads all anew") {
  const Copied copied("read_anew");
  Collector collector(copied.folder, copied.manifest);
  CHECK(collector.analyse(AnalysisScope::kAdapters).pairs == 0);
  const fs::path weights =
      adapter_folder(copied.folder, *copied.trial) / "adapter_model.safetensors";
  fs::last_write_time(weights, fs::last_write_time(weights) + std::chrono::seconds(1));
  CHECK(collector.analyse(AnalysisScope::kAdapters).pairs == 0);
  const AnalysisSummary whole = collector.analyse(AnalysisScope::kAll);
  CHECK(whole.problems.empty());
  CHECK(whole.adapters == 1);
  // At least with its start, W, the other seed and the other rank.
  CHECK(whole.pairs >= 4);
  CHECK(collector.analyse(AnalysisScope::kAdapters).pairs == 0);
}
