// The table of methods beside LoRA: training speed at equal parameters, against LoRA's own and,
// where a Python with PyTorch and PEFT is named, against theirs on the same work.
#pragma once

namespace rankscope::bench {

// Prints the table and writes methods_table.json beside its inputs. 0 where every "must" that was
// measured is met, else 1.
int print_methods_table();

}  // namespace rankscope::bench
