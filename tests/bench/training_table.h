// The table of training speed and memory: the program itself, run as a user runs it, against the
// machine's sgemm and, where a Python with PyTorch and PEFT is named, against those.
#pragma once

namespace rankscope::bench {

// Prints the table and writes training_table.json beside its inputs. 0 where every "must" that was
// measured is met, else 1.
int print_training_table();

}  // namespace rankscope::bench
