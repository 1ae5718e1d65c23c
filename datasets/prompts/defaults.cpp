#include "datasets/prompts/defaults.h"

namespace rankscope {

namespace {
using Keep = Truncation::Keep;
using Unit = Truncation::Unit;
}  // namespace

// Whole column names go first, from the end, so that none is shown cut in two; the question,
// without which there is nothing to answer, only when all columns are gone.
PromptTemplate wikisql_template() {
  return {.prompt = "table: {columns}\nquestion: {question}\nsql:",
          .target = " {sql}",
          .truncate = {{"columns", Keep::kStart, Unit::kListItems},
                       {"question", Keep::kStart, Unit::kWords}},
          .verbalisers = {}};
}

// The premise is the longer of the two and the hypothesis what is asked about, so the premise gives
// way first.
PromptTemplate mnli_template() {
  return {.prompt = "{premise} question: {hypothesis} true, false or neither? answer:",
          .target = " {label}",
          .truncate = {{"premise", Keep::kStart, Unit::kWords},
                       {"hypothesis", Keep::kStart, Unit::kWords}},
          .verbalisers = {"true", "neither", "false"}};
}

// The dialogue's end goes, in whole utterances: over the 13,881 training dialogues of at least four
// utterances the first half holds 51 % of the summary's content words and the last half 42 %; of
// the quarters, 36 % and 26 %.
PromptTemplate samsum_template() {
  return {.prompt = "{dialogue}\n\n",
          .target = " {summary}",
          .truncate = {{"dialogue", Keep::kStart, Unit::kLines}},
          .verbalisers = {}};
}

// Texts stand as they are. The prompt's beginning goes: what is asked usually stands last.
PromptTemplate own_template() {
  return {.prompt = "{prompt}",
          .target = "{target}",
          .truncate = {{"prompt", Keep::kEnd, Unit::kWords}},
          .verbalisers = {}};
}

}  // namespace rankscope
