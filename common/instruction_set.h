// The instruction sets that kernels are compiled for (cmake/rankscope_kernels.cmake), and which of
// them this processor runs.
#pragma once

#include <string_view>
#include <vector>

namespace rankscope {

// Of "avx512", "avx2" and "generic" those that run here, widest first. The x86-64 levels 4 and 3
// are meant by the first two.
std::vector<std::string_view> available_instruction_sets();

// The widest; the environment variable RANKSCOPE_ISA names another. Throws InputError where that is
// not available.
std::string_view chosen_instruction_set();

// Returns `name`. Throws InputError where it is not available.
std::string_view require_instruction_set(std::string_view name);

}  // namespace rankscope
