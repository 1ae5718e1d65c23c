// What `run` says of a worker that ended badly.
#include "experiments/sweep/worker.h"

#include <catch2/catch.hpp>

#include "common/files.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

TEST_CASE("a fault of the machine whose message could not be written asks for the disk's space") {
  const TemporaryFolder folder;
  const std::filesystem::path log = folder / "log.txt";
  const auto unsaid = [&] {
    CHECK(worker_error(1, log) == "ended with exit code 1");
    CHECK_THAT(worker_error(3, log),
               Catch::StartsWith("ended with exit code 3, a fault of the machine whose message") &&
                   Catch::Contains("could not be written to '" + log.string() + "'") &&
                   Catch::Contains("is free on its disk"));
  };
  unsaid();
  write_file_atomically(log, "");
  unsaid();
  write_file_atomically(log, "read 3 examples\nrankscope: cannot write 'curve.jsonl'\n");
  for (const int code : {1, 3}) CHECK(worker_error(code, log) == "cannot write 'curve.jsonl'");
}
