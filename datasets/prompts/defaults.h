// The default templates. The paper gives none (for WikiSQL "x = {table schema, query}, y = {SQL}",
// for SAMSum utterances joined by "\n" and then "\n\n", Appendix C; for MNLI nothing): these are
// written in that spirit. datasets/FORMAT.md shows them with examples.
#pragma once

#include "datasets/prompts/template.h"

namespace rankscope {

PromptTemplate wikisql_template();
PromptTemplate mnli_template();
PromptTemplate samsum_template();
PromptTemplate own_template();

}  // namespace rankscope
