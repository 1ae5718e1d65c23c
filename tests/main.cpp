// Runs a folder's tests. A test that cannot run here says why (tests/skip.h) and the exit code is
// 77, which CTest counts as skipped; a failure is never hidden by a skip.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "common/interrupt.h"
#include "tests/skip.h"

int main(int argc, char** argv) {
  rankscope::install_signal_handlers();
  Catch::Session session;
  // A name that matches no test is a failure: CTest would take silence for success.
  session.configData().warnings = Catch::WarnAbout::NoTests;
  const int failures = session.run(argc, argv);
  if (failures != 0) return failures;
  return rankscope::tests::skipped_tests() > 0 ? 77 : 0;
}
