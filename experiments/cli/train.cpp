// train: one adapter from token files or a task's data.
#include <cmath>
#include <cstdio>
#include <memory>

#include "common/error.h"
#include "common/json.h"
#include "common/log.h"
#include "engine/backend/cpu/reference_rate.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/data_options.h"
#include "experiments/machine.h"
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

Json number_or_null(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }

void print_json_step(const TrainProgress& p) {
  OrderedJson line;
  line["step"] = p.step.step;
  line["loss"] = number_or_null(p.step.loss);
  line["lr"] = p.step.learning_rate;
  line["gradient_norm"] = number_or_null(p.step.gradient_norm);
  line["tokens"] = p.step.tokens;
  line["target_tokens"] = p.step.target_tokens;
  line["seconds"] = p.step.seconds;
  if (p.eval_loss) line["eval_loss"] = *p.eval_loss;
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

std::string duration(double seconds) {
  const long long s = static_cast<long long>(seconds + 0.5);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string progress_text(const TrainProgress& p) {
  return fmt::format("step {}/{}  loss {:.4f}{}  {:.0f} tokens/s  {:.0f} useful GFLOP/s  {:.0f} MiB  "
                     "{} left",
                     p.step.step, p.steps, p.step.loss,
                     p.eval_loss ? fmt::format("  held-out {:.4f}", *p.eval_loss) : "",
                     p.tokens_per_second, p.useful_gflops, peak_memory_mib(),
                     duration(p.seconds_left));
}

void print_json_outcome(const TrainOutcome& o, int threads) {
  OrderedJson line;
  line["steps"] = o.steps;
  line["loss"] = number_or_null(o.loss);
  line["state"] = o.diverged ? "diverged" : "done";
  if (o.diverged) line["last_finite_loss"] = o.last_finite_loss ? Json(*o.last_finite_loss) : Json();
  line["resumed_from"] = o.resumed_from;
  line["trainable_parameters"] = o.trainable_parameters;
  // Before the reference is measured: its buffers are not the run's.
  const double memory = peak_memory_mib();
  if (!o.already_done) {
    line["tokens_per_second"] = o.tokens_per_second;
    line["useful_gflops"] = o.useful_gflops;
    line["sgemm_gflops"] = reference_sgemm_gflops(threads);
    line["set_up_seconds"] = o.set_up_seconds;
  }
  line["peak_memory_mib"] = memory;
  std::printf("%s\n", line.dump().c_str());
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
  return source;
}

int run_train(TrainCommand& c) {
  c.run.model = c.model;
  c.run.data = c.data.get();
  c.run.eval_data = held_out(c);
  c.run.out = c.out;
  for (const std::string& assignment : c.assignments) c.run.settings.add(assignment);
  log::Progress progress;
  const TrainOutcome o = run_training(c.run, [&](const TrainProgress& p) {
    if (c.json) print_json_step(p);
    progress.update(progress_text(p));
  });
  if (o.already_done) {
    progress.finish(fmt::format("{}: finished earlier, {} steps, loss {:.4f}; nothing to do",
                                c.out, o.steps, o.loss));
  } else if (o.diverged) {
    progress.finish(fmt::format(
        "diverged at step {}: the loss is not finite; last finite loss {}; try a lower lr or clip=1",
        o.steps + 1, o.last_finite_loss ? fmt::format("{:.4f}", *o.last_finite_loss) : "none"));
  } else {
    progress.finish(fmt::format("{} steps, loss {:.4f}, {:.0f} tokens/s, {:.0f} MiB at most{}",
                                o.steps, o.loss, o.tokens_per_second, peak_memory_mib(),
                                c.out.empty() ? "" : "; adapter in " + c.out + "/adapter"));
  }
  if (c.json)
    print_json_outcome(o, c.run.threads > 0 ? c.run.threads : make_cpu_backend(0)->threads());
  return 0;
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<TrainCommand>();
  CLI::App* command = app.add_subcommand("train", "train one adapter");
  command->add_option("--model", c->model, "Hugging Face folder of the base")
      ->required()
      ->check(not_empty());
  add_data_options(*command, c->data, "lines of {\"prompt_ids\": [...], \"target_ids\": [...]}")
      ->required();
  command->add_option("--eval-data", c->eval_data, "held-out examples of the same form")
      ->check(not_empty());
  command->add_option("--eval-split", c->eval_split,
                      "with --task: the held-out split (of --eval-data, else of --data)")
      ->check(not_empty())
      ->needs("--task");
  command->add_option("--eval-limit", c->eval_limit, "the first N held-out examples; 0: all")
      ->check(whole_number(0, std::int64_t{1} << 40))
      ->needs("--task");
  command->add_option("--eval-every", c->run.eval_every, "held-out loss every N steps (0: never)")
      ->check(whole_number(0, kMostSteps));
  command->add_option("--method", c->run.method, "none, full, lora or bitfit")
      ->default_str("lora");
  command->add_option("--set", c->assignments,
                      "KEY=VALUE of the method (rank, alpha, targets, ...) or of the training (lr, "
                      "batch, schedule, warmup_steps, clip, seed, ...); may be repeated");
  command->add_option("--steps", c->run.steps, "optimizer steps")
      ->check(whole_number(1, kMostSteps));
  command->add_option("--out", c->out, "folder for adapter, curve and resume point")
      ->check(not_empty());
  command->add_option("--save-every", c->run.save_every_steps,
                      "a resume point every N steps (0: not by steps)")
      ->check(whole_number(0, kMostSteps));
  command->add_option("--save-minutes", c->run.save_every_minutes,
                      "a resume point every so many minutes (0: never)")
      ->capture_default_str()
      ->check(real_number(0, 1e6));
  command->add_option("--threads", c->run.threads, "0: all processors")
      ->check(whole_number(0, kMostThreads));
  command->add_flag("--json", c->json, "JSON Lines on standard output");
  command->callback([c, &exit_code] { exit_code = run_train(*c); });
}

}  // namespace rankscope
