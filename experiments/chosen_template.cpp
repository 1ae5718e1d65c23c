#include "experiments/chosen_template.h"

#include "common/error.h"
#include "common/text.h"

namespace rankscope {

PromptTemplate chosen_template(const Task& task, const std::vector<std::string>& assignments,
                               const std::string& option) {
  PromptTemplate form = task.default_template();
  for (const std::string& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos) {
      throw InputError(option + " " + printable(assignment) + ": must be KEY=VALUE");
    }
    form.set(assignment.substr(0, equals), assignment.substr(equals + 1));
  }
  return form;
}

}  // namespace rankscope
