// How many workers, and threads of each, a sweep gets where it was not said.
#include <algorithm>

#include "engine/backend/cpu/thread_pool.h"
#include "engine/models/memory_plan.h"
#include "engine/models/weights.h"
#include "experiments/device_names.h"
#include "experiments/machine.h"
#include "experiments/sweep/coordinator.h"
#include "experiments/sweep/trial_pack.h"

namespace rankscope {

RunOptions resolve(const RunOptions& options, const Manifest& manifest, const ModelShape& shape) {
  RunOptions out = options;
  const int cores = cpu::available_processors();
  if (out.workers == 0) out.workers = gpus_in_use(out.device, out.gpus);
  if (out.workers == 0) {
    // Workers of one thread each waste nothing on waiting for one another, where memory allows.
    const PlanTarget target{.stored = matrix_type(manifest.base)};
    std::int64_t largest = 1;
    for (const Trial& trial : manifest.trials)
      largest = std::max(
          largest, plan_memory(shape, *method_of(trial), micro_batch_of(trial), target).total());
    const std::int64_t memory = usable_memory_mib() * (std::int64_t{1} << 20) / 10 * 7;
    out.workers = static_cast<int>(std::clamp<std::int64_t>(memory / largest, 1, cores));
    if (out.threads > 0) out.workers = std::clamp(out.workers, 1, std::max(1, cores / out.threads));
  }
  if (out.threads == 0) out.threads = std::max(1, cores / out.workers);
  if (out.pack == 0) out.pack = pack_limit(manifest, shape, out);
  return out;
}

}  // namespace rankscope
