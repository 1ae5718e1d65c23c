// Writing: keys, replacement, removal, versions.
#include "results/store.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/error_text.h"
#include "tests/results/sample.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

std::string ask(const std::filesystem::path& db, const std::string& sql) {
  SQLite::Database database(db.string());
  return database.execAndGet(sql).getString();
}

}  // namespace

TEST_CASE("the order of writing leaves no trace in what a database holds") {
  TemporaryFolder folder;
  fill_sample(folder / "a.db");
  {
    Store store = Store::open(folder / "b.db");
    std::vector<TrialRecord> trials = sample_trials();
    std::ranges::reverse(trials);
    // Written twice, once with other content and in another sweep, as after a restart.
    for (TrialRecord trial : trials) {
      trial.sweep = "old";
      trial.dataset = "d0";
      trial.state = "running";
      trial.metrics.clear();
      trial.curve.resize(trial.curve.size() / 2);
      std::ranges::reverse(trial.predictions);
      store.put_trial(trial);
    }
    store.put_sweep(sample_sweep("old"));
    store.put_dataset(sample_dataset("d0"));
    store.put_dataset(sample_dataset());
    TrialRecord extra = lora_trial("Wo", 4, 9, 1);
    store.put_trial(extra);
    for (const TrialRecord& trial : trials) store.put_trial(trial);
    std::set<std::string> kept;
    for (const TrialRecord& trial : trials) kept.insert(trial.trial);
    store.remove_trials_not_in(kept);
    store.put_sweep(sample_sweep());
  }
  const std::string expected = dump(folder / "a.db");
  CHECK(dump(folder / "b.db") == expected);
  CHECK_THAT(expected, Contains("trial: 'Wq-r1-s0','aaa"));
  CHECK_THAT(expected, Contains("table5: 'wikisql','exact',1000,'Wq',1,"));
}

TEST_CASE("a database of schema version 1 is brought to today's with all it holds") {
  TemporaryFolder folder;
  const std::filesystem::path golden =
      std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests" / "results" / "version1.db";
  std::filesystem::copy_file(golden, folder / "old.db");
  { Store store = Store::open(folder / "old.db"); }
  fill_sample(folder / "new.db");
  CHECK(dump(folder / "old.db") == dump(folder / "new.db"));
  CHECK(ask(folder / "old.db", "PRAGMA user_version") == "5");
  CHECK(ask(folder / "old.db", "PRAGMA journal_mode") == "wal");
}

TEST_CASE("a database of schema version 2 is brought to today's with its analyses") {
  TemporaryFolder folder;
  std::filesystem::copy_file(
      std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests" / "results" / "version2.db",
      folder / "old.db");
  { Store store = Store::open(folder / "old.db"); }
  fill_sample(folder / "new.db");
  fill_analyses(folder / "new.db");
  CHECK(dump(folder / "old.db") == dump(folder / "new.db"));
}

TEST_CASE("databases of schema versions 3 to 5 are brought to today's") {
  for (const char* version : {"version3.db", "version4.db", "version5.db"}) {
    INFO(version);
    TemporaryFolder folder;
    std::filesystem::copy_file(
        std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests" / "results" / version,
        folder / "old.db");
    { Store store = Store::open(folder / "old.db"); }
    const SampleFolder sample;
    CHECK(dump(folder / "old.db") == dump(sample.path() / "results.db"));
  }
}

// Not a test: makes the golden file of a new schema version, where RANKSCOPE_GOLDEN says.
TEST_CASE("make the golden database", "[.golden]") {
  const char* const path = std::getenv("RANKSCOPE_GOLDEN");
  REQUIRE(path != nullptr);
  {
    SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec("PRAGMA page_size = 512; VACUUM");
  }
  fill_sample(path);
  fill_analyses(path);
  Store::open(path).put_latencies(sample_latencies());
  // The program puts it back, from its own copy.
  SQLite::Database(path, SQLite::OPEN_READWRITE).exec("DELETE FROM publication; VACUUM");
}

TEST_CASE("a dataset or sweep goes with its last trial, and not before") {
  TemporaryFolder folder;
  Store store = Store::open(folder / "results.db");
  store.put_dataset(sample_dataset("d1"));
  store.put_dataset(sample_dataset("d2"));
  store.put_dataset(sample_dataset("not named yet"));
  TrialRecord a = lora_trial("Wq", 1, 0, 0.5), b = lora_trial("Wq", 1, 1, 0.5);
  store.put_trial(a);
  store.put_trial(b);
  a.dataset = "d2";
  store.put_trial(a);
  CHECK(store.has_dataset("d1"));
  b.dataset = "d2";
  store.put_trial(b);
  CHECK_FALSE(store.has_dataset("d1"));
  CHECK(store.has_dataset("d2"));
  store.remove_trials_not_in({b.trial});
  CHECK(store.has_dataset("d2"));
  store.remove_trials_not_in({});
  CHECK_FALSE(store.has_dataset("d2"));
  CHECK(store.has_dataset("not named yet"));
  CHECK(ask(folder / "results.db", "SELECT count(*) FROM example") == "2");
  for (const char* table : {"trial", "prediction", "curve_point", "metric_value", "timing"})
    CHECK(ask(folder / "results.db", std::string("SELECT count(*) FROM ") + table) == "0");
}

TEST_CASE("a trial's stamp is given back, and empty where there is no trial") {
  TemporaryFolder folder;
  Store store = Store::open(folder / "results.db");
  TrialRecord trial = lora_trial("Wq", 1, 0, 0.5);
  trial.stamp = std::string("a\0b", 3);
  CHECK(store.trial_stamp(trial.trial).empty());
  CHECK(store.trial_state(trial.trial).empty());
  CHECK_FALSE(store.has_trial(trial.trial));
  store.put_trial(trial);
  CHECK(store.trial_stamp(trial.trial) == trial.stamp);
  CHECK(store.trial_state(trial.trial) == trial.state);
  CHECK(store.has_trial(trial.trial));
}

TEST_CASE("a record that says a thing twice is refused whole") {
  TemporaryFolder folder;
  Store store = Store::open(folder / "results.db");
  TrialRecord good = lora_trial("Wq", 1, 0, 0.5);
  store.put_trial(good);
  const std::string before = dump(folder / "results.db");
  TrialRecord bad = good;
  bad.predictions.push_back(bad.predictions[0]);
  CHECK_THAT(error_text<InputError>([&] { store.put_trial(bad); }),
             Contains("trial 'Wq-r1-s0' predicts the example 'e2' twice"));
  bad = good;
  bad.curve.push_back(bad.curve[1]);
  CHECK_THAT(error_text<InputError>([&] { store.put_trial(bad); }), Contains("has step 2 twice"));
  bad = good;
  bad.metrics.push_back(bad.metrics[0]);
  CHECK_THAT(error_text<InputError>([&] { store.put_trial(bad); }),
             Contains("has the metric 'exact' twice"));
  DatasetRecord dataset = sample_dataset();
  dataset.examples.push_back(dataset.examples[0]);
  CHECK_THAT(error_text<InputError>([&] { store.put_dataset(dataset); }),
             Contains("dataset 'd1' has the example 'e2' twice"));
  CHECK(dump(folder / "results.db") == before);
  store.put_trial(good);
  CHECK(dump(folder / "results.db") == before);
}

TEST_CASE("texts come back byte for byte, whatever they hold") {
  TemporaryFolder folder;
  fill_sample(folder / "results.db");
  SQLite::Database database((folder / "results.db").string());
  SQLite::Statement row(database, "SELECT task, error FROM trial WHERE trial LIKE 'x''%'");
  REQUIRE(row.executeStep());
  CHECK(row.getColumn(0).getString() == std::string("nul\0inside", 10));
  CHECK(row.getColumn(1).getString() == "\x1b[2J\xff line\nend");
}
