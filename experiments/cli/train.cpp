// train: one adapter from token files or a task's data.
#include <filesystem>
#include <memory>
#include <utility>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/text.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/data_options.h"
#include "experiments/cli/device_options.h"
#include "experiments/cli/train_output.h"
#include "experiments/device_names.h"
#include "experiments/file_hashes.h"
#include "experiments/limits.h"
#include "experiments/train_run.h"

namespace rankscope {

namespace {

struct TrainCommand {
  TrainRunOptions run;
  std::vector<std::string> assignments;
  DataOptions data;
  std::string model, eval_data, eval_split, out;
  std::uint64_t eval_limit = 0;
  bool json = false;
};

// Both ranges begin with a file's first example: two of one file share it. `option` chose it.
void refuse_trained(const DataSource& held_out, const DataSource& trained, const char* option) {
  const auto file = [](const DataSource& source) {
    return source.task.empty() ? source.data : file_of(source);
  };
  if (FileHashes().same_content(file(held_out), file(trained)))
    throw InputError(std::string(option) +
                     ": held-out examples must not be trained on, and both are those of " +
                     printable_path(file(trained)) + "; give another file or split");
}

// The held-out examples are read as the trained ones are: same task, template and limits of length.
DataSource held_out(const TrainCommand& c) {
  DataSource source = c.data.get();
  source.limit = c.eval_limit;
  source.data = c.eval_data;
  if (!c.eval_split.empty()) {
    source.split = c.eval_split;
    if (c.eval_data.empty()) source.data = c.data.data;
  }
  if (source.data.empty()) return source;
  const bool folder = !source.task.empty() && is_folder(source.data);
  if (folder && c.eval_split.empty())
    throw InputError("--eval-data: '" + printable_path(source.data) +
                     "' is a folder; say with --eval-split which of its splits is held out");
  if (!folder && !c.eval_split.empty())
    throw InputError("--eval-split: '" + printable_path(source.data) +
                     "' is no folder of splits; leave it out, or give their folder");
  refuse_trained(source, c.data.get(), c.eval_data.empty() ? "--eval-split" : "--eval-data");
  return source;
}

int run_train(TrainCommand& c) {
  stop_when_output_closes();
  c.run.model = c.model;
  c.run.data = c.data.get();
  c.run.eval_data = held_out(c);
  c.run.out = c.out;
  c.run.device = resolved(c.run.device);
  refuse_head_dim_of(c.model, c.run.device.device);
  for (const std::string& assignment : c.assignments) c.run.settings.add(assignment);
  // Said with the first step, as a command that is refused should say why and no more.
  bool to_be_said = c.out.empty();
  log::Progress progress;
  const TrainOutcome o = run_training(c.run, [&](const TrainProgress& p) {
    if (std::exchange(to_be_said, false)) log::info("nothing is kept: give --out DIR");
    if (c.json) print_json_step(p);
    show_step(progress, p);
  });
  progress.finish(o.already_done || o.diverged || c.out.empty()
                      ? outcome_text(o, c.out)
                      : outcome_text(o, c.out) + "; adapter in " + c.out + "/adapter");
  if (c.json) print_json_outcome(o, c.run.device);
  // What would use the adapter next must not go on: there is none.
  return o.diverged ? 1 : 0;
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<TrainCommand>();
  CLI::App* command = app.add_subcommand("train", "train one adapter");
  command->footer("Exit code 1: the training diverged, and there is no adapter.");
  command->add_option("--model", c->model, "Hugging Face folder of the base")
      ->required()
      ->check(not_empty());
  add_data_options(*command, c->data, "lines of {\"prompt_ids\": [...], \"target_ids\": [...]}")
      ->required()
      ->check(no_standard_input());
  CLI::Option* eval_every =
      command
          ->add_option("--eval-every", c->run.eval_every, "held-out loss every N steps (0: never)")
          ->transform(whole_number(0, kMostSteps));
  command->add_option("--eval-data", c->eval_data, "held-out examples of the same form")
      ->check(not_empty())
      ->check(no_standard_input())
      ->needs(eval_every);
  command
      ->add_option("--eval-split", c->eval_split,
                   "with --task: the held-out split (of --eval-data, else of --data)")
      ->check(not_empty())
      ->needs("--task")
      ->needs(eval_every);
  command->add_option("--eval-limit", c->eval_limit, "the first N held-out examples; 0: all")
      ->transform(whole_number(0, std::int64_t{1} << 40))
      ->needs("--task")
      ->needs(eval_every);
  command->add_option("--method", c->run.method, method_list() + "; or several joined by +")
      ->default_str("lora");
  repeatable(command->add_option(
      "--set", c->assignments,
      "KEY=VALUE of the method (rank, alpha, targets, ...) or of the training (lr, "
      "batch, schedule, warmup_steps, clip, seed, ...); may be repeated"));
  command->add_option("--steps", c->run.steps, "optimizer steps")
      ->transform(whole_number(1, kMostSteps));
  CLI::Option* out =
      command
          ->add_option("--out", c->out,
                       "folder for adapter, curve and resume point; without it nothing is kept")
          ->check(not_empty());
  command
      ->add_option("--save-every", c->run.save_every_steps,
                   "a resume point every N steps (0: not by steps)")
      ->transform(whole_number(0, kMostSteps))
      ->needs(out);
  command
      ->add_option("--save-minutes", c->run.save_every_minutes,
                   "a resume point every so many minutes (0: never)")
      ->capture_default_str()
      ->check(real_number(0, 1e6))
      ->needs(out);
  add_device_options(*command, c->run.device);
  command->add_flag("--json", c->json, "JSON Lines on standard output");
  command->callback([c, &exit_code] { exit_code = run_train(*c); });
}

}  // namespace rankscope
