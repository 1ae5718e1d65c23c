// Runs a folder's tests. The exit code is 1 where something failed, however often: Catch2's own is
// the number of failures. A test that cannot run here says why (tests/skip.h), and the code is 77,
// which CTest counts as skipped; a failure is never hidden by a skip.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "common/interrupt.h"
#include "tests/skip.h"

int main(int argc, char** argv) {
  rankscope::install_signal_handlers();
  // Some tests run the program as another user, who must be able to read what they made.
  ::umask(022);
  Catch::Session session;
  // A name that matches no test is a failure: CTest would take silence for success.
  session.configData().warnings = Catch::WarnAbout::NoTests;
  if (session.applyCommandLine(argc, argv) != 0) return 1;
  const int result = session.run();
  // Of a listing it is the number of tests, by which discover.cmake sees that none is missing.
  if (session.configData().listTestNamesOnly) return result;
  if (result != 0) return 1;
  return rankscope::tests::skipped_tests() > 0 ? 77 : 0;
}
