// Scored examples that were no unseen ones: that a trial was trained on, or that its learning rate
// or its step was chosen by.
#pragma once

#include <string>
#include <vector>

#include "results/query.h"

namespace rankscope {

struct SeenTask {
  std::string sweep, task;
  bool trained = false;  // examples that are scored are trained on
  bool chosen = false;   // a rate was searched for, or the best step kept, by them
};

// The tasks of which a trial saw examples that it is scored on, be it in a copy of the file: a file
// is known by its hash. By sweep and task.
std::vector<SeenTask> seen_tasks(ResultsReader& results);

// Of what a configuration says was read, "STEM:HASH" or "STEM:HASH+HASH": the file's, then that of
// the one that is read with it (WikiSQL's tables). None of an empty text.
std::vector<std::string> hashes_in(const std::string& read);

}  // namespace rankscope
