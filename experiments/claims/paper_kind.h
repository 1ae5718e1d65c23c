// Whether a sweep is of the paper's kind, where a claim that holds is called reproduced.
#pragma once

#include <string>
#include <vector>

#include "experiments/claims/evidence.h"

namespace rankscope {

// A base no smaller than GPT-2 medium, the smallest GPT of the paper (Table 3), and every setting
// scored on a whole validation set of Appendix C, by its number of examples: WikiSQL, MNLI matched,
// SAMSum.
bool is_of_paper_size(const EvidenceSweep& sweep);

// Of that size, and no scored example was trained on or chose a rate or a step.
bool is_of_paper_kind(const EvidenceSweep& sweep);

// What of these tasks' scored examples was not unseen, in a clause: "scored examples of mnli were
// trained on"; empty where all were.
std::string seen_examples_of(const EvidenceSweep& sweep, const std::vector<std::string>& tasks);

}  // namespace rankscope
