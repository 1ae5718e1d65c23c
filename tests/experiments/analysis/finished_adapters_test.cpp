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

TEST_CASE("a trial's end is analysed among its own families, and all rows are there in the end") {
  const Copied copied("ends");
  const fs::path out = copied.folder.path();
  const Trial& trial = *copied.trial;
  const Trial& unrelated = find_trial(copied.manifest, trial_of(out, "tuned", "write").at("id"));
  remove_database(out);
  {
    Collector collector(copied.folder, copied.manifest);
    const fs::path done = copied.folder.eval_folder(trial) / "done.json";
    const fs::path aside = done.string() + ".aside";
    fs::rename(done, aside);
    CHECK(collector.collect_all().empty());
    // What earlier runs left is looked for once.
    CHECK(collector.analyse_end(unrelated).pairs > 0);
    CHECK(collector.analyse_end(unrelated).pairs == 0);
    fs::rename(aside, done);
    CHECK(collector.collect(trial).empty());
    CHECK(collector.analyse_end(unrelated).pairs == 0);
    // With its start, the other seed and the other rank.
    CHECK(collector.analyse_end(trial).pairs >= 3);
    CHECK(collector.analyse(AnalysisScope::kAdapters).pairs == 0);
    CHECK(collector.analyse(AnalysisScope::kAll).problems.empty());
  }
  CHECK(database_rows(out) == database_rows(shared_sweep().out("undisturbed")));
}
