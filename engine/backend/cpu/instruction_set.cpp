#include <cstdlib>
#include <string>

#include "common/error.h"
#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/cpu/kernels/kernels.h"

namespace rankscope::cpu {

namespace {

struct InstructionSet {
  std::string_view name;
  const KernelTable& (*table)();
  bool (*runs_here)();
};

// The x86-64 levels that the kernels are compiled for. Clang before 18 does not know them by name
// (and fuzzes here); the features that it can ask for come only with the rest of their level.
#if RANKSCOPE_HAS_AVX512
bool has_level_4() {
#ifdef __clang__
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
#else
  return __builtin_cpu_supports("x86-64-v4") != 0;
#endif
}
#endif

#if RANKSCOPE_HAS_AVX2
bool has_level_3() {
#ifdef __clang__
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi2");
#else
  return __builtin_cpu_supports("x86-64-v3") != 0;
#endif
}
#endif

// Widest first.
const InstructionSet kSets[] = {
#if RANKSCOPE_HAS_AVX512
    {"avx512", kernels_avx512, has_level_4},
#endif
#if RANKSCOPE_HAS_AVX2
    {"avx2", kernels_avx2, has_level_3},
#endif
    {"generic", kernels_generic, [] { return true; }},
};

}  // namespace

std::vector<std::string_view> instruction_sets() {
  std::vector<std::string_view> names;
  for (const InstructionSet& set : kSets)
    if (set.runs_here()) names.push_back(set.name);
  return names;
}

const KernelTable& kernels_of(std::string_view instruction_set) {
  for (const InstructionSet& set : kSets)
    if (set.name == instruction_set && set.runs_here()) return set.table();
  std::string known;
  for (std::string_view name : instruction_sets()) known += (known.empty() ? "" : ", ") + std::string(name);
  throw InputError("instruction set '" + std::string(instruction_set) +
                   "' is not available here; use one of: " + known);
}

const KernelTable& best_kernels() {
  const char* wanted = std::getenv("RANKSCOPE_ISA");
  return kernels_of(wanted && *wanted ? std::string_view(wanted) : instruction_sets().front());
}

}  // namespace rankscope::cpu
