// Other programs at the same database: killed writers, readers, writers that hold it.
#include <SQLiteCpp/SQLiteCpp.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "results/query.h"
#include "results/store.h"
#include "tests/error_text.h"
#include "tests/results/faults.h"
#include "tests/results/sample.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;
namespace fs = std::filesystem;

TEST_CASE("a writer that was killed loses nothing it had put, and its leavings stop nobody") {
  TemporaryFolder folder;
  const auto write_and_die = [&] {
    in_child([] {},
             [&] {
               Store store = Store::open(folder / "results.db");
               store.put_trial(lora_trial("Wq", 1, 0, 0.5));
               ::_exit(0);
             });
  };
  write_and_die();
  REQUIRE(fs::file_size(folder / "results.db-wal") > 0);
  CHECK(ResultsReader({folder.path()}).rows("trials").size() == 1);
  CHECK_FALSE(Store::open(folder / "results.db").trial_stamp("Wq-r1-s0").empty());
  // The database deleted, its log left behind.
  write_and_die();
  REQUIRE(fs::file_size(folder / "results.db-wal") > 0);
  fs::remove(folder / "results.db");
  CHECK(Store::open(folder / "results.db").trial_stamp("Wq-r1-s0").empty());
}

TEST_CASE("a reader does not stop the writer, nor the writer a reader") {
  TemporaryFolder folder;
  fill_sample(folder / "results.db");
  SQLite::Database reader((folder / "results.db").string());
  reader.exec("BEGIN");
  const int before = reader.execAndGet("SELECT count(*) FROM trial").getInt();
  Store store = Store::open(folder / "results.db", kNoWait);
  store.put_trial(lora_trial("Wo", 64, 0, 0.5));
  CHECK(reader.execAndGet("SELECT count(*) FROM trial").getInt() == before);
  reader.exec("COMMIT");
  CHECK(reader.execAndGet("SELECT count(*) FROM trial").getInt() == before + 1);
}

TEST_CASE("a database held by another writer is named after the timeout") {
  TemporaryFolder folder;
  fill_sample(folder / "results.db");
  Store store = Store::open(folder / "results.db", kNoWait);
  SQLite::Database other((folder / "results.db").string(), SQLite::OPEN_READWRITE);
  other.exec("BEGIN IMMEDIATE");
  CHECK_THAT(error_text<InputError>([&] { store.put_trial(lora_trial("Wo", 64, 0, 0.5)); }),
             Contains("results.db' is in use by another program (database is locked)"));
  CHECK(ResultsReader({folder.path()}, kNoWait).rows("trials").size() == sample_trials().size());
  other.exec("COMMIT");
  store.put_trial(lora_trial("Wo", 64, 0, 0.5));
}

TEST_CASE("a database locked as a whole is named to writers and readers") {
  TemporaryFolder folder;
  fill_sample(folder / "results.db");
  SQLite::Database other((folder / "results.db").string(), SQLite::OPEN_READWRITE);
  other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  CHECK_THAT(open_error(folder / "results.db"), Contains("is in use by another program"));
  CHECK_THAT(read_error(folder.path()), Contains("is in use by another program"));
}
