// render: a task's file as the texts that a model is given and taught, one JSON object a line.
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "common/log.h"
#include "datasets/prompts/example.h"
#include "datasets/task.h"
#include "experiments/chosen_template.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"

namespace rankscope {

namespace {

struct RenderCommand {
  std::string task;
  std::string references;
  std::string tables;
  std::vector<std::string> assignments;
  std::uint64_t limit = 0;
  bool json = false;  // the output is JSON Lines with and without it
};

int run_render(const RenderCommand& c) {
  exit_at_first_signal();
  const Task& task = find_task(c.task);
  if (!c.tables.empty() && task.name != "wikisql") {
    throw InputError("--tables: " + std::string(task.name) + " has no tables; leave it out");
  }
  if (task.name == "wikisql" && c.tables.empty())
    require_tables_beside(c.references, "--references", "give --tables");
  const CompiledTemplate form(task, chosen_template(task, c.assignments));
  const RecordSet set =
      read_records(task, c.references, c.tables, {.limit = c.limit, .allow_unlabelled = true});
  for (const Record& record : set.records) {
    Example example = make_example(form, record);
    OrderedJson line;
    line["id"] = std::move(example.id);
    line["prompt"] = std::move(example.prompt);
    line["target"] = example.has_target ? OrderedJson(std::move(example.target)) : OrderedJson();
    if (!example.choices.empty()) line["choices"] = std::move(example.choices);
    const std::string text = line.dump() + "\n";
    // main() reports what could not be written.
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) break;
  }
  log::info("{}", report_text(set.report));
  return 0;
}

}  // namespace

void add_render(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<RenderCommand>();
  CLI::App* command = app.add_subcommand("render", "the prompts and targets of a task's file");
  command->add_option("task", c->task, "wikisql, mnli, samsum, own")->required();
  command->add_option("--references", c->references, "the task's own file; -: from standard input")
      ->required()
      ->transform(dash_is_standard_input());
  command->add_option("--tables", c->tables, "WikiSQL's *.tables.jsonl; default: the one beside")
      ->check(no_standard_input());
  repeatable(command->add_option(
      "--set", c->assignments, "KEY=VALUE of the template: prompt, target, ...; may be repeated"));
  command->add_option("--limit", c->limit, "the first N examples; 0: all")
      ->capture_default_str()
      ->transform(whole_number(0, std::numeric_limits<std::int64_t>::max()));
  command->add_flag("--json", c->json, "JSON Lines, as without it");
  command->callback([c, &exit_code] { exit_code = run_render(*c); });
}

}  // namespace rankscope
