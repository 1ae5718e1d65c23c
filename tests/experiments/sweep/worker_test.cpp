// What `run` says of workers: how they ended, and what they warned of.
#include "experiments/sweep/worker.h"

#include <catch2/catch.hpp>

#include "common/files.h"
#include "tests/experiments/sweep/small_sweep.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

TEST_CASE("a fault of the machine whose message could not be written asks for the disk's space") {
  const TemporaryFolder folder;
  const std::filesystem::path log = folder / "log.txt";
  const auto unsaid = [&] {
    CHECK_THAT(worker_error(3, log),
               Catch::StartsWith("ended with exit code 3, a fault of the machine whose message") &&
                   Catch::Contains("could not be written to '" + log.string() + "'") &&
                   Catch::Contains("is free on its disk"));
  };
  unsaid();
  write_file_atomically(log, "");
  unsaid();
  CHECK(worker_error(1, log) == "ended with exit code 1");
  // The disk was full later.
  write_file_atomically(log, "read 3 examples\n");
  unsaid();
  CHECK(worker_error(1, log) == "read 3 examples");
  write_file_atomically(log, "read 3 examples\nrankscope: cannot write 'curve.jsonl'\n");
  for (const int code : {1, 3}) CHECK(worker_error(code, log) == "cannot write 'curve.jsonl'");
}

TEST_CASE("what workers warn of is said once by `run`, then for how many, and stays in the log") {
  const SmallSweep& sweep = shared_sweep();
  const std::string sentence = "all 2 steps have fewer tokens";
  const auto count_in = [&](const std::string& text) {
    int count = 0;
    for (std::size_t at = 0; (at = text.find(sentence, at)) != std::string::npos; ++at) ++count;
    return count;
  };
  const std::vector<std::string> words = {
      "groups=[{name: short, method: lora, rank: 1, tasks: write}]", "analysis={}",
      "training.steps=2", "training.warmup_tokens=1000000"};
  const auto run = [&](const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> all = words;
    all.insert(all.end(), more.begin(), more.end());
    const ProgramResult result = sweep.run(name, all);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return result.err;
  };
  const std::string one = run("warned-once", {"seeds=[1]"});
  CHECK(count_in(one) == 1);
  CHECK_THAT(one, Catch::Contains("warning: the worker of "));
  // Three trainings, each by a worker of its own, and all by one.
  for (const std::vector<std::string>& how :
       {std::vector<std::string>{"--workers", "2"}, {"--workers", "1", "--pack-trials", "3"}}) {
    const std::string name = "warned-by-" + how[1];
    std::vector<std::string> more = how;
    more.push_back("seeds=[1, 2, 3]");
    const std::string several = run(name, more);
    INFO(several);
    CHECK(count_in(several) == 2);
    CHECK_THAT(several, Catch::Contains("warning: the workers of 3 trials in all: warmup_tokens="));
    int logged = 0;
    for (const Json& trial : trials_of(sweep.out(name)))
      if (const auto log = eval_folder(sweep.out(name), trial) / "log.txt";
          std::filesystem::exists(log))
        logged += count_in(read_text_file(log));
    CHECK(logged == 3);
  }
}
