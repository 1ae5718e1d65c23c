// `query`, `show` and `export` as a user runs them, on databases made by the store.
#include <signal.h>

#include <catch2/catch.hpp>
#include <map>

#include "common/files.h"
#include "common/json.h"
#include "experiments/cli/sparkline.h"
#include "results/query.h"
#include "results/store.h"
#include "tests/experiments/program.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

TrialRecord trial_named(const std::string& name, double exact) {
  TrialRecord t;
  t.trial = name;
  t.sweep = "small";
  t.state = "done";
  t.role = "scored";
  t.method = "lora";
  t.task = "own";
  t.targets = "Wq";
  t.rank = 4;
  t.trainable_parameters = 1234;
  t.loss = 0.5;
  t.config = {{"training.lr", "2e-4"}, {"method.rank", "4"}};
  t.environment = {{"git", "abc"}};
  t.timings = {{"train_seconds", 2.5}};
  t.dataset = "d";
  for (int64_t step = 1; step <= 100; ++step)
    t.curve.push_back({step, 10.0 / static_cast<double>(step), 2e-4, 1.0, 10, 5, {}});
  t.metrics = {{"exact", exact, 0.1, 12, "ok"}};
  for (int i = 0; i < 12; ++i)
    t.predictions.push_back(
        {"e" + std::to_string(i), "answer\x1b " + std::to_string(i), {{"exact", i % 2}}});
  return t;
}

// The folder of a sweep with two trials.
class SweepFolder {
 public:
  SweepFolder() {
    Store store = Store::open(folder_ / "results.db");
    store.put_sweep({"small", "name: small\n", "base", "hash"});
    DatasetRecord dataset{"d", "own", "test", "test.jsonl", {}};
    for (int i = 0; i < 12; ++i)
      dataset.examples.push_back(
          {"e" + std::to_string(i), "question " + std::to_string(i), "truth " + std::to_string(i)});
    store.put_dataset(dataset);
    store.put_trial(trial_named("aa11", 0.25));
    store.put_trial(trial_named("aa22", 0.75));
  }
  std::string path() const { return folder_.path().string(); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  TemporaryFolder folder_;
};

std::string out_of(const std::vector<std::string>& arguments) {
  const ProgramResult result = run_program(arguments);
  CAPTURE(result.err);
  CHECK(result.exit_code == 0);
  return result.out;
}

// One line on standard error, nothing else, exit code 2.
std::string refusal_of(const std::vector<std::string>& arguments) {
  const ProgramResult result = run_program(arguments);
  CAPTURE(result.err);
  CHECK(result.exit_code == 2);
  CHECK(result.err_lines().size() == 1);
  CHECK(result.out.empty());
  return result.err;
}

}  // namespace

TEST_CASE("query answers a view or a SELECT in four formats") {
  SweepFolder sweep;
  const std::string sql = "SELECT trial, value FROM scores ORDER BY trial";
  CHECK(out_of({"query", sweep.path(), sql}) ==
        "trial  value\n-----  -----\naa11    0.25\naa22    0.75\n");
  CHECK(out_of({"query", sweep.path(), sql, "--format", "csv"}) ==
        "trial,value\r\naa11,0.25\r\naa22,0.75\r\n");
  CHECK(out_of({"query", sweep.path(), sql, "--format", "markdown"}) ==
        "| trial | value |\n|---|---|\n| aa11 | 0.25 |\n| aa22 | 0.75 |\n");
  for (const std::vector<std::string>& json :
       {std::vector<std::string>{"--json"}, {"--format", "json"}}) {
    std::vector<std::string> arguments{"query", sweep.path(), "scores"};
    arguments.insert(arguments.end(), json.begin(), json.end());
    const std::string text = out_of(arguments);
    const Json first = Json::parse(text.substr(0, text.find('\n')));
    CHECK(first.at("trial") == "aa11");
    CHECK(first.at("value") == 0.25);
  }
  CHECK_THAT(out_of({"query", sweep.path()}),
             Contains("table5") && Contains("every metric of every trial"));
  CHECK(out_of({"query", sweep.path(), "--format", "csv"}).starts_with("view,description\r\n"));
  const std::string listed = out_of({"query", sweep.path()});
  for (const ViewName& view : view_names()) CHECK_THAT(listed, Contains(view.description));
  CHECK(out_of({"query", sweep.path(), "--format", "markdown"})
            .starts_with("| view | description |\n"));
}

TEST_CASE("query reads several folders as one") {
  SweepFolder a, b;
  CHECK(out_of({"query", a.path(), b.path(), "SELECT count(*) AS n FROM trials"}) == "n\n-\n4\n");
}

TEST_CASE("words in brackets are not taken apart") {
  SweepFolder sweep;
  TemporaryFolder parent;
  std::filesystem::copy(sweep.path(), parent / "[a,b]", std::filesystem::copy_options::recursive);
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(parent.path());
  CHECK(out_of({"query", "[a,b]", "SELECT count(*) AS n FROM trials"}) == "n\n-\n2\n");
  for (const char* command : {"claims", "report"})
    CHECK_THAT(refusal_of({command, "[c,d]"}), Contains("there is no folder '[c,d]'"));
  std::filesystem::current_path(before);
  const std::string file = RANKSCOPE_SOURCE_DIR "/experiments/quickstart.yaml";
  CHECK_THAT(refusal_of({"run", file, "[seeds=1,base=x]", "--dry-run"}),
             Contains("'[seeds=1,base=x]'"));
}

TEST_CASE("query refuses in one line what it cannot answer") {
  SweepFolder sweep;
  TemporaryFolder empty;
  CHECK_THAT(refusal_of({"query", sweep.path(), "scroes"}), Contains("did you mean 'scores'?"));
  CHECK_THAT(refusal_of({"query", sweep.path(), "SELECT\nnonsense\x1b[2J FROM"}),
             Contains("rankscope query DIR"));
  CHECK_THAT(refusal_of({"query", sweep.path(), "DELETE FROM trial"}),
             Contains("a query may only read"));
  CHECK_THAT(refusal_of({"query", sweep.path(), ""}), Contains("the query is empty"));
  CHECK_THAT(refusal_of({"query", empty.path().string(), "trials"}),
             Contains("there is no results.db in"));
  CHECK_THAT(refusal_of({"query", sweep.path("no"), "trials"}), Contains("there is no folder"));
  CHECK_THAT(refusal_of({"query", sweep.path("no")}), Contains("there is no folder"));
  CHECK_THAT(refusal_of({"query", sweep.path(), sweep.path("no")}), Contains("there is no folder"));
  CHECK_THAT(refusal_of({"query"}), Contains("required"));
  CHECK_THAT(refusal_of({"query", sweep.path(), "trials", "--format", "xml"}), Contains("xml"));
  CHECK_THAT(refusal_of({"query", sweep.path(), "trials", "--format", "csv", "--json"}),
             Contains("excludes --json"));
  write_file_atomically(sweep.path("results.db"), std::string(9000, 'x'));
  CHECK_THAT(refusal_of({"query", sweep.path(), "trials"}), Contains("rankscope collect"));
}

TEST_CASE("query stops at a full disk and at a signal") {
  SweepFolder sweep;
  const std::string endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
  ProgramOptions full;
  full.out_file = "/dev/full";
  const ProgramResult no_room = run_program({"query", sweep.path(), endless}, full);
  CHECK(no_room.exit_code == 3);
  CHECK_THAT(no_room.err, Contains("cannot write to standard output"));

  ProgramOptions interrupt;
  interrupt.signal_after_lines = 10;
  interrupt.signal = SIGINT;
  CHECK(run_program({"query", sweep.path(), endless}, interrupt).exit_code == 130);
}

TEST_CASE("show prints a trial with its configuration, curve and ten predictions") {
  SweepFolder sweep;
  const std::string text = out_of({"show", sweep.path(), "aa2"});
  for (const char* part : {"aa22", "training.lr", "2e-4", "train_seconds", "0.75",
                           "loss over 100 steps, 10.0000 to 0.1000", "question 9", "truth 9",
                           "answer\\x1b 9", R"({"exact":1.0})"})
    CHECK_THAT(text, Contains(part));
  CHECK_THAT(text, !Contains("question 10") && !Contains("\x1b"));

  std::map<std::string, int> parts;
  for (const std::string& line : run_program({"show", sweep.path(), "aa22", "--json"}).out_lines())
    ++parts[Json::parse(line).at("part").get<std::string>()];
  CHECK(parts == std::map<std::string, int>{{"trial", 1},
                                            {"config", 2},
                                            {"environment", 1},
                                            {"timings", 1},
                                            {"curve", 100},
                                            {"metrics", 1},
                                            {"predictions", 10}});
}

TEST_CASE("show takes a unique beginning of a trial's name, and names the nearest otherwise") {
  SweepFolder sweep;
  CHECK_THAT(refusal_of({"show", sweep.path(), "aa"}),
             Contains("2 trials begin with 'aa': 'aa11', 'aa22'"));
  CHECK_THAT(refusal_of({"show", sweep.path(), "aa12"}), Contains("did you mean 'aa11'?"));
  CHECK_THAT(refusal_of({"show", sweep.path(), "zz\x1b"}), Contains("no trial 'zz\\x1b'"));
}

TEST_CASE("export writes a CSV file for each view, all or none") {
  SweepFolder sweep;
  out_of({"export", sweep.path(), "--out", sweep.path("out")});
  CHECK(read_bytes(sweep.path("out/scores.csv"))
            .starts_with("trial,metric,value,standard_error,count,state,"));
  const std::vector<std::string> names = names_below(sweep.path("out"));
  CHECK(names.size() == 18);
  CHECK_THAT(refusal_of({"export", sweep.path(), "--out", sweep.path("out")}),
             Contains("File exists; give another --out folder"));

  ProgramOptions full;
  full.file_size_limit = 2000;
  const ProgramResult no_room =
      run_program({"export", sweep.path(), "--out", sweep.path("other")}, full);
  CHECK(no_room.exit_code == 3);
  CHECK_THAT(no_room.err, Contains("disk full"));
  CHECK(names_below(sweep.path("other")).empty());
}

TEST_CASE("a sparkline averages equal shares and marks what is not finite") {
  CHECK(sparkline(std::vector<std::optional<double>>{0, 0, 7, 7}, 2) == "▁█");
  CHECK(sparkline(std::vector<std::optional<double>>{1, {}, 3}, 10) == "▁!█");
  CHECK(sparkline(std::vector<std::optional<double>>{2, 2}, 10) == "▁▁");
  CHECK(sparkline(std::vector<std::optional<double>>{{}}, 10) == "!");
  CHECK(sparkline({}, 10).empty());
}
