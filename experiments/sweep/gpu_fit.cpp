#include "experiments/sweep/gpu_fit.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/backend/devices.h"
#include "engine/training/trainer.h"
#include "experiments/device_names.h"

namespace rankscope {

namespace {

// What the driver takes for a process, the kernels' code and cuBLASLt's workspace.
constexpr std::int64_t kOfDriver = std::int64_t{1} << 30;

std::int64_t mib(std::int64_t bytes) { return bytes >> 20; }

bool is_narrow(const Trial& trial) { return trial.config.precision == "bf16"; }

PlanTarget target_of(const Trial& trial) {
  return {.gpu = true,
          .precision = is_narrow(trial) ? DType::kBF16 : DType::kF32,
          .merged = trial.config.task.score.merged};
}

// What to set so that no more than `largest` tokens are computed at once.
std::string bound_text(const GpuFit& fit, std::int64_t largest) {
  if (fit.longest_example <= largest) return fmt::format("micro_batch_tokens={} fits", largest);
  const std::int64_t most = std::max<std::int64_t>(largest - fit.special_tokens, 1);
  return fmt::format(
      "a training example of {} tokens is computed whole, and {} fit: set max_tokens of the task "
      "to {} or less{}",
      fit.longest_example, largest, most,
      fit.micro_batch > largest ? fmt::format(" and micro_batch_tokens to {}", largest) : "");
}

// What happened, without the general advice behind it.
std::string first_part(const std::string& error) { return error.substr(0, error.find(';')); }

}  // namespace

MemoryPlan gpu_plan(const Trial& trial, const ModelShape& shape) {
  return plan_memory(shape, *method_of(trial), micro_batch_of(trial), target_of(trial));
}

GpuFit gpu_fit(const Trial& trial, const ModelShape& shape, std::int64_t available,
               std::int64_t longest_example) {
  GpuFit fit;
  fit.available = available;
  fit.micro_batch = micro_batch_of(trial);
  fit.longest_example = longest_example;
  fit.narrow = is_narrow(trial);
  PlanTarget target = target_of(trial);
  const auto method = method_of(trial);
  fit.special_tokens = method->special_tokens().count();
  const MemoryPlan plan =
      plan_memory(shape, *method, std::max(fit.micro_batch, longest_example), target);
  fit.needed = plan.total();
  fit.merged = plan.merged;
  fit.largest_micro_batch = largest_micro_batch(shape, *method, target, available);
  target.merged = false;
  fit.largest_unmerged = largest_micro_batch(shape, *method, target, available);
  return fit;
}

std::int64_t plan_memory_of(const GpuInfo& gpu) {
  return std::max<std::int64_t>(0, gpu.memory_bytes - kOfDriver);
}

std::int64_t plan_memory_of_worker(const RunOptions& options, std::span<const GpuInfo> gpus) {
  const int used = gpus_in_use(options.device, options.gpus);
  if (used == 0 || gpus.empty()) return 0;
  std::int64_t smallest = INT64_MAX;
  for (int worker = 0; worker < used; ++worker) {
    const std::string device = worker_device(options.device, worker, options.gpus);
    const auto index = static_cast<std::size_t>(gpu_index(device).value_or(0));
    smallest = std::min(smallest, gpus[std::min(index, gpus.size() - 1)].memory_bytes);
  }
  const int sharing = (std::max(options.workers, 1) + used - 1) / used;
  return std::max<std::int64_t>(0, smallest / sharing - kOfDriver);
}

std::string advice(const GpuFit& fit) {
  if (fit.largest_micro_batch == 0 && fit.largest_unmerged > 0)
    return fmt::format(
        "no micro_batch_tokens fits, since merging the adapter takes {} MiB; with score.merged: "
        "false {}",
        mib(fit.merged), bound_text(fit, fit.largest_unmerged));
  if (fit.largest_micro_batch == 0)
    return fmt::format(
        "no micro_batch_tokens fits; use {}fewer workers a GPU, or a GPU with more memory",
        fit.narrow ? "" : "precision: bf16, ");
  return bound_text(fit, fit.largest_micro_batch);
}

std::string training_refusal(const std::string& error, const GpuFit& fit) {
  const std::string computed = fit.example_sets_memory()
                                   ? fmt::format("an example of {} tokens", fit.longest_example)
                                   : fmt::format("micro_batch_tokens={}", fit.micro_batch);
  const std::string what = fmt::format("{}, in training with {}", first_part(error), computed);
  const std::string plan = fmt::format("the memory plan asks for {} MiB and has {}",
                                       mib(fit.needed), mib(fit.available));
  if (fit.fits() && fit.example_sets_memory())
    return fmt::format(
        "{}; {}, so it fits where the GPU is this trial's alone: run fewer workers, or set a "
        "smaller max_tokens of the task (it makes another trial)",
        what, plan);
  if (fit.fits())
    return fmt::format(
        "{}; {}, so up to micro_batch_tokens={} fits where the GPU is this trial's alone: run "
        "fewer workers, or set a smaller bound (it makes another trial)",
        what, plan, fit.largest_micro_batch);
  return fmt::format("{}; {}: {}{}", what, plan, advice(fit),
                     fit.largest_micro_batch == 0 ? "" : " (it makes another trial)");
}

std::string evaluation_refusal(const std::string& error, const GpuFit& fit) {
  const std::string unmerged =
      fit.merged == 0 ? ""
                      : fmt::format(
                            "merging the adapter takes {} MiB of it, which score.merged: "
                            "false (it makes another trial) saves; or ",
                            mib(fit.merged));
  return fmt::format(
      "{}, in making predictions; {}run fewer workers a GPU, or use {}a GPU with more memory",
      first_part(error), unmerged,
      fit.narrow ? "" : "precision: bf16 (it makes another trial) or ");
}

}  // namespace rankscope
