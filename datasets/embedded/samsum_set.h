// Dialogues of the embedded world and their summaries: the form of SAMSum.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/embedded/events.h"
#include "datasets/embedded/world.h"

namespace rankscope::embedded {

struct SummarizedDialogue {
  std::string id, dialogue, summary;
  Event event;
};

// `count` dialogues of names and patterns of the pool. `split` names the set.
std::vector<SummarizedDialogue> make_samsum_set(const World& world, std::string_view split,
                                                Pool pool, std::size_t count);

}  // namespace rankscope::embedded
