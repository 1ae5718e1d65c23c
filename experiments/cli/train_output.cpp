#include "experiments/cli/train_output.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "common/json_optional.h"
#include "engine/backend/cpu/reference_rate.h"
#include "experiments/machine.h"
#include "experiments/sweep/live_view.h"

namespace rankscope {

namespace {

std::string progress_text(const TrainProgress& p) {
  return fmt::format(
      "step {}/{}  loss {:.4f}{}  {:.0f} tokens/s  {:.0f} useful GFLOP/s  {:.0f} MiB  "
      "{} left",
      p.step.step, p.steps, p.step.loss,
      p.eval_loss ? fmt::format("  held-out {:.4f}", *p.eval_loss) : "", p.tokens_per_second,
      p.useful_gflops, p.peak_memory_mib, duration_text(p.seconds_left));
}

}  // namespace

void print_json_step(const TrainProgress& p) {
  OrderedJson line = step_json(p);
  line["seconds"] = p.step.seconds;
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

void show_step(log::Progress& line, const TrainProgress& p) {
  if (p.eval_loss)
    line.keep(progress_text(p));
  else
    line.update(progress_text(p));
}

void print_json_outcome(const TrainOutcome& o, const DeviceSettings& device) {
  OrderedJson line;
  line["steps"] = o.steps;
  line["loss"] = number_or_null(o.loss);
  line["state"] = o.diverged ? "diverged" : "done";
  if (o.diverged) line["last_finite_loss"] = json_or_null(o.last_finite_loss);
  line["resumed_from"] = o.resumed_from;
  line["trainable_parameters"] = o.trainable_parameters;
  // That of a run with nothing to do is this process's, before the reference is measured: its
  // buffers are not the run's.
  const double memory = o.already_done ? peak_memory_mib() : o.peak_memory_mib;
  if (!o.already_done) {
    line["tokens_per_second"] = o.tokens_per_second;
    line["useful_gflops"] = o.useful_gflops;
    if (device.device == "cpu")
      line["sgemm_gflops"] = reference_sgemm_gflops(make_backend(device)->threads());
    line["set_up_seconds"] = o.set_up_seconds;
  }
  line["peak_memory_mib"] = memory;
  std::printf("%s\n", line.dump().c_str());
}

std::string outcome_text(const TrainOutcome& o, const std::string& out) {
  if (o.already_done && o.diverged)
    return fmt::format("{}: diverged earlier, at step {}; nothing to do", out, o.steps + 1);
  if (o.already_done)
    return fmt::format("{}: finished earlier, {} steps, loss {:.4f}; nothing to do", out, o.steps,
                       o.loss);
  if (o.diverged)
    return fmt::format(
        "diverged at step {}: {} is not finite; last finite loss {}; try a lower lr, clip=1 or a "
        "larger epsilon",
        o.steps + 1, std::isfinite(o.loss) ? "a gradient or what was trained" : "the loss",
        o.last_finite_loss ? fmt::format("{:.4f}", *o.last_finite_loss) : "none");
  return fmt::format(
      "{} steps, loss {:.4f}{}, {:.0f} tokens/s, {:.0f} MiB at most", o.steps, o.loss,
      o.last_eval_loss ? fmt::format(", held-out loss {:.4f}", *o.last_eval_loss) : "",
      o.tokens_per_second, o.peak_memory_mib);
}

}  // namespace rankscope
