// What can be wrong with the file, the folder and the disk.
#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "common/files.h"
#include "results/query.h"
#include "results/store.h"
#include "tests/results/faults.h"
#include "tests/results/sample.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

void overwrite(const fs::path& file, std::streamoff at, size_t bytes) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(at);
  stream << std::string(bytes, '\xa5');
}

}  // namespace

TEST_CASE("a file that is no database is named, and left as it is") {
  TemporaryFolder folder;
  write_file_atomically(folder / "results.db", std::string(5000, 'x'));
  CHECK_THROWS_AS(Store::open(folder / "results.db"), DamagedDatabase);
  CHECK_THAT(open_error(folder / "results.db"),
             Contains("results.db' is damaged or no database") && Contains("rankscope collect"));
  CHECK_THAT(read_error(folder.path()), Contains("is damaged or no database"));
  CHECK(read_text_file(folder / "results.db") == std::string(5000, 'x'));
}

TEST_CASE("broken pages are found by reading, writing and verifying") {
  TemporaryFolder folder;
  fill_sample(folder / "results.db");
  const auto size = fs::file_size(folder / "results.db");
  { Store::open(folder / "results.db").verify(); }
  // All pages but the first, which holds the schema's root.
  overwrite(folder / "results.db", 4096, size - 4096);
  CHECK_THAT(read_error(folder.path()), Contains("is damaged or no database"));
  CHECK_THROWS_AS(
      [&] {
        Store store = Store::open(folder / "results.db");
        store.put_trial(lora_trial("Wq", 1, 0, 0.5));
      }(),
      DamagedDatabase);
  CHECK_THROWS_AS(
      [&] {
        Store store = Store::open(folder / "results.db");
        store.verify();
      }(),
      DamagedDatabase);
}

TEST_CASE("a database that was cut short is damaged") {
  TemporaryFolder folder;
  fill_sample(folder / "results.db");
  fs::resize_file(folder / "results.db", fs::file_size(folder / "results.db") - 5000);
  CHECK_THAT(read_error(folder.path()), Contains("is damaged or no database"));
  CHECK_THROWS_AS(Store::open(folder / "results.db").verify(), DamagedDatabase);
}

TEST_CASE("an empty file becomes a database; to a reader it is empty") {
  TemporaryFolder folder;
  write_file_atomically(folder / "results.db", std::string());
  CHECK_THAT(read_error(folder.path()), Contains("is empty; run `rankscope collect`"));
  { Store store = Store::open(folder / "results.db"); }
  CHECK(ResultsReader({folder.path()}).rows("trials").empty());
}

TEST_CASE("databases of newer versions and of other programs are refused unchanged") {
  TemporaryFolder folder;
  const fs::path db = folder / "results.db";
  fill_sample(db);
  { SQLite::Database(db.string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 7"); }
  CHECK_THAT(open_error(db), Contains("schema version 7, this one knows 5"));
  CHECK_THAT(read_error(folder.path()), Contains("schema version 7, this one knows 5"));
  { SQLite::Database(db.string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 0"); }
  CHECK_THAT(read_error(folder.path()), Contains("older schema version 0"));

  fs::remove(db);
  {
    SQLite::Database(db.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
        .exec("CREATE TABLE theirs (a)");
  }
  const std::string before = read_text_file(db);
  CHECK_THAT(open_error(db), Contains("of another program"));
  CHECK_THAT(read_error(folder.path()), Contains("of another program"));
  CHECK(read_text_file(db) == before);
}

TEST_CASE("a folder that is missing or without a database is named") {
  TemporaryFolder folder;
  CHECK_THAT(open_error(folder / "no" / "results.db"), Contains("No such file or directory"));
  CHECK_THAT(read_error(folder / "no"), Contains("there is no folder"));
  CHECK_THAT(read_error(folder.path()), Contains("there is no results.db in"));
}

TEST_CASE("a read-only folder can be read, and is named where it cannot be written") {
  TemporaryFolder folder;
  fs::create_directory(folder / "sweep");
  const fs::path sweep = folder / "sweep";
  fill_sample(sweep / "results.db");
  REQUIRE_FALSE(fs::exists(sweep / "results.db-wal"));
  fs::permissions(folder.path(), fs::perms(0755));
  fs::permissions(sweep / "results.db", fs::perms(0444));
  fs::permissions(sweep, fs::perms(0555));
  CHECK(in_child(become_nobody, [&] {
          if (ResultsReader({sweep}).rows("trials").size() != sample_trials().size())
            throw std::runtime_error("rows are missing");
        }) == "");
  CHECK_THAT(in_child(become_nobody, [&] { Store::open(sweep / "results.db"); }),
             Contains("input: cannot write '") && Contains("make it and its folder writable"));
  CHECK_THAT(in_child(become_nobody, [&] { Store::open(sweep / "other.db"); }),
             Contains("input: cannot use '") && Contains("other.db"));
  fs::permissions(sweep, fs::perms(0755));
}

TEST_CASE("a full disk is the machine's fault, and what was written stays") {
  TemporaryFolder folder;
  fill_sample(folder / "results.db");
  const std::string before = dump(folder / "results.db");
  TrialRecord large = lora_trial("Wo", 64, 0, 0.5);
  for (int i = 0; i < 2000; ++i)
    large.predictions.push_back({"n" + std::to_string(i), std::string(500, 'y'), {}});
  const auto limit_files = [] {
    const rlimit limit{200'000, 200'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(2);
  };
  const std::string text = in_child(limit_files, [&] {
    Store store = Store::open(folder / "results.db");
    store.put_trial(large);
  });
  CHECK_THAT(text, Contains("machine: cannot write '") && Contains("is the disk full"));
  CHECK(dump(folder / "results.db") == before);
  Store::open(folder / "results.db").put_trial(large);
}
