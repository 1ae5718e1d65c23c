#include "experiments/cli/data_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <vector>

#include "common/error.h"
#include "experiments/cli/checks.h"

namespace rankscope {

std::string task_list() {
  std::string list;
  const auto all = tasks();
  for (std::size_t i = 0; i < all.size(); ++i) {
    list += i == 0 ? "" : i + 1 < all.size() ? ", " : " or ";
    list += all[i].name;
  }
  return list;
}

namespace {

std::string scored_splits() {
  std::vector<std::string> splits;
  for (const Task& task : tasks())
    splits.push_back(fmt::format("{}: {}", task.name, task.scored_split));
  return fmt::format("{}", fmt::join(splits, ", "));
}

}  // namespace

CLI::Option* add_data_options(CLI::App& command, DataOptions& options, const std::string& what) {
  DataSource& source = options.source;
  CLI::Option* task =
      command.add_option("--task", source.task, "what --data holds: " + task_list())
          ->check(not_empty());
  CLI::Option* data = command.add_option("--data", options.data,
                                         "with --task: the folder of its splits, or one file" +
                                             (what.empty() ? "" : "; else " + what));
  data->check(not_empty());
  command
      .add_option("--split", source.split,
                  "with --task: train, dev, ... (a folder's file)" +
                      (source.split.empty()
                           ? "; default: the one that sweeps score (" + scored_splits() + ")"
                           : ""))
      ->capture_default_str()
      ->check(not_empty())
      ->needs(task);
  CLI::Option* limit =
      command.add_option("--limit", source.limit, "with --task: the first N examples; 0: all")
          ->transform(whole_number(0, std::int64_t{1} << 40));
  CLI::Option* keys = repeatable(
      command.add_option("--template", source.template_keys,
                         "with --task: KEY=VALUE of the prompt's template (prompt, target, "
                         "truncate, verbalisers); may be repeated"));
  CLI::Option* max_tokens =
      command
          .add_option(
              "--max-tokens", source.max_tokens,
              "with --task: most tokens of prompt and target, prompts are cut to it; 0: the "
              "model's context")
          ->transform(whole_number(0, std::int64_t{1} << 30));
  // Otherwise load_examples refuses them, beside a file of token ids.
  if (what.empty())
    for (CLI::Option* option : {data, limit, keys, max_tokens}) option->needs(task);
  command
      .add_option("--end-token", source.end_token,
                  "the token or id that ends a text; default: config.json's eos_token_id")
      ->check(not_empty());
  return data;
}

void refuse_tables_of_standard_input(const DataOptions& options) {
  if (options.source.task == "wikisql")
    require_tables_beside(options.data, "--data", "give a file");
}

}  // namespace rankscope
