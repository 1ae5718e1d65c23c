// The CPU backend: kernels of one instruction set, spread over a pool of threads.
#pragma once

#include <memory>
#include <string_view>

#include "engine/backend/backend.h"

namespace rankscope::cpu {

struct KernelTable;

// The table of that set (common/instruction_set.h). Throws InputError where it is unknown or the
// processor lacks it.
const KernelTable& kernels_of(std::string_view instruction_set);

}  // namespace rankscope::cpu

namespace rankscope {

// As make_cpu_backend(threads) in backend.h, with a given instruction set.
std::unique_ptr<Backend> make_cpu_backend(int threads, std::string_view instruction_set);

}  // namespace rankscope
