// Pieces of work on several threads.
#include <catch2/catch.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/parallel.h"
#include "tests/skip.h"

namespace rankscope::tests {
namespace {

// Whether each of 1,000 pieces is done once.
bool each_is_done_once(int threads) {
  std::vector<int> done(1000);
  parallel_for(done.size(), threads, [&](std::size_t i) { ++done[i]; });
  return std::ranges::all_of(done, [](int times) { return times == 1; });
}

TEST_CASE("every piece is done once, and the first failure is thrown") {
  CHECK(each_is_done_once(8));
  CHECK_THROWS_WITH(parallel_for(9, 3,
                                 [](std::size_t i) {
                                   if (i > 4) throw std::runtime_error(std::to_string(i));
                                 }),
                    "5");
}

TEST_CASE("what the machine starts of the threads does all pieces") {
  if (kReservesAddresses) RANKSCOPE_SKIP("a sanitizer needs more addresses than the limit leaves");
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{std::uint64_t{1} << 30, std::uint64_t{1} << 30};  // a stack takes 2 MiB
    bool done = false;
    try {
      done = setrlimit(RLIMIT_AS, &limit) == 0 && each_is_done_once(1000);
    } catch (const std::exception&) {
    }
    _exit(done ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace rankscope::tests
