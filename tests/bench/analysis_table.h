#pragma once

namespace rankscope::bench {

// The analysis of adapters: phi and Table 7 in 12,288 dimensions, and that of a whole sweep,
// against NumPy where $RANKSCOPE_PEERS_PYTHON names a Python that has it and safetensors.
int print_analysis_table();

}  // namespace rankscope::bench
