// Trials by their ids, and by the beginnings of these.
#include <catch2/catch.hpp>

#include <algorithm>

#include "common/error.h"
#include "experiments/sweep/sweep_folder.h"
#include "tests/error_text.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

TEST_CASE("a trial is found by its id, and by a beginning that no other has") {
  const Manifest manifest =
      read_manifest(rankscope::SweepFolder(shared_sweep().out("undisturbed")));
  REQUIRE(manifest.trials.size() == SmallSweep::kTrials);
  std::size_t ambiguous = 0;
  for (const Trial& trial : manifest.trials) {
    CHECK(&find_trial(manifest, trial.id()) == &trial);
    const std::string begin = trial.id().substr(0, 1);
    const auto alike = std::ranges::count_if(
        manifest.trials, [&](const Trial& other) { return other.id().starts_with(begin); });
    if (alike == 1) {
      CHECK(&find_trial(manifest, begin) == &trial);
      continue;
    }
    ++ambiguous;
    CHECK_THAT(error_text<InputError>([&] { find_trial(manifest, begin); }),
               Catch::StartsWith("several trials begin with '" + begin + "': " + begin) &&
                   Catch::EndsWith("; give more of the id"));
  }
  CHECK(ambiguous > 0);  // more trials than digits
  const std::string id = manifest.trials.back().id();
  CHECK_THAT(error_text<InputError>([&] { find_trial(manifest, id + "0"); }),
             Catch::Contains("has no trial '" + id + "0'; did you mean '" + id + "'?"));
  CHECK_THAT(error_text<InputError>([&] { find_trial(manifest, ""); }),
             Catch::StartsWith("the sweep has no trial ''"));
}
