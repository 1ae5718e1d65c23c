// The factors in a LoRA adapter's weights file, by the module that each belongs to.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/safetensors.h"
#include "engine/checkpoint/adapter_factors.h"
#include "engine/checkpoint/peft_config.h"

namespace rankscope {

struct FactorModule {
  const TensorEntry* a = nullptr;  // [rank, in]
  const TensorEntry* b = nullptr;  // [out, rank]
};

// By the module's path; `file` must outlive them. InputError for an adapter of another kind, for
// one that is empty or damaged, and, unless they are passed over, for modules that were saved
// whole.
std::map<std::string, FactorModule> factor_modules(const SafetensorsFile& file,
                                                   const PeftConfig& config,
                                                   PeftConfig::SavedModules saved);

// Rows [begin, begin + out) and columns [first, first + rank) of B, and the rows of A that go with
// the columns.
SiteFactors cut_out(const SafetensorsFile& file, const FactorModule& module, std::int64_t begin,
                    std::int64_t out, std::int64_t first, std::int64_t rank);

}  // namespace rankscope
