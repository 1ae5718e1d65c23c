#include "common/instruction_set.h"

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/cpu/kernels/kernels.h"

namespace rankscope::cpu {

const KernelTable& kernels_of(std::string_view instruction_set) {
  const std::string_view name = require_instruction_set(instruction_set);
#if RANKSCOPE_HAS_AVX512
  if (name == "avx512") return kernels_avx512();
#endif
#if RANKSCOPE_HAS_AVX2
  if (name == "avx2") return kernels_avx2();
#endif
  return kernels_generic();
}

const KernelTable& best_kernels() { return kernels_of(chosen_instruction_set()); }

}  // namespace rankscope::cpu
