// pretrain: a base from nothing.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/train_output.h"
#include "experiments/limits.h"
#include "experiments/pretrain/pretrain_run.h"

namespace rankscope {

namespace {

struct PretrainCommand {
  std::string file, out;
  std::vector<std::string> overrides;
  PretrainRunOptions run;
  bool json = false;
};

std::string base_text(const OrderedJson& record) {
  std::string text = fmt::format("{} parameters, vocabulary {}, train loss {:.4f}",
                                 record.at("parameters").get<std::int64_t>(),
                                 record.at("vocabulary").get<std::int64_t>(),
                                 record.at("train_loss").at("nll").get<double>());
  if (const auto held_out = record.find("held_out_loss"); held_out != record.end())
    text += fmt::format(", held-out loss {:.4f}", held_out->at("nll").get<double>());
  return text;
}

int run_pretraining(PretrainCommand& c) {
  stop_when_output_closes();
  const PretrainPlan plan = read_pretrain_file(c.file, c.overrides);
  if (c.out.empty()) c.out = "runs/" + plan.name;
  c.run.out = c.out;
  log::Progress progress;
  const PretrainOutcome outcome = run_pretrain(plan, c.run, [&](const TrainProgress& p) {
    if (c.json) print_json_step(p);
    show_step(progress, p);
  });
  if (!outcome.already_done) {
    progress.finish(outcome_text(outcome.training, c.out + "/training"));
    if (c.json) print_json_outcome(outcome.training, {.threads = c.run.threads});
  }
  if (outcome.training.diverged)
    throw TrialFailed(c.out +
                      ": no base was made, the training diverged; change the settings and "
                      "give another --out folder");
  log::info("{}/base{}: {}", c.out, outcome.already_done ? ", finished earlier, nothing to do" : "",
            base_text(outcome.record));
  if (c.json) std::printf("%s\n", outcome.record.dump().c_str());
  return 0;
}

}  // namespace

void add_pretrain(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<PretrainCommand>();
  CLI::App* command = app.add_subcommand("pretrain", "make a small base model from nothing");
  command->add_option("file", c->file, "what base (experiments/pretrain/PRETRAIN_FILE.md)")
      ->required()
      ->check(not_empty())
      ->check(no_standard_input());
  every_word(command->add_option("overrides", c->overrides,
                                 "KEY=VALUE in place of the file's, keys dotted"));
  command->add_option("--out", c->out, "folder of the base and its training; default: runs/NAME")
      ->check(not_empty());
  command->add_option("--threads", c->run.threads, "0: all processors")
      ->transform(whole_number(0, kMostThreads));
  command->add_flag("--json", c->json,
                    "JSON Lines on standard output: the steps, the training, the base's record");
  command->callback([c, &exit_code] { exit_code = run_pretraining(*c); });
}

}  // namespace rankscope
