// Prompts that were cut to fit: a setting that read less of them than another differs in that too.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "experiments/claims/contrasts.h"
#include "results/findings.h"
#include "results/query.h"

namespace rankscope {

// By sweep and trial, of those that say all of it. `use`: of the data that was scored ("scored") or
// trained on ("train").
std::map<std::pair<std::string, std::string>, CutPrompts> cut_prompts(ResultsReader& results,
                                                                      const std::string& use);

// What a claim's compared settings had cut or left out, a clause each task, use and counts: "on
// wikisql 24 of 24 scored prompts were cut, by 261 tokens in all, of prefix_embed prefix 456".
std::vector<std::string> cuts_of(const std::vector<EvaluatedContrast>& contrasts);

}  // namespace rankscope
