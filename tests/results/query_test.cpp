// Questions: names and SELECTs, and nothing but reading.
#include "results/query.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "common/error.h"
#include "results/row_writers.h"
#include "results/schema.h"
#include "tests/error_text.h"
#include "tests/results/sample.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

std::string refusal(ResultsReader& reader, const std::string& question) {
  return error_text<InputError>([&] { reader.rows(question); });
}

}  // namespace

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
  int long_views = 0;
  for (const View& view : views()) {
    if (view.name != "learning_curves" && view.name != "predictions_scored") continue;
    ++long_views;
    CHECK_THAT(answer(reader, fmt::format("EXPLAIN QUERY PLAN SELECT * FROM {} ORDER BY {}",
                                          view.name, view.order)),
               !Contains("TEMP B-TREE"));
  }
  CHECK(long_views == 2);
  const std::string plan =
      answer(reader, "EXPLAIN QUERY PLAN SELECT * FROM predictions_scored WHERE trial = 'x'");
  CHECK_THAT(plan, Contains("SEARCH p USING PRIMARY KEY (trial=?)"));
}
