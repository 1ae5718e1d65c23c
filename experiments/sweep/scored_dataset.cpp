#include "experiments/sweep/scored_dataset.h"

#include "datasets/prompts/example.h"
#include "datasets/task.h"
#include "experiments/chosen_template.h"

namespace rankscope {

std::string dataset_key(const Trial& trial) {
  IdentityKeys keys;
  for (const auto& [key, value] : trial.eval)
    if (key.starts_with("score.")) keys.emplace(key, value);
  return hash_of(keys);
}

DatasetRecord scored_dataset(const Trial& trial) {
  const DataSource& source = trial.config.task.score.data;
  const Task& task = find_task(source.task);
  const std::filesystem::path file = file_of(source);
  const CompiledTemplate form(task, chosen_template(task, source.template_keys, "template"));
  const RecordSet set =
      read_records(task, file, {}, {.limit = read_limit(source), .allow_unlabelled = true});
  DatasetRecord record{dataset_key(trial), source.task, source.split, file.filename().string(), {}};
  for (std::size_t i = source.skip; i < set.records.size(); ++i) {
    const Record& entry = set.records[i];
    const Example example = make_example(form, entry);
    record.examples.push_back(
        {example.id, example.prompt, example.references.empty() ? "" : example.references.front()});
  }
  return record;
}

}  // namespace rankscope
