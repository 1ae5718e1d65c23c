// Reading: views, SELECTs, several folders, and nothing but reading.
#include "results/query.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "common/error.h"
#include "common/files.h"
#include "results/row_writers.h"
#include "results/schema.h"
#include "results/store.h"
#include "tests/error_text.h"
#include "tests/results/sample.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

std::string answer(ResultsReader& reader, const std::string& question,
                   RowFormat format = RowFormat::kCsv, const Row& parameters = {}) {
  std::string text;
  reader.run(question, *make_row_writer(format, [&](std::string_view t) { text += t; }),
             parameters);
  return text;
}

std::string refusal(ResultsReader& reader, const std::string& question) {
  return error_text<InputError>([&] { reader.rows(question); });
}

// A sweep's folder with the sample in it.
class SampleFolder {
 public:
  SampleFolder() { fill_sample(folder_ / "results.db"); }
  const fs::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("table5 and table6 average over the seeds of a setting and say what is missing") {
  SampleFolder folder;
  ResultsReader reader({folder.path()});
  // 0.25, 0.75 and the base's 0.125 of the diverged seed: mean 0.375, deviations .125, .375, .25.
  const std::string first =
      "SELECT targets, rank, parameters, mean, standard_deviation, n, diverged, missing FROM ";
  for (const char* view : {"table5", "table6"}) {
    CHECK(answer(reader, std::string(first) + view + " WHERE task = 'wikisql' ORDER BY rank") ==
          "targets,rank,parameters,mean,standard_deviation,n,diverged,missing\r\n"
          "Wq,1,1000,0.375,0.33071891388307384,3,1,0\r\n"
          "Wq+Wv,4,4000,0.5,0.0,2,0,0\r\n"
          "Wq,8,8000,,,0,0,1\r\n");
  }
  CHECK(answer(reader, "SELECT count(*) AS n FROM means WHERE method = 'none'") == "n\r\n1\r\n");
}

TEST_CASE("seeds of different settings are never averaged") {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    TrialRecord a = lora_trial("Wq", 1, 0, 0), b = lora_trial("Wq", 1, 1, 1);
    b.config["training.lr"] = "1e-3";
    TrialRecord tuning = lora_trial("Wq", 1, 2, 1);
    tuning.role = "tuning";
    for (const TrialRecord& trial : {a, b, tuning}) store.put_trial(trial);
  }
  ResultsReader reader({folder.path()});
  CHECK(answer(reader, "SELECT mean, n FROM table5 ORDER BY mean") ==
        "mean,n\r\n0.0,1\r\n1.0,1\r\n");
}

TEST_CASE("views name trials, scores, curves, predictions and where they came from") {
  SampleFolder folder;
  ResultsReader reader({folder.path()});
  const std::string where = " WHERE trial = ?";
  const Row trial{"Wq-r1-s2"};
  CHECK(answer(reader,
               "SELECT trial, state, role, method, task, rank, targets, seed, "
               "trainable_parameters, steps, loss, sweep, grp, diverged_at FROM trials" +
                   where,
               RowFormat::kJson, trial) ==
        R"({"trial":"Wq-r1-s2","state":"diverged","role":"scored","method":"lora",)"
        R"("task":"wikisql","rank":1,"targets":"Wq","seed":2,"trainable_parameters":1000,)"
        R"("steps":2,"loss":null,"sweep":"small","grp":"ranks","diverged_at":2})"
        "\n");
  CHECK(answer(reader, "SELECT metric, value, standard_error, count, state FROM scores" + where,
               RowFormat::kCsv,
               trial) == "metric,value,standard_error,count,state\r\nexact,0.125,0.25,2,base\r\n");
  CHECK(answer(reader, "SELECT step, loss, eval_loss FROM learning_curves" + where, RowFormat::kCsv,
               trial) == "step,loss,eval_loss\r\n1,2.5,\r\n2,,0.625\r\n");
  CHECK(answer(reader,
               "SELECT example, metric, outcome, prediction, reference, prompt "
               "FROM predictions_scored" +
                   where + " ORDER BY example, metric LIMIT 3",
               RowFormat::kCsv, trial) ==
        "example,metric,outcome,prediction,reference,prompt\r\n"
        "e1,exact,1.0,SELECT a,SELECT a,Which a?\r\n"
        "e1,rouge1,1.0,SELECT a,SELECT a,Which a?\r\n"
        "e2,exact,0.0,SELECT b,SELECT b FROM table,Which b?\r\n");
  CHECK(answer(reader, "SELECT key, value, number FROM config WHERE trial = ? AND number > 0 ",
               RowFormat::kCsv, trial) ==
        "key,value,number\r\nmethod.rank,1,1.0\r\ntraining.lr,2e-4,0.0002\r\n"
        "training.seed,2,2.0\r\n");
  CHECK(answer(reader, "SELECT key, value FROM environment" + where, RowFormat::kCsv, trial) ==
        "key,value\r\ngit,0123abc\r\ninstruction_set,avx2\r\n");
  CHECK(answer(reader, "SELECT name, value FROM timings" + where, RowFormat::kCsv, trial) ==
        "name,value\r\npeak_memory_mib,300.0\r\ntrain_seconds,12.5\r\n");
  CHECK_THAT(answer(reader, "sweeps"), Contains(",9,6,1,1,0,1\r\n"));
  CHECK_THAT(answer(reader, "datasets"), Contains("d1,wikisql,dev,dev.jsonl,2\r\n"));
}

TEST_CASE("every view can be asked for by name, and unknown names get the nearest") {
  SampleFolder folder;
  ResultsReader reader({folder.path()});
  for (const ViewName& view : view_names()) {
    INFO(view.name);
    CHECK_FALSE(view.description.empty());
    CHECK_FALSE(reader.rows(view.name).empty());
  }
  CHECK_FALSE(reader.rows("prediction").empty());
  CHECK_THAT(refusal(reader, "scoers"), Contains("no view 'scoers'; did you mean 'scores'?"));
}

TEST_CASE("a question can do nothing but read") {
  SampleFolder folder;
  TemporaryFolder other;
  const std::string before = dump(folder.path() / "results.db");
  ResultsReader reader({folder.path()});
  for (const std::string& question :
       std::vector<std::string>{"DELETE FROM trial",
                                "INSERT INTO sweep VALUES ('a', 'b', 'c', 'd')",
                                "UPDATE trial SET state = 'done' RETURNING trial",
                                "DROP TABLE trial",
                                "CREATE TABLE t (a)",
                                "CREATE TEMP TABLE t (a)",
                                "PRAGMA journal_mode = DELETE",
                                "PRAGMA user_version",
                                "SELECT * FROM pragma_user_version",
                                "ATTACH '" + (other / "new.db").string() + "' AS x",
                                "DETACH main",
                                "VACUUM",
                                "COMMIT",
                                "VACUUM INTO '" + (other / "new.db").string() + "'",
                                "BEGIN",
                                "REINDEX",
                                "ANALYZE",
                                "SELECT load_extension('x')",
                                "EXPLAIN DELETE FROM trial",
                                "WITH x AS (SELECT 1) DELETE FROM trial"}) {
    INFO(question);
    CHECK_THROWS_AS(reader.rows(question), InputError);
    CHECK(refusal(reader, question).find('\n') == std::string::npos);
  }
  CHECK(dump(folder.path() / "results.db") == before);
  CHECK(fs::is_empty(other.path()));
  CHECK_THAT(refusal(reader, "DELETE FROM trial"), Contains("a query may only read"));
  CHECK(reader.rows("WITH x(a) AS (VALUES (1), (2)) SELECT sum(a) FROM x")[0][0] ==
        Cell(int64_t{3}));
}

TEST_CASE("a question is one statement") {
  SampleFolder folder;
  ResultsReader reader({folder.path()});
  CHECK_THAT(refusal(reader, "SELECT 1; DELETE FROM trial"), Contains("a query may only read"));
  CHECK_THAT(refusal(reader, "SELECT 1; SELECT 2"), Contains("several statements"));
  CHECK_THAT(refusal(reader, "SELECT 1; nonsense"), Contains("syntax error"));
  CHECK_THAT(refusal(reader, ""), Contains("the query is empty"));
  CHECK_THAT(refusal(reader, " -- nothing"), Contains("the query is empty"));
  CHECK_THAT(refusal(reader, std::string("SELECT 1\0 x", 11)), Contains("zero byte"));
  CHECK_THAT(refusal(reader, "SELECT zeroblob(300000000)"), Contains("too big"));
  CHECK_THAT(refusal(reader, "SELECT ?"), Contains("1 parameters, but 0 values"));
  CHECK_THAT(refusal(reader, "SELECT colour FROM trials"), Contains("no such column: colour"));
  CHECK(reader.rows("SELECT 1; -- done\n ;").size() == 1);
}

TEST_CASE("millions of rows flow through one row's memory") {
  SampleFolder folder;
  ResultsReader reader({folder.path()});
  struct Count : RowSink {
    void begin(const std::vector<std::string>&) override {}
    void row(const Row& cells) override {
      // The row of a reader that collected would not be the same one each time.
      if (seen == nullptr) seen = &cells;
      same = same && seen == &cells;
      ++rows;
    }
    void end() override { ended = true; }
    const Row* seen = nullptr;
    bool same = true, ended = false;
    int64_t rows = 0;
  } count;
  reader.run(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) "
      "SELECT i FROM n",
      count);
  CHECK(count.rows == 2'000'000);
  CHECK(count.same);
  CHECK(count.ended);
}

TEST_CASE("aggregate views look at no prediction and no curve, and long views need no sorting") {
  SampleFolder folder;
  ResultsReader reader({folder.path()});
  for (const char* view : {"trials", "scores", "means", "table5", "table6", "sweeps", "timings"}) {
    INFO(view);
    // The plan names tables as the view does: prediction p, curve_point c, example e.
    for (const Row& row : reader.rows(std::string("EXPLAIN QUERY PLAN SELECT * FROM ") + view)) {
      const std::string& step = std::get<std::string>(row[3]);
      INFO(step);
      CHECK_FALSE((step == "SCAN p" || step == "SCAN c" || step == "SCAN e"));
    }
  }
  for (const View& view : views()) {
    if (view.name != "learning_curves" && view.name != "predictions_scored") continue;
    CHECK_THAT(answer(reader, fmt::format("EXPLAIN QUERY PLAN SELECT * FROM {} ORDER BY {}",
                                          view.name, view.order)),
               !Contains("TEMP B-TREE"));
  }
  const std::string plan =
      answer(reader, "EXPLAIN QUERY PLAN SELECT * FROM predictions_scored WHERE trial = 'x'");
  CHECK_THAT(plan, Contains("SEARCH p USING PRIMARY KEY (trial=?)"));
}

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
