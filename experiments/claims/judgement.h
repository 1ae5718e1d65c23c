// Sweeps' results judged: claims, and each setting's score with its interval.
#pragma once

#include "experiments/claims/claims_file.h"
#include "experiments/claims/evidence.h"
#include "results/findings.h"

namespace rankscope {

// Each claim on the sweep that has most of its contrasts, of equals that with the most seeds, then
// the most settings; all claims that could be judged share alpha by Holm. The order of claims is
// the file's.
Findings judge_results(const ClaimsFile& claims, Evidence& evidence);

}  // namespace rankscope
