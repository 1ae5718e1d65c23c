// What trials cost, roughly: good for an order and for a first estimate, no more.
#include <algorithm>

#include "engine/backend/cpu/thread_pool.h"
#include "engine/models/memory_plan.h"
#include "experiments/device_names.h"
#include "experiments/machine.h"
#include "experiments/sweep/coordinator.h"
#include "experiments/sweep/trial_pack.h"

namespace rankscope {

namespace {

// Tokens of an example, prompt and target, of the published files: within a factor of two for most
// tokenizers.
double tokens_of(const std::string& task) {
  if (task == "samsum") return 220;
  if (task == "mnli") return 60;
  return 90;
}

// Examples of a source without a limit: a published training set's order of magnitude.
constexpr double kAllExamples = 50000;

double examples_of(const DataSource& source) {
  return source.limit > 0 ? static_cast<double>(source.limit) : kAllExamples;
}

}  // namespace

double trial_cost(const Trial& trial, const ModelShape& shape) {
  const auto parameters = static_cast<double>(shape.parameters());
  const TrialConfig& config = trial.config;
  double flops = 0;
  if (trial.trains()) {
    double batch = 8;
    if (const auto found = config.settings.find("batch"); found != config.settings.end())
      batch = std::stod(found->second);
    const double examples = config.epochs > 0 ? config.epochs * examples_of(config.task.train)
                                              : static_cast<double>(config.steps) * batch;
    // Forward and the activations' gradients; every weight's gradient where all are trained.
    const double passes = config.method == "full" ? 6 : 4;
    flops += examples * tokens_of(config.task.train.task) * passes * parameters;
    if (const auto rank = config.settings.find("rank"); rank != config.settings.end())
      flops *= 1 + 1e-4 * std::stod(rank->second);  // the larger rank first, other things equal
  }
  const double rows =
      tokens_of(config.task.score.data.task) +
      static_cast<double>(config.task.score.decoding.beams * config.task.score.decoding.max_new);
  return flops + examples_of(config.task.score.data) * rows * 2 * parameters;
}

RunOptions resolve(const RunOptions& options, const Manifest& manifest, const ModelShape& shape) {
  RunOptions out = options;
  const int cores = cpu::available_processors();
  if (out.workers == 0) out.workers = gpus_in_use(out.device, out.gpus);
  if (out.workers == 0) {
    // Workers of one thread each waste nothing on waiting for one another, where memory allows.
    std::int64_t largest = 1;
    for (const Trial& trial : manifest.trials)
      largest = std::max(largest, plan_memory(shape, *method_of(trial), 1024).total());
    const std::int64_t memory = total_memory_mib() * (std::int64_t{1} << 20) / 10 * 7;
    out.workers = static_cast<int>(std::clamp<std::int64_t>(memory / largest, 1, cores));
    if (out.threads > 0) out.workers = std::clamp(out.workers, 1, std::max(1, cores / out.threads));
  }
  if (out.threads == 0) out.threads = std::max(1, cores / out.workers);
  if (out.pack == 0) out.pack = pack_limit(manifest, shape, out);
  return out;
}

}  // namespace rankscope
