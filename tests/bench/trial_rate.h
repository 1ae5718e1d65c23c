// Trials an hour of a small sweep, ours and a script's on PEFT and transformers.
#pragma once

namespace rankscope::bench {

// Prints the table; needs stories3m and WikiSQL in the shared folder and says so where they are
// missing. 1 where a mark that must be met was missed, else 0.
int print_trial_rate();

}  // namespace rankscope::bench
