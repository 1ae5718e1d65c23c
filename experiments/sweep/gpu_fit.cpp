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

PlanTarget target_of(const Trial& trial) {
  return {.gpu = true, .precision = trial.config.precision == "bf16" ? DType::kBF16 : DType::kF32};
}

// What happened, without the general advice behind it.
std::string first_part(const std::string& error) { return error.substr(0, error.find(';')); }

}  // namespace

MemoryPlan gpu_plan(const Trial& trial, const ModelShape& shape) {
  return plan_memory(shape, *method_of(trial), micro_batch_of(trial), target_of(trial));
}

GpuFit gpu_fit(const Trial& trial, const ModelShape& shape, std::int64_t available) {
  GpuFit fit;
  fit.available = available;
  fit.micro_batch = micro_batch_of(trial);
  fit.needed = gpu_plan(trial, shape).total();
  fit.largest_micro_batch =
      largest_micro_batch(shape, *method_of(trial), target_of(trial), available);
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
  if (fit.largest_micro_batch == 0)
    return "no micro_batch_tokens fits; use precision: bf16, fewer workers a GPU, or a GPU with "
           "more memory";
  return fmt::format("micro_batch_tokens={} fits", fit.largest_micro_batch);
}

std::string training_refusal(const std::string& error, const GpuFit& fit) {
  const std::string what =
      fmt::format("{}, in training with micro_batch_tokens={}", first_part(error), fit.micro_batch);
  const std::string plan = fmt::format("the memory plan asks for {} MiB and has {}",
                                       mib(fit.needed), mib(fit.available));
  if (fit.fits())
    return fmt::format(
        "{}; {}, so up to micro_batch_tokens={} fits where the GPU is this trial's alone: run "
        "fewer workers, or set a smaller bound (it makes another trial)",
        what, plan, fit.largest_micro_batch);
  return fmt::format("{}; {}: {}{}", what, plan, advice(fit),
                     fit.largest_micro_batch == 0 ? "" : " (it makes another trial)");
}

std::string evaluation_refusal(const std::string& error) {
  return fmt::format(
      "{}, in making predictions; run fewer workers a GPU, or use precision: bf16 (it makes "
      "another trial) or a GPU with more memory",
      first_part(error));
}

}  // namespace rankscope
