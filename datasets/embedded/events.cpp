#include "datasets/embedded/events.h"

#include <algorithm>
#include <regex>
#include <stdexcept>
#include <vector>

namespace rankscope::embedded {

namespace {

std::string any_slot_value(const World& world, SlotKind kind, Pool pool, Picker& picker) {
  switch (kind) {
    case SlotKind::kFirst:
      return world.any_name(NameKind::kFirst, pool, picker);
    case SlotKind::kTown:
      return world.any_name(NameKind::kTown, pool, picker);
    case SlotKind::kTitle:
      return world.any_name(NameKind::kTitle, pool, picker);
    case SlotKind::kClub: {
      const auto all = kinds();
      const auto club = std::ranges::find(all, "club", &Kind::key);
      return world.any(static_cast<std::size_t>(club - all.begin()), pool, picker).name;
    }
    default:
      return std::string(picker.pick(slot_words(kind)));
  }
}

// The turns of a dialogue, before names are filled in.
std::vector<std::string_view> any_turns(const Scenario& scenario, int exchanges, Picker& picker) {
  const auto talk = small_talk();
  // The first four open a dialogue, the others may stand anywhere between.
  constexpr std::size_t kOpenings = 4;
  std::vector<std::string_view> turns = talk[picker.below(kOpenings)];
  std::vector<std::size_t> fillers;
  for (std::size_t i = kOpenings; i < talk.size(); ++i) fillers.push_back(i);
  picker.shuffle(fillers);
  const std::uint64_t count = picker.below(static_cast<std::uint64_t>(exchanges) + 1);
  fillers.resize(std::min<std::size_t>(count, fillers.size()));
  std::vector<std::uint64_t> before;  // of the scenario's turns
  for (std::size_t i = 0; i < fillers.size(); ++i)
    before.push_back(picker.below(scenario.turns.size() + 1));
  for (std::size_t t = 0; t <= scenario.turns.size(); ++t) {
    for (std::size_t i = 0; i < fillers.size(); ++i)
      if (before[i] == t)
        turns.insert(turns.end(), talk[fillers[i]].begin(), talk[fillers[i]].end());
    if (t < scenario.turns.size()) turns.push_back(picker.pick(scenario.turns[t]));
  }
  return turns;
}

// The summary's text as a pattern that matches what it can become.
std::regex summary_pattern(std::string_view text, std::vector<std::string>& slots) {
  std::string pattern;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') {
      const std::size_t end = text.find('}', i);
      slots.emplace_back(text.substr(i + 1, end - i - 1));
      pattern += "(.+?)";
      i = end;
    } else {
      if (text[i] == '.') pattern += '\\';
      pattern += text[i];
    }
  }
  return std::regex(pattern);
}

}  // namespace

Event event(const World& world, Pool pool, std::uint64_t index) {
  Picker picker(world.seed(), "embedded event", std::to_string(static_cast<int>(pool)), index);
  Event event{.scenario = &picker.pick(scenarios()), .values = {}};
  const auto draw = [&](std::string_view name, SlotKind kind, std::string_view other) {
    std::string value;
    do {
      value = any_slot_value(world, kind, pool, picker);
    } while (!other.empty() && value == event.values.find(other)->second);
    event.values.emplace(name, std::move(value));
  };
  draw("a", SlotKind::kFirst, "");
  draw("b", SlotKind::kFirst, "a");
  for (const Slot& slot : event.scenario->slots)
    draw(slot.name, slot.kind,
         slot.name.back() == '2' ? slot.name.substr(0, slot.name.size() - 1) : std::string_view());
  return event;
}

std::string filled(std::string_view text, const Event& event) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{') {
      result += text[i];
      continue;
    }
    const std::size_t end = text.find('}', i);
    const auto value = event.values.find(text.substr(i + 1, end - i - 1));
    if (value == event.values.end())
      throw std::logic_error("no slot of " + std::string(event.scenario->key) + ": " +
                             std::string(text));
    result += value->second;
    i = end;
  }
  return result;
}

std::string dialogue(const Event& event, Pool pool, int small_talk, Picker& picker) {
  std::vector<std::string_view> turns;
  do {
    turns = any_turns(*event.scenario, small_talk, picker);
  } while (pool_of_pattern(pattern_of(turns)) != pool);
  std::string text;
  for (std::string_view turn : turns) {
    if (!text.empty()) text += "\n";
    text += event.values.find(turn.substr(0, 1))->second + ": " +
            sentence(filled(turn.substr(3), event), "");
  }
  return text;
}

std::string summary(const Event& event, Picker& picker) {
  return sentence(filled(picker.pick(event.scenario->summaries), event), "");
}

std::string story(const Event& event, Picker& picker) {
  std::string text;
  for (const Choice& choice : event.scenario->story)
    text += sentence(filled(picker.pick(choice), event), " ");
  return text + "In short: " + sentence(filled(picker.pick(event.scenario->headlines), event));
}

std::optional<Event> read_summary(std::string_view text) {
  for (const Scenario& scenario : scenarios()) {
    for (std::string_view summary : scenario.summaries) {
      std::vector<std::string> slots;
      const std::regex pattern = summary_pattern(summary, slots);
      std::match_results<std::string_view::const_iterator> match;
      if (!std::regex_match(text.begin(), text.end(), match, pattern)) continue;
      Event said{.scenario = &scenario, .values = {}};
      bool consistent = true;
      for (std::size_t i = 0; i < slots.size(); ++i) {
        const auto [place, added] = said.values.emplace(slots[i], match[i + 1].str());
        consistent = consistent && (added || place->second == match[i + 1].str());
      }
      if (consistent) return said;
    }
  }
  return std::nullopt;
}

}  // namespace rankscope::embedded
