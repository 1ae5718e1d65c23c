// Which label an answer means: models answer in the words of a template, "neither" for "neutral".
#pragma once

#include <map>
#include <string>

#include "experiments/claims/evidence.h"
#include "results/query.h"

namespace rankscope {

// The labels of the group's task by the targets that its template makes of them, white space around
// them left out: what answer_of finds label by label. Empty where the database has not what it
// takes, and where targets hold more of an example than its label.
std::map<std::string, std::string> label_words(ResultsReader& results, const EvidenceGroup& group);

}  // namespace rankscope
