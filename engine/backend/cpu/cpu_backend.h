// The CPU backend: kernels of one instruction set, spread over a pool of threads.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "engine/backend/backend.h"

namespace rankscope::cpu {

struct KernelTable;

// Instruction sets compiled in that this processor runs, widest first: "avx512", "avx2", "generic".
std::vector<std::string_view> instruction_sets();
// The table of that set. Throws InputError where it is unknown or the processor lacks it.
const KernelTable& kernels_of(std::string_view instruction_set);

}  // namespace rankscope::cpu

namespace rankscope {

// As make_cpu_backend(threads) in backend.h, with a given instruction set.
std::unique_ptr<Backend> make_cpu_backend(int threads, std::string_view instruction_set);

}  // namespace rankscope
