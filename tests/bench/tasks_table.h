// The table of the tasks' speeds: decoding, ranking, scoring, tokenizing and reading, against what
// users would pick instead where a Python with it is named.
#pragma once

namespace rankscope::bench {

// Prints the table and writes tasks_table.json beside its inputs. 0 where every "must" that was
// measured is met, else 1. Rows on shared data are left out, saying so, where it is missing.
int print_tasks_table();

}  // namespace rankscope::bench
