#include "experiments/cli/run_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "common/json.h"
#include "common/log.h"
#include "engine/backend/cpu/reference_rate.h"
#include "engine/backend/cpu/thread_pool.h"
#include "experiments/device_names.h"
#include "experiments/machine.h"
#include "experiments/sweep/gpu_fit.h"
#include "experiments/sweep/live_view.h"

namespace rankscope {

namespace {

// How fast trials are worked on, all workers together.
struct Speed {
  double flops_per_second = 0;
  std::string text;
};

Speed speed_of(const Manifest& manifest, const RunOptions& options) {
  const int used = std::min(gpus_in_use(options.device, options.gpus), options.workers);
  if (used == 0) {
    // Training reaches two thirds of sgemm's rate on small bases, more on large ones; decoding
    // less.
    constexpr double kShareOfSgemm = 0.65;
    const int threads = std::min(options.workers * options.threads, cpu::available_processors());
    const double rate = reference_sgemm_gflops(threads);
    return {rate * 1e9 * kShareOfSgemm,
            fmt::format("{} workers of {} threads, {:.0f} GFLOP/s of sgemm", options.workers,
                        options.threads, rate)};
  }
  // Decoding leaves a GPU waiting for its memory, small bases for the next kernel.
  constexpr double kShareOfProducts = 0.3;
  constexpr std::int64_t kSize = 4096;
  const std::string precision = manifest.trials.empty() ? std::string(kDefaultPrecision)
                                                        : manifest.trials.front().config.precision;
  const auto backend = make_backend(
      {.device = worker_device(options.device, 0, options.gpus), .precision = precision});
  const double rate = product_gflops(*backend, kSize, kSize, kSize, 0.1) * used;
  return {rate * 1e9 * kShareOfProducts,
          fmt::format("{} workers on {} x {}, {:.0f} GFLOP/s of matrix products", options.workers,
                      used, backend->instruction_set(), rate)};
}

// Nothing where trials do not compute on a GPU.
std::optional<std::int64_t> memory_of_worker(const RunOptions& options) {
  if (options.gpus.empty() || gpus_in_use(options.device, options.gpus) == 0) return std::nullopt;
  return plan_memory_of_worker(options, gpus());
}

std::string shortage_text(const GpuFit& fit) {
  return fmt::format("will not fit: {} MiB by the memory plan, of {} MiB of the GPU's memory; {}",
                     fit.needed >> 20, fit.available >> 20, advice(fit));
}

void print_trial(const Trial& trial, const TrialResult& result, std::int64_t parameters,
                 double seconds, const std::optional<GpuFit>& fit, bool json) {
  const std::string remark = result.damage.empty() ? "" : result.damage + "; `run` mends it";
  if (!json) {
    std::string more;
    if (!remark.empty()) more += "  " + remark;
    if (fit && !fit->fits()) more += "  " + shortage_text(*fit);
    std::printf("%s  %-8s  %s  %lld parameters  ~%s%s\n", trial.id().c_str(),
                std::string(state_name(result.state)).c_str(), trial_title(trial).c_str(),
                static_cast<long long>(parameters), duration_text(seconds).c_str(), more.c_str());
    return;
  }
  OrderedJson line = {{"trial", trial.id()},
                      {"state", state_name(result.state)},
                      {"title", trial_title(trial)},
                      {"trainable_parameters", parameters},
                      {"estimated_seconds", seconds}};
  if (!remark.empty()) line["remark"] = remark;
  if (fit) {
    line["gpu_memory"] = {{"needed", fit->needed},
                          {"available", fit->available},
                          {"fits", fit->fits()},
                          {"longest_example_tokens", fit->longest_example},
                          {"largest_micro_batch_tokens", fit->largest_micro_batch}};
  }
  std::printf("%s\n", json_text(line).c_str());
}

}  // namespace

void print_plan(const SweepFolder& folder, const Manifest& manifest, const ModelShape& shape,
                const RunOptions& options, bool json) {
  const Speed speed = speed_of(manifest, options);
  const std::optional<std::int64_t> available = memory_of_worker(options);
  const TrialCosts costs(manifest, shape);
  double cost = 0;
  std::size_t finished = 0;
  const std::vector<TrialResult> results = trial_results(folder, manifest);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Trial& trial = manifest.trials[i];
    const bool ended = is_finished(results[i].state);
    finished += ended;
    const double one = ended ? costs.of(trial) : costs.left_of(trial, folder);
    if (!ended) cost += one;
    std::optional<GpuFit> fit;
    if (available) fit = gpu_fit(trial, shape, *available, costs.longest_example(trial));
    print_trial(trial, results[i], method_of(trial)->trainable_parameters(shape),
                one / speed.flops_per_second, fit, json);
  }
  if (json) return;
  std::printf("%zu trials, %zu finished; about %s to do with %s\n", manifest.trials.size(),
              finished, duration_text(cost / speed.flops_per_second).c_str(), speed.text.c_str());
}

void warn_of_memory(const SweepFolder& folder, const Manifest& manifest, const ModelShape& shape,
                    const TrialCosts& costs, const RunOptions& options) {
  const std::optional<std::int64_t> available = memory_of_worker(options);
  if (!available) return;
  std::size_t count = 0;
  std::string first;
  const std::vector<TrialResult> results = trial_results(folder, manifest);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Trial& trial = manifest.trials[i];
    if (is_finished(results[i].state)) continue;
    const GpuFit fit = gpu_fit(trial, shape, *available, costs.longest_example(trial));
    if (fit.fits() || count++ > 0) continue;
    first = fmt::format("trial {} ({}) {}", trial.id(), trial_title(trial), shortage_text(fit));
  }
  if (count == 1) log::warning("{}", first);
  if (count > 1) log::warning("{}; so will {} more not: --dry-run lists them", first, count - 1);
}

}  // namespace rankscope
