#include <catch2/catch.hpp>

#include "results/query.h"
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
  CHECK(json_lines(run_program({"compare", out, left, left, "--json"})).at(0).at("difference") ==
        0);
  check_refused(run_program({"compare", out, "zz", right}), "no scored trial is called 'zz'");

  const std::vector<Json> claims = json_lines(run_program({"claims", out, "--json"}));
  CHECK(claims.size() >= 8);
  for (const Json& claim : claims) CHECK(claim.at("verdict") == "not run");

  const Json report =
      json_lines(run_program({"report", out, "--out", shared_sweep().out("report"), "--json"}))
          .at(0);
  CHECK(std::filesystem::exists(report.at("report").get<std::string>()));
  CHECK(report.at("tables") > 5);
}
