// What people of the embedded world talk about: a new scenario is an entry of the table in
// scenarios.cpp.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace rankscope::embedded {

enum class SlotKind {
  kFirst,
  kTown,
  kClub,
  kTitle,
  kPlace,
  kDay,
  kHour,
  kThing,
  kFood,
  kFeast,
  kTask,
  kCount
};

// {name} stands for the slot's value in the texts below. A name that ends in 2 gets another value
// than the slot without it.
struct Slot {
  std::string_view name;
  SlotKind kind;
};

// Alternatives of which one is taken.
using Choice = std::vector<std::string_view>;

struct Scenario {
  std::string_view key;
  std::vector<Slot> slots;    // besides {a} and {b}, the two who talk
  std::vector<Choice> turns;  // of a dialogue: "a: text" or "b: text"
  Choice summaries;           // what the dialogue comes to
  std::vector<Choice> story;  // the same told: a sentence each
  Choice headlines;           // of the story
};

std::span<const Scenario> scenarios();

// Turns of no matter, which any dialogue may hold; each is an exchange of one or two turns.
std::span<const std::vector<std::string_view>> small_talk();

std::span<const std::string_view> slot_words(SlotKind kind);

}  // namespace rankscope::embedded
