// The table of what a large sweep's folder costs: a finished one of 1,000 trials with 1,000
// predictions each, asked and collected as a user does.
#pragma once

namespace rankscope::bench {

// Prints the table and writes sweep_table.json beside its folder. 0 where every "must" is met, else
// 1. Left out, saying so, where the shared base and data are missing.
int print_sweep_table();

}  // namespace rankscope::bench
