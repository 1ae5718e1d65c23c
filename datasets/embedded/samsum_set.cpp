#include "datasets/embedded/samsum_set.h"

namespace rankscope::embedded {

namespace {
// Exchanges without matter in a dialogue, at most.
constexpr int kSmallTalk = 3;
}  // namespace

std::vector<SummarizedDialogue> make_samsum_set(const World& world, std::string_view split,
                                                Pool pool, std::size_t count) {
  std::vector<SummarizedDialogue> set;
  for (std::size_t i = 0; i < count; ++i) {
    Picker picker(world.seed(), "embedded dialogue", split, i);
    Event what = event(world, pool, picker.below(std::uint64_t{1} << 40));
    std::string dialogue_text = dialogue(what, pool, kSmallTalk, picker);
    std::string summary_text = summary(what, picker);
    set.push_back({std::string(split) + "-" + std::to_string(i), std::move(dialogue_text),
                   std::move(summary_text), std::move(what)});
  }
  return set;
}

}  // namespace rankscope::embedded
