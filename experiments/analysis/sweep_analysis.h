// The analysis that a sweep file asks for (SWEEP_FILE.md, `analysis`): from finished trials'
// adapters to the results database. It can be repeated at any time: what is there and still true is
// passed over.
#pragma once

#include <cstdint>

#include "experiments/analysis/analysis_plan.h"
#include "experiments/analysis/finished_adapters.h"
#include "results/store.h"

namespace rankscope {

struct AnalysisSummary {
  std::int64_t adapters = 0, pairs = 0;  // that were computed now
  std::vector<std::string> problems;     // what could not be read, a line each
  std::vector<std::string> altered;      // trials whose adapter is not the one that was written
  // A folder may not be read, and nothing was looked for: which adapters are compared depends on
  // it.
  bool closed = false;
};

// kAdapters: pairs of adapters alone. kAll: also what needs the base's matrices.
enum class AnalysisScope { kAdapters, kAll };

// `finished`: of this sweep; kAll makes it forget and reads all trials anew. With kAll the store
// forgets analyses that the sweep does not ask for any more; those of trials that it has as done
// and whose adapter cannot be found stay. Throws Interrupted where a stop was requested; what is
// stored by then stays.
AnalysisSummary analyse_sweep(const SweepFolder& folder, const Manifest& manifest, Store& store,
                              AnalysisScope scope, FinishedAdapters& finished);

// What the end of a trial adds to an analysis of kAdapters that was made before it; its time goes
// by the trial's families, not by the sweep. Of a sweep that is analysed. Throws as analyse_sweep.
AnalysisSummary analyse_after(const Trial& ended, const AdapterFamilies& families,
                              const SweepFolder& folder, const Manifest& manifest, Store& store,
                              FinishedAdapters& finished);

}  // namespace rankscope
