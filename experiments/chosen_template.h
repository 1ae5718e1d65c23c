// The template that KEY=VALUE options make of a task's default.
#pragma once

#include <string>
#include <vector>

#include "datasets/task.h"

namespace rankscope {

// `assignments` are KEY=VALUE as PromptTemplate::set knows them; InputError, which names `option`,
// otherwise.
PromptTemplate chosen_template(const Task& task, const std::vector<std::string>& assignments,
                               const std::string& option = "--set");

}  // namespace rankscope
