// What settings of a sweep are called where they differ in more than targets, rank and size.
#pragma once

#include <vector>

#include "experiments/claims/evidence.h"

namespace rankscope {

// Fills `others`, `variant` and `variant_kind` of a sweep's groups.
void tell_apart(std::vector<EvidenceGroup>& groups);

// Then gives every control the names of the setting that it repeats, but for a start or an order of
// data of its own where one of them has it; one that repeats none is named so. Rates from searches
// are no values of a setting: each may have found another. Among themselves
// controls may differ in less than the settings that they repeat.
void name_controls(std::vector<EvidenceGroup>& groups);

}  // namespace rankscope
