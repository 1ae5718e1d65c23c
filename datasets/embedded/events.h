// Events of the embedded world, who did what when, and the dialogues, stories and summaries that
// tell of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "datasets/embedded/scenarios.h"
#include "datasets/embedded/world.h"

namespace rankscope::embedded {

struct Event {
  const Scenario* scenario = nullptr;
  std::map<std::string, std::string, std::less<>> values;  // of {a}, {b} and the scenario's slots
};

// Event `index` of a pool: a pure function of the world's seed and both.
Event event(const World& world, Pool pool, std::uint64_t index);

// A text with every {slot} replaced.
std::string filled(std::string_view text, const Event& event);

// A dialogue about the event, "NAME: text" a line, with up to `small_talk` exchanges that say
// nothing of it. The pattern of what is said is of the pool.
std::string dialogue(const Event& event, Pool pool, int small_talk, Picker& picker);

// A summary of it, one of the scenario's.
std::string summary(const Event& event, Picker& picker);

// A story of it, and its headline behind, for the documents.
std::string story(const Event& event, Picker& picker);

// What a summary says: the values of its slots and the scenario it is one of. Nothing where it is
// none of the known texts.
std::optional<Event> read_summary(std::string_view text);

}  // namespace rankscope::embedded
