// A fully fine-tuned checkpoint as updates of its base's sites.
#pragma once

#include <filesystem>
#include <vector>

#include "engine/checkpoint/adapter_factors.h"

namespace rankscope {

// Whether the folder holds a model's weights and no adapter.
bool is_checkpoint(const std::filesystem::path& folder);

// dW = W - W0 at every site that `wanted` admits (empty: every one), as factors of scale 1 and of
// the largest rank that dW can have, one of which is the identity: its singular triples are dW's,
// its A says nothing. InputError where the two models differ in shape.
std::vector<SiteFactors> checkpoint_updates(const std::filesystem::path& folder,
                                            const std::filesystem::path& base,
                                            const SiteWanted& wanted);

}  // namespace rankscope
