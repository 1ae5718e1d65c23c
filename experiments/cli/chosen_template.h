// The template that --set options make of a task's default.
#pragma once

#include <string>
#include <vector>

#include "datasets/task.h"

namespace rankscope {

// `assignments` are KEY=VALUE as PromptTemplate::set knows them. InputError otherwise.
PromptTemplate chosen_template(const Task& task, const std::vector<std::string>& assignments);

}  // namespace rankscope
