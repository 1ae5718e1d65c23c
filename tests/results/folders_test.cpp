// Several folders read together, odd names, and the moment that is read.
#include <catch2/catch.hpp>

#include "common/error.h"
#include "results/query.h"
#include "results/store.h"
#include "tests/error_text.h"
#include "tests/results/sample.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;
namespace fs = std::filesystem;

TEST_CASE("several folders are read as one, and each row says which sweep it is of") {
  SampleFolder a;
  TemporaryFolder b;
  {
    Store store = Store::open(b / "results.db");
    store.put_sweep(sample_sweep("second"));
    TrialRecord trial = lora_trial("Wq", 1, 0, 1);
    trial.sweep = "second";
    store.put_trial(trial);
  }
  ResultsReader reader({a.path(), b.path()});
  CHECK(answer(reader, "SELECT sweep, count(*) AS n FROM trials GROUP BY sweep") ==
        "sweep,n\r\nsecond,1\r\nsmall,9\r\n");
  CHECK(answer(reader, "SELECT sweep, value FROM scores WHERE trial = 'Wq-r1-s0' ORDER BY 1") ==
        "sweep,value\r\nsecond,1.0\r\nsmall,0.25\r\n");
  CHECK(answer(reader, "SELECT DISTINCT sweep FROM prediction ORDER BY 1") ==
        "sweep\r\nsecond\r\nsmall\r\n");
  for (const ViewName& view : view_names()) CHECK_FALSE(reader.rows(view.name).empty());
  CHECK_THROWS_AS(reader.rows("DELETE FROM folder1.trial"), InputError);
  CHECK_THROWS_AS(reader.rows("DROP VIEW trials"), InputError);
}

TEST_CASE("two sweeps of one name are told apart by their folders") {
  SampleFolder a, b;
  ResultsReader reader({a.path(), b.path()});
  const std::vector<Row> rows = reader.rows("SELECT DISTINCT sweep FROM trials ORDER BY 1");
  REQUIRE(rows.size() == 2);
  for (const Row& row : rows) CHECK_THAT(std::get<std::string>(row[0]), Contains("small (/"));
  CHECK(reader.rows("SELECT * FROM table5").size() == 8);
}

TEST_CASE("the number of folders is bounded, and none is given twice") {
  SampleFolder a;
  CHECK_THAT(error_text<InputError>([&] {
               ResultsReader({a.path(), a.path() / "."});
             }),
             Contains("is given twice"));
  CHECK_THAT(error_text<InputError>([&] { ResultsReader(std::vector<fs::path>(11, a.path())); }),
             Contains("11 folders were given; at most 10"));
  std::vector<std::unique_ptr<SampleFolder>> folders;
  std::vector<fs::path> paths;
  while (paths.size() < ResultsReader::kMostFolders)
    paths.push_back(folders.emplace_back(std::make_unique<SampleFolder>())->path());
  CHECK(ResultsReader(paths).rows("SELECT DISTINCT sweep FROM trials").size() == 10);
}

TEST_CASE("a folder's name may hold what a URI or SQL would read as its own") {
  TemporaryFolder folder;
  const fs::path odd = folder / "a'b?c#d%20e \xc3\xa9";
  fs::create_directory(odd);
  fill_sample(odd / "results.db");
  CHECK_FALSE(ResultsReader({odd}).rows("trials").empty());
  SampleFolder plain;
  CHECK(ResultsReader({odd, plain.path()}).rows("SELECT DISTINCT sweep FROM trials").size() == 2);
}

TEST_CASE("a reader sees one moment, whatever is written meanwhile") {
  SampleFolder folder;
  ResultsReader reader({folder.path()});
  const size_t before = reader.rows("trials").size();
  Store::open(folder.path() / "results.db").remove_trials_not_in({});
  CHECK(reader.rows("trials").size() == before);
  CHECK(ResultsReader({folder.path()}).rows("trials").empty());
}
