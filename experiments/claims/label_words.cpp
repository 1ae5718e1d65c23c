#include "experiments/claims/label_words.h"

#include <algorithm>
#include <vector>

#include "common/error.h"
#include "common/text.h"
#include "datasets/task.h"
#include "experiments/chosen_template.h"
#include "experiments/sweep/template_text.h"
#include "results/cells.h"

namespace rankscope {

namespace {

// A text for every example is no set of labels.
constexpr std::int64_t kMostLabels = 32;

std::vector<std::string> labels_of(ResultsReader& results, const EvidenceGroup& group,
                                   const Task& task) {
  if (!task.labels.empty()) return {task.labels.begin(), task.labels.end()};
  std::vector<std::string> labels;
  for (const Row& row :
       results.rows("SELECT DISTINCT reference FROM example WHERE dataset = ? LIMIT ?",
                    {group.dataset, kMostLabels + 1}))
    labels.push_back(text_in(row[0]));
  if (std::ssize(labels) > kMostLabels) labels.clear();
  return labels;
}

// As of an example whose other fields are all `other`.
std::vector<std::string> targets_of(const CompiledTemplate& form,
                                    const std::vector<std::string>& labels,
                                    const std::string& other) {
  Record record;
  record.fields.assign(form.task().fields.size(), other);
  record.choices = labels;
  return form.choices(record);
}

}  // namespace

std::map<std::string, std::string> label_words(ResultsReader& results, const EvidenceGroup& group) {
  const auto task = std::ranges::find(tasks(), group.kind, &Task::name);
  if (task == tasks().end()) return {};
  std::string form;
  for (const Row& row :
       results.rows("SELECT value FROM config WHERE sweep = ? AND trial = ? AND key = "
                    "'score.template'",
                    {group.sweep, group.example_trial}))
    form = text_in(row[0]);
  std::map<std::string, std::string> words;
  try {
    const CompiledTemplate compiled(*task, chosen_template(*task, template_assignments(form)));
    const std::vector<std::string> labels = labels_of(results, group, *task),
                                   targets = targets_of(compiled, labels, "a");
    if (targets != targets_of(compiled, labels, "b")) return {};
    for (std::size_t i = 0; i < labels.size(); ++i)
      words.emplace(trimmed(targets[i]), trimmed(labels[i]));
  } catch (const InputError&) {
    // A template that another version of the program knew: nothing but a figure wants it.
    return {};
  }
  return words;
}

}  // namespace rankscope
