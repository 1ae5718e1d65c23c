// What a training run says to who started it.
#include "experiments/train_run.h"

#include <catch2/catch.hpp>

using namespace rankscope;

TEST_CASE("a run says how long its longest example is, special tokens included") {
  const LoadedExamples examples = made_examples({{{1, 2, 3}, {4}}, {{5}, {6, 7, 8, 9, 10}}});
  int64_t longest = 0;
  TrainRunOptions run;
  run.model = RANKSCOPE_SOURCE_DIR "/datasets/embedded/base";
  run.data = &examples;
  run.method = "prefix_embed";
  run.settings.add("prefix=3");
  run.steps = 1;
  run.device.threads = 1;
  run.longest_example = &longest;
  run_training(run, [](const TrainProgress&) {});
  CHECK(longest == 6 + 3);
}
