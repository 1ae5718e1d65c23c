// How a task's predictions are scored, an example at a time: what a trial's metrics are made of.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "experiments/task_examples.h"

namespace rankscope {

// The value of each metric for one example, by the metric's name; a metric that does not apply to
// it (execution of a gold query that cannot be executed) is absent.
using Outcomes = std::map<std::string, double>;

class TaskScorer {
 public:
  virtual ~TaskScorer() = default;
  // What an example is held against, for people.
  virtual std::string reference(const std::string& id) const = 0;
  // InputError where no example has that id.
  virtual Outcomes outcomes(const std::string& id, const std::string& prediction) = 0;
};

// Reads the references of the examples that `source` names. wikisql: logical_form, exact, parsed,
// and execution where the tables have rows; mnli: accuracy; samsum: the F of rouge1, rouge2, rougeL
// and rougeLsum, with the stemmer; own: accuracy for entries with choices, else exact and ROUGE.
// What the template writes around a target's answer counts for nothing in a prediction.
std::unique_ptr<TaskScorer> make_task_scorer(const DataSource& source);

}  // namespace rankscope
