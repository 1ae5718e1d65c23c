#pragma once

namespace rankscope::bench {

// Training and decoding on a GPU against PyTorch + PEFT there; says so and returns 0 where there is
// none. Peers are measured where $RANKSCOPE_PEERS_PYTHON names a Python that has them.
int print_gpu_table();

}  // namespace rankscope::bench
