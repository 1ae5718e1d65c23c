// Several LoRA adapters as one. COMBINING.md in this folder says what each way computes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace rankscope {

enum class CombineType { kCat, kLinear, kSvd };

struct AdapterPart {
  std::filesystem::path folder;  // a PEFT folder of plain LoRA, ours or PEFT's
  double weight = 1;
};

struct CombinedAdapter {
  std::int64_t modules = 0;
  std::int64_t smallest_rank = 0, largest_rank = 0;
  // kSvd: the Frobenius norm, over all modules, of what was cut off over that of the sum; else 0.
  double lost = 0;
};

// Writes the sum of the adapters, each times its weight, as a LoRA folder `out`, which must not
// exist: PEFT reads it, and load_adapter. A module that only some adapt is the sum of those. Where
// every folder has our record the sites of a module are combined one by one, and the result has a
// record too; otherwise whole modules are. `rank`, with kSvd alone, is what each is truncated to;
// left out, the largest of its sources. Throws InputError for a folder that is damaged or of
// another method, for modules whose shapes differ, for unequal ranks with kLinear, and for a result
// that fp32 does not hold.
CombinedAdapter combine_adapters(const std::filesystem::path& out,
                                 const std::vector<AdapterPart>& parts, CombineType type,
                                 std::optional<std::int64_t> rank);

}  // namespace rankscope
