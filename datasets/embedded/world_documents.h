// The documents that the embedded base is pretrained on. They tell of the world in plain English,
// in records and in dialogues, and ask and judge; none is an example of a task. They hold every
// token that the tasks' targets use.
#pragma once

#include <cstdint>
#include <string>

#include "datasets/embedded/world.h"

namespace rankscope::embedded {

// Document `index` of a world: a pure function of its seed and the index. No end token.
std::string world_document(const World& world, std::uint64_t index);

}  // namespace rankscope::embedded
