// What `run` says of its trials and of the time that is left.
#include <catch2/catch.hpp>

#include "experiments/sweep/live_view.h"

using namespace rankscope;

TEST_CASE("trials that failed, or were never tried, are no work that is done") {
  WorkDone work;
  work.add("a", 60);
  work.add("b", 30);
  work.add("c", 10);
  work.came_to("a", 0.5, 0);
  CHECK(work.seconds_left(30).value() == Approx(70));
  work.dropped("b");
  work.dropped("c");
  CHECK(work.part() == Approx(0.5));
  CHECK(work.seconds_left(30).value() == Approx(30));
  work.dropped("a");
  CHECK(work.part() == 1);
  CHECK_FALSE(work.seconds_left(40));
}

TEST_CASE("of a trial that is trained its evaluation is all that is done") {
  TrialProgress progress;
  progress.phase = TrialProgress::Phase::kEvaluation;
  progress.done = 1;
  progress.of = 4;
  CHECK(part_done(progress, false) == 0.25);
  CHECK(part_done(progress, true) > 0.8);
  progress.phase = TrialProgress::Phase::kTraining;
  CHECK(part_done(progress, true) < 0.25);
}

TEST_CASE("the time left goes by what this run did, not by what earlier ones had done") {
  WorkDone work;
  work.add("a", 60);
  work.add("b", 40);
  CHECK(work.part() == 0);
  CHECK_FALSE(work.seconds_left(5));
  // An earlier run left half of it.
  work.came_to("a", 0.5, 0.5);
  CHECK(work.part() == Approx(0.3));
  CHECK_FALSE(work.seconds_left(5));
  work.came_to("a", 0.75, 0.7);
  CHECK(work.part() == Approx(0.45));
  CHECK(work.seconds_left(30).value() == Approx(110));  // 15 of the 70 that it was given
  work.ended("a");
  CHECK(work.seconds_left(60).value() == Approx(80));
  work.came_to("b", 0.5, 0);
  CHECK(work.seconds_left(100).value() == Approx(40));
  // Another attempt begins where the folder stands, and what the first did was this run's.
  work.left("b");
  CHECK(work.part() == Approx(0.6));
  work.came_to("b", 0.75, 0.5);
  CHECK(work.seconds_left(120).value() == Approx(20));
  work.ended("b");
  CHECK(work.part() == 1);
  CHECK_FALSE(work.seconds_left(130));
  CHECK(WorkDone().part() == 1);
}

TEST_CASE("a trial's title has the ranks that its sites have") {
  Trial trial;
  trial.config.method = trial.config.group = "lora";
  trial.config.task.name = "mnli";
  trial.config.seed = 3;
  trial.config.settings = {{"targets", "Wq+Wv"}, {"rank", "8"}};
  CHECK(trial_title(trial) == "lora Wq+Wv r8 mnli seed 3");
  trial.config.settings["ranks"] = "Wq:3";
  CHECK(trial_title(trial) == "lora Wq+Wv r8 Wq:3 mnli seed 3");
  trial.config.settings = {{"targets", "Wq+Wv"}, {"ranks", "Wq:3,Wv:5"}};
  CHECK(trial_title(trial) == "lora Wq+Wv Wq:3,Wv:5 mnli seed 3");
}
