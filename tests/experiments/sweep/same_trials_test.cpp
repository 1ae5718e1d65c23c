// Trials that two entries of a sweep file share.
#include <catch2/catch.hpp>

#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

TEST_CASE("a limit beyond the examples that there are is told of, of what it limits") {
  const SmallSweep& sweep = shared_sweep();
  const auto told = [&](const std::string& limit) {
    const ProgramResult result = sweep.run(
        "limits",
        {"tasks.write.train.limit=" + limit, "--dry-run", "groups=[{method: lora, tasks: write}]"});
    INFO(result.err);
    CHECK(result.exit_code == 0);
    return result.err;
  };
  CHECK_THAT(told("8000"),
             Catch::Contains("task 'write': train has 16 examples, fewer than its limit of 8,000"));
  CHECK_THAT(told("16"), !Catch::Contains("fewer than its limit"));
}

TEST_CASE("two tasks that differ in their names alone are told of") {
  const SmallSweep& sweep = shared_sweep();
  const auto told = [&](const std::string& limit) {
    const std::string twin =
        "tasks.twin={task: own, train: {data: " + sweep.data("write_train.jsonl").string() +
        ", limit: " + limit + "}, score: {data: " + sweep.data("write_dev.jsonl").string() +
        ", limit: 6, max_new: 8}, tune: {limit: 4}}";
    const ProgramResult result = sweep.run("twins", {twin, "--dry-run"});
    INFO(result.err);
    CHECK(result.exit_code == 0);
    return result.err;
  };
  CHECK_THAT(told("12"), Catch::Contains("task 'twin': 6 of its trials are also in task 'write', "
                                         "where data and settings are the same"));
  // Of another training set the base alone is the same.
  CHECK_THAT(told("11"), Catch::Contains("task 'twin': 1 of its trials is also in task 'write'"));
  CHECK(sweep.run("twins", {"--dry-run"}).err.find("of its trials") == std::string::npos);
}
