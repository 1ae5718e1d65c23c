#include <catch2/catch.hpp>

#include "results/query.h"
#include "results/store.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

TEST_CASE(
    "two trials are compared on their examples, and claims and reports are made of any sweep") {
  const std::filesystem::path out = shared_sweep().out("undisturbed");
  const std::vector<Row> trials = ResultsReader({out}).rows(
      "SELECT trial FROM trials WHERE role = 'scored' AND task = 'pick' AND state = 'done' ORDER "
      "BY trial");
  const std::string left = std::get<std::string>(trials.at(0).at(0)),
                    right = std::get<std::string>(trials.at(1).at(0));
  for (const Json& line : json_lines(run_program({"compare", out, left, right, "--json"}))) {
    const auto value = [&](const std::string& trial) {
      return std::get<double>(ResultsReader({out})
                                  .rows("SELECT value FROM scores WHERE trial = '" + trial +
                                        "' AND metric = '" + line.at("metric").get<std::string>() +
                                        "'")
                                  .at(0)
                                  .at(0));
    };
    CHECK(line.at("left").get<double>() == Approx(value(left)));
    CHECK(line.at("difference").get<double>() == Approx(value(left) - value(right)).margin(1e-12));
    CHECK(line.at("examples") == 6);
    CHECK(line.at("low") <= line.at("difference"));
  }
  check_refused(run_program({"compare", out, left, left}), "both are trial " + left);
  check_refused(run_program({"compare", out, "zz", right}), "there is no scored trial 'zz' in");

  const std::vector<Json> claims = json_lines(run_program({"claims", out, "--json"}));
  CHECK(claims.size() >= 8);
  for (const Json& claim : claims) CHECK(claim.at("verdict") == "not run");

  const Json report =
      json_lines(run_program({"report", out, "--out", shared_sweep().out("report"), "--json"}))
          .at(0);
  CHECK(std::filesystem::exists(report.at("report").get<std::string>()));
  CHECK(report.at("tables") > 5);
}

TEST_CASE("trials of two data sets are not compared, though their examples have the same ids") {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"small", "name: small\n", "base", "hash"});
    for (const std::string name : {"one", "two", "again"}) {
      const std::string dataset = name == "two" ? "two" : "one";
      store.put_dataset({dataset, "own", "dev", dataset + ".jsonl", {}});
      TrialRecord trial;
      trial.trial = "trial-" + name;
      trial.sweep = "small";
      trial.state = "done";
      trial.role = "scored";
      trial.task = "own";
      trial.dataset = dataset;
      for (const char* example : {"dev:1", "dev:2", "dev:3"})
        trial.predictions.push_back({example, "yes", {{"exact", example[4] == '1'}}});
      store.put_trial(trial);
    }
  }
  const std::string out = folder.path().string();
  CHECK(json_lines(run_program({"compare", out, "trial-o", "trial-a", "--json"}))
            .at(0)
            .at("examples") == 3);
  check_refused(run_program({"compare", out, "trial-one", "trial-two"}),
                "trial trial-one was scored on own one.jsonl (data set 'one'), trial trial-two on "
                "own two.jsonl");
  check_refused(run_program({"compare", out, "trial-one", "trial"}),
                "3 trials begin with 'trial': 'trial-again', 'trial-one', ...");
}
