// What settings of a sweep are called where they differ in more than targets, rank and size.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiments/claims/evidence.h"

namespace rankscope {

// A setting's values by key: "settings.alpha", "steps".
using SettingValues = std::map<std::string, std::string>;

// Fills `others` and `variant` of a sweep's groups. `values_of`: of each group's example_trial.
void tell_apart(std::vector<EvidenceGroup>& groups,
                const std::map<std::string, SettingValues>& values_of);

// Then gives every control the names of the setting that it repeats; one that repeats none is named
// so. Rates from searches are no values of a setting: each may have found another. Among themselves
// controls may differ in less than the settings that they repeat.
void name_controls(std::vector<EvidenceGroup>& groups,
                   const std::map<std::string, SettingValues>& values_of);

}  // namespace rankscope
