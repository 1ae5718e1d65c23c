// Analyses in the database, and the published numbers beside them.
#include <catch2/catch.hpp>

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/error.h"
#include "results/phi_blob.h"
#include "results/published.h"
#include "results/store.h"
#include "tests/error_text.h"
#include "tests/results/sample.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

struct Filled {
  Filled() {
    fill_sample(folder / "results.db");
    fill_analyses(folder / "results.db");
  }
  std::vector<Row> ask(const std::string& question) const {
    return ResultsReader({folder.path()}).rows(question);
  }
  TemporaryFolder folder;
};

}  // namespace

TEST_CASE("similarities are named by both sides, and their matrices come back bit for bit") {
  const Filled filled;
  const std::vector<Row> rows = filled.ask(
      "SELECT s.relation, s.rank_one, s.seed_other, s.mean_excess, s.reason, b.phi FROM "
      "similarities s JOIN "
      "similarity b ON b.one = s.one AND b.other = s.other AND b.directions = s.directions "
      "WHERE s.directions = 'a' AND s.relation = 'seeds'");
  REQUIRE(rows.size() == 1);
  CHECK(std::get<std::string>(rows[0][0]) == "seeds");
  CHECK(std::get<int64_t>(rows[0][1]) == 1);
  CHECK(std::get<int64_t>(rows[0][2]) == 1);
  CHECK(std::get<double>(rows[0][3]) == 0.25);
  CHECK(std::get<std::string>(rows[0][4]) == "j = 2: equal");
  const std::vector<float> phi = floats_of_blob(std::get<std::string>(rows[0][5]), 2);
  CHECK(phi[0] == 0.5f);
  CHECK(std::isnan(phi[1]));
  // The base is no trial: it has neither rank nor seed.
  CHECK(std::holds_alternative<std::monostate>(
      filled.ask("SELECT rank_other FROM similarities WHERE relation = 'base'").at(0).at(0)));
}

TEST_CASE("a stored matrix of another size, or that is none, is refused") {
  for (const char* blob :
       {"X'0000003F'", "X'0000003F0000'", "0000003F00000040", "X'0000003FZZ000040'", ""})
    CHECK_THROWS_AS(floats_of_blob(blob, 2), InputError);
  CHECK(floats_of_blob("X'0000003f00000040'", 2) == std::vector<float>{0.5f, 2.0f});
  CHECK_THROWS_AS(floats_of_blob("X''", -1), InputError);
}

TEST_CASE("Table 7 is a row for each trial and site that has it, with what is missing as NULL") {
  const Filled filled;
  const std::vector<Row> rows = filled.ask(
      "SELECT trial, layer, site, projected, projected_random, projected_weight FROM "
      "amplifications");
  REQUIRE(rows.size() == 1);
  CHECK(std::get<std::string>(rows[0][0]) == "Wq-r1-s0");
  CHECK(std::get<double>(rows[0][3]) == 0.25);
  CHECK(std::holds_alternative<std::monostate>(rows[0][5]));
  CHECK(std::get<std::string>(filled.ask(
            "SELECT reason FROM adapter_values WHERE quantity = 'projected_weight'")[0][0]) ==
        "W's values are equal");
}

TEST_CASE("an analysis is found by its stamp, replaced whole, and goes with its trials") {
  const Filled filled;
  const std::filesystem::path db = filled.folder / "results.db";
  Store store = Store::open(db);
  CHECK(store.analysis_stamp("Wq-r1-s0", "") == "adapter");
  CHECK(store.analysis_stamp("Wq-r1-s0", "Wq-r1-s1") == "pair");
  CHECK(store.analysis_stamp("Wq-r1-s0", "base").empty());
  CHECK(store.has_chance(1, 2, 8));
  CHECK_FALSE(store.has_chance(2, 1, 8));

  store.put_similarity({.one = "Wq-r1-s0",
                        .other = "Wq-r1-s1",
                        .relation = "seeds",
                        .stamp = "new",
                        .sites = {{1, "Wk", "a", 1, 1, 8, {0.5f}, "", {}, {}, {}, {}}}});
  CHECK(store.analysis_stamp("Wq-r1-s0", "Wq-r1-s1") == "new");
  CHECK(filled.ask("SELECT * FROM similarity WHERE other = 'Wq-r1-s1'").size() == 1);

  // A trial that is stored anew keeps its analysis; one that goes takes it along.
  store.put_trial(lora_trial("Wq", 1, 0, 0.5));
  CHECK(store.analysis_stamp("Wq-r1-s0", "") == "adapter");
  store.remove_trials_not_in({"Wq-r1-s1", "base"});
  CHECK(store.analysis_stamp("Wq-r1-s0", "").empty());
  CHECK(store.analysis_stamp("Wq-r1-s0", "Wq-r1-s1").empty());
  CHECK(store.analysis_stamp("Wq-r1-s1", "base") == "base");
  CHECK(filled.ask("SELECT * FROM analysis_value").empty());
  CHECK(filled.ask("SELECT * FROM spectrum_value").empty());
  CHECK_FALSE(store.has_chance(1, 2, 8));
  store.remove_analyses_not_in({});
  CHECK(filled.ask("SELECT * FROM similarity").empty());
}

TEST_CASE("an analysis that contradicts itself is refused and leaves what was there") {
  const Filled filled;
  Store store = Store::open(filled.folder / "results.db");
  CHECK(error_text<InputError>([&] {
          store.put_adapter({.trial = "Wq-r1-s0",
                             .stamp = "twice",
                             .values = {{0, "Wq", "scale", 1, ""}, {0, "Wq", "scale", 2, ""}},
                             .spectra = {}});
        }).find("scale of Wq in layer 0 stands in one analysis twice") != std::string::npos);
  CHECK_THROWS_AS(
      store.put_similarity({.one = "Wq-r1-s0",
                            .other = "Wq-r1-s1",
                            .relation = "seeds",
                            .stamp = "short",
                            .sites = {{0, "Wq", "a", 2, 2, 8, {1, 1, 1}, "", {}, {}, {}, {}}}}),
      InputError);
  CHECK(store.analysis_stamp("Wq-r1-s0", "") == "adapter");
  CHECK(store.analysis_stamp("Wq-r1-s0", "Wq-r1-s1") == "pair");
}

TEST_CASE("the published numbers stand in every database, as the paper prints them") {
  const Filled filled;
  const auto value = [&](const std::string& where) {
    return filled.ask("SELECT value, printed, spread FROM published WHERE " + where);
  };
  const std::vector<Row> table5 =
      value("source = 'table5' AND setting = 'rank=4;targets=Wq+Wv' AND task = 'wikisql'");
  REQUIRE(table5.size() == 1);
  CHECK(std::get<double>(table5[0][0]) == 73.7);
  CHECK(std::get<double>(table5[0][2]) == 0.5);
  const std::vector<Row> table7 = value(
      "source = 'table7' AND setting = 'rank=4;layer=48;matrix=Wq;directions=dWq' AND metric = "
      "'frobenius'");
  REQUIRE(table7.size() == 1);
  CHECK(std::get<std::string>(table7[0][1]) == "0.32");
  CHECK(filled.ask("SELECT DISTINCT source FROM published").size() == 21);
  CHECK(filled.ask("SELECT * FROM published").size() == published_numbers().size());

  // A database of another program version gets this one's.
  {
    SQLite::Database database((filled.folder / "results.db").string(), SQLite::OPEN_READWRITE);
    database.exec(
        "UPDATE publication SET printed = '0.33', value = 0.33 WHERE source = 'table7' AND "
        "position = "
        "(SELECT min(position) FROM publication WHERE source = 'table7')");
  }
  { Store store = Store::open(filled.folder / "results.db"); }
  CHECK(filled
            .ask("SELECT * FROM published WHERE printed = '0.33' AND source = 'table7' AND value = "
                 "0.33")
            .size() == static_cast<std::size_t>(
                           std::ranges::count_if(published_numbers(), [](const PublishedNumber& n) {
                             return n.source == "table7" && n.printed == "0.33";
                           })));
}

TEST_CASE("a published number of which any column was changed is written anew") {
  const Filled filled;
  const std::filesystem::path db = filled.folder / "results.db";
  const std::string whole = dump(db);
  for (const char* change :
       {"parameters = parameters + 1 WHERE parameters IS NOT NULL",
        "parameters = NULL WHERE parameters IS NOT NULL", "parameters = 7 WHERE parameters IS NULL",
        "spread = spread + 1 WHERE spread IS NOT NULL", "spread = 0.5 WHERE spread IS NULL",
        "value = value + 1 WHERE value IS NOT NULL", "note = note || 'x'"}) {
    INFO(change);
    SQLite::Database(db.string(), SQLite::OPEN_READWRITE)
        .exec(std::string("UPDATE publication SET ") + change);
    REQUIRE(dump(db) != whole);
    { Store store = Store::open(db); }
    CHECK(dump(db) == whole);
  }
  for (const char* change :
       {"DELETE FROM publication WHERE source = 'table5'",
        "INSERT INTO publication SELECT 'z', position, model, method, setting, parameters, task, "
        "metric, value, printed, spread, spread_kind, unit, note FROM publication LIMIT 1"}) {
    INFO(change);
    SQLite::Database(db.string(), SQLite::OPEN_READWRITE).exec(change);
    REQUIRE(dump(db) != whole);
    { Store store = Store::open(db); }
    CHECK(dump(db) == whole);
  }
}

TEST_CASE(
    "a file of published numbers is read after RFC 4180, and a fault is named with its line") {
  const std::string header =
      "model,method,setting,parameters,task,metric,value,spread,spread_kind,unit,note\n";
  const auto numbers = read_published(
      "t", header + "m,lora,rank=1,10,wikisql,accuracy,70.0,0.5,seeds,%,\"a \"\"b\"\", c\"\n");
  REQUIRE(numbers.size() == 1);
  CHECK(numbers[0].note == "a \"b\", c");
  CHECK(numbers[0].printed == "70.0");
  CHECK_FALSE(read_published("t", header + "m,,,,,,,,,,\n")[0].value);
  CHECK(error_text<std::runtime_error>([&] {
          read_published("t", header + "m,lora\n");
        }).find("t.csv:2") == 0);
  CHECK(error_text<std::runtime_error>([&] {
          read_published("t", header + "m,,,x,,,,,,,\n");
        }).find("'x' is no number") != std::string::npos);
  CHECK_THROWS_AS(read_published("t", "model\n"), std::runtime_error);
}
