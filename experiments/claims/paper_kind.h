// Whether a sweep is of the paper's kind, where a claim that holds is called reproduced.
#pragma once

#include "experiments/claims/evidence.h"

namespace rankscope {

// A base no smaller than GPT-2 medium, the smallest GPT of the paper (Table 3), and every setting
// scored on a whole validation set of Appendix C, by its number of examples: WikiSQL, MNLI matched,
// SAMSum.
bool is_of_paper_kind(const EvidenceSweep& sweep);

}  // namespace rankscope
