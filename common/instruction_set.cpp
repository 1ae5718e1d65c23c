#include "common/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "common/error.h"

namespace rankscope {

namespace {

// Clang before 18 does not know the levels by name (and fuzzes here); the features that it can ask
// for come only with the rest of their level.
#if defined(__x86_64__)
bool has_level_4() {
#ifdef __clang__
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
#else
  return __builtin_cpu_supports("x86-64-v4") != 0;
#endif
}

bool has_level_3() {
#ifdef __clang__
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi2");
#else
  return __builtin_cpu_supports("x86-64-v3") != 0;
#endif
}
#endif

}  // namespace

std::vector<std::string_view> available_instruction_sets() {
  std::vector<std::string_view> names;
#if defined(__x86_64__)
  if (has_level_4()) names.push_back("avx512");
  if (has_level_3()) names.push_back("avx2");
#endif
  names.push_back("generic");
  return names;
}

std::string_view require_instruction_set(std::string_view name) {
  const std::vector<std::string_view> names = available_instruction_sets();
  if (const auto found = std::ranges::find(names, name); found != names.end()) return *found;
  std::string known;
  for (const std::string_view each : names)
    known += (known.empty() ? "" : ", ") + std::string(each);
  throw InputError("instruction set '" + std::string(name) +
                   "' is not available here; use one of: " + known);
}

std::string_view chosen_instruction_set() {
  const char* wanted = std::getenv("RANKSCOPE_ISA");
  return wanted && *wanted ? require_instruction_set(wanted) : available_instruction_sets().front();
}

}  // namespace rankscope
