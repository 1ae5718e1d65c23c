#include "datasets/embedded/world_documents.h"

#include <algorithm>
#include <array>
#include <vector>

#include "datasets/embedded/events.h"
#include "datasets/embedded/statements.h"

namespace rankscope::embedded {

namespace {

constexpr Pool kPool = Pool::kDocuments;

std::size_t any_kind(Picker& picker) { return picker.below(kinds().size()); }

std::string description(const World& world, Picker& picker) {
  const Entity entity = world.any(any_kind(picker), kPool, picker);
  const std::size_t count = 2 + picker.below(4);
  const Description d =
      of_pool(kPool, [&] { return any_description(*entity.kind, count, picker); });
  std::vector<std::string> sentences;
  for (const std::string& s : d.sentences(entity)) sentences.push_back(sentence(s));
  return join(sentences, " ");
}

std::string article(std::string_view noun) {
  return std::string(std::string_view("aeiou").find(noun[0]) == std::string_view::npos ? "a "
                                                                                       : "an ") +
         std::string(noun);
}

// One thing's record, in one of four layouts.
std::string record_of(const Entity& entity, const std::vector<std::size_t>& attributes,
                      Picker& picker) {
  struct Layout {
    std::string_view begin, colon, between;
  };
  constexpr std::array<Layout, 4> kLayouts = {
      Layout{"", ": ", "\n"}, {"", ": ", "; "}, {"* ", " = ", "\n* "}, {"", " ", ", "}};
  const Layout& layout = picker.pick(kLayouts);
  std::vector<std::string> parts = {std::string(picker.pick(entity.kind->headers)) +
                                    std::string(layout.colon) + entity.name};
  for (std::size_t a : attributes)
    parts.push_back(std::string(picker.pick(entity.kind->attributes[a].headers)) +
                    std::string(layout.colon) + entity.values[a]);
  return std::string(layout.begin) + join(parts, layout.between);
}

std::string question(const Attribute& attribute, std::string_view name, Picker& picker) {
  return sentence(filled(picker.pick(attribute.questions), name, ""), "?");
}

// Something about a thing, then questions on it. Some answers name the heading to look under.
std::string quiz(const World& world, Picker& picker) {
  const std::size_t kind = any_kind(picker);
  const std::vector<Entity> entities =
      world.any_different(kind, kPool, 1 + picker.below(2), picker);
  const std::vector<std::size_t> attributes = any_attributes(kinds()[kind], 3, picker);
  std::string text;
  for (const Entity& entity : entities) text += record_of(entity, attributes, picker) + "\n";
  constexpr std::array<std::string_view, 3> kAsked = {"Q: ", "Question. ", "- "};
  constexpr std::array<std::string_view, 3> kAnswered = {"\nA: ", "\nAnswer. ", "\n- "};
  const std::size_t style = picker.below(3);
  for (std::uint64_t n = 2 + picker.below(4); n > 0; --n) {
    const Entity& entity = picker.pick(entities);
    const std::size_t a = picker.pick(attributes);
    const Attribute& attribute = entity.kind->attributes[a];
    text += std::string(kAsked[style]) + question(attribute, entity.name, picker) +
            std::string(kAnswered[style]);
    if (picker.chance(40)) text += "See " + std::string(picker.pick(attribute.headers)) + ": ";
    text += entity.values[a] + "\n";
  }
  text.pop_back();
  return text;
}

// What is said of a thing, judged by what was told of it.
struct Told {
  Entity entity;
  Description description;
};

std::string_view verdict_on(std::size_t truth, Picker& picker) {
  constexpr std::array<std::array<std::string_view, 2>, 3> kVerdicts = {
      std::array<std::string_view, 2>{" True.", " That is true."},
      {" False.", " That is false."},
      {" Neither.", " That is neither said nor denied."}};
  return kVerdicts[truth][picker.chance(90) ? 0 : 1];
}

std::string judgement(const World& world, const std::vector<Told>& told, Picker& picker) {
  enum { kTrue, kFalse, kOpen };
  const std::size_t which = picker.below(told.size());
  const Entity& entity = told[which].entity;
  const Description& description = told[which].description;
  const std::uint64_t verdict = picker.below(3);
  std::vector<std::size_t> candidates = description.attributes;
  if (verdict == kOpen) {
    candidates.clear();
    for (std::size_t a = 0; a < entity.values.size(); ++a)
      if (std::ranges::find(description.attributes, a) == description.attributes.end())
        candidates.push_back(a);
  }
  const std::size_t a = picker.pick(candidates);
  const Attribute& attribute = entity.kind->attributes[a];
  std::string value = entity.values[a];
  if (verdict == kFalse) {
    value = wrong_value(world, entity, told[told.size() - 1 - which].entity, a, kPool, picker);
  }
  std::string_view form = picker.pick(attribute.statements);
  // Often in the words in which it was told: whoever cannot compare those compares nothing.
  const auto stated = std::ranges::find(description.attributes, a);
  if (stated != description.attributes.end() && picker.chance(50))
    form = description.forms[static_cast<std::size_t>(stated - description.attributes.begin())];
  // One draw after the other: the order within a sum is the compiler's.
  const std::string_view said = verdict_on(verdict, picker);
  const std::string lead = picker.chance(50) ? "So " : "Is it so that ";
  return lead + filled(form, entity.name, value) + "?" + std::string(said);
}

// A description of one or two things, and judgements.
std::string judgements(const World& world, Picker& picker) {
  std::vector<Told> told;
  std::vector<std::string> sentences;
  const std::size_t count = picker.chance(25) ? 2 : 1;
  const std::size_t kind = any_kind(picker);
  for (Entity& entity : world.any_different(kind, kPool, count, picker)) {
    Description d =
        of_pool(kPool, [&] { return any_description(*entity.kind, 1 + picker.below(3), picker); });
    for (const std::string& s : d.sentences(entity)) sentences.push_back(sentence(s));
    told.push_back({std::move(entity), std::move(d)});
  }
  for (std::uint64_t n = 4 + picker.below(5); n > 0; --n)
    sentences.push_back(judgement(world, told, picker));
  return join(sentences, " ");
}

// A few words, numbers or names, and whether others are among them: the plainest of judgements.
std::string roll(const World& world, Picker& picker) {
  using Type = ValueSource::Type;
  constexpr std::array<Type, 5> kShown = {Type::kWord, Type::kWord, Type::kWord, Type::kNumber,
                                          Type::kName};
  const Type type = picker.pick(kShown);
  std::vector<const Attribute*> attributes;
  for (const Kind& kind : kinds())
    for (const Attribute& attribute : kind.attributes)
      if (attribute.values.type == type) attributes.push_back(&attribute);
  const Attribute& attribute = *picker.pick(attributes);
  const auto any = [&] { return world.any_value(attribute.values, kPool, picker); };
  std::vector<std::string> named;
  for (std::uint64_t n = 2 + picker.below(5); n > 0; --n) named.push_back(any());
  std::string text = std::string(picker.pick(attribute.headers)) + ": " + join(named, ", ") + ".";
  for (std::uint64_t n = 6 + picker.below(7); n > 0; --n) {
    const std::string asked = picker.chance(50) ? picker.pick(named) : any();
    const bool present = std::ranges::find(named, asked) != named.end();
    text += " And " + asked + "?" + std::string(verdict_on(present ? 0 : 1, picker));
  }
  return text;
}

// A list of things under headings, and what can be read off it.
std::string listing(const World& world, Picker& picker) {
  const std::size_t kind = any_kind(picker);
  const Kind& k = kinds()[kind];
  std::vector<Entity> entities = world.any_different(kind, kPool, 3 + picker.below(3), picker);
  const std::vector<std::size_t> attributes = any_attributes(k, 2 + picker.below(2), picker);
  const std::string_view bar = picker.chance(50) ? " | " : ", ";
  std::vector<std::string> row = {std::string(picker.pick(k.headers))};
  std::vector<std::string> headings;
  for (std::size_t a : attributes) {
    headings.emplace_back(picker.pick(k.attributes[a].headers));
    row.push_back(headings.back());
  }
  std::string text = join(row, bar) + "\n";
  for (const Entity& entity : entities) {
    row = {entity.name};
    for (std::size_t a : attributes) row.push_back(entity.values[a]);
    text += join(row, bar) + "\n";
  }
  for (std::uint64_t n = 1 + picker.below(3); n > 0; --n) {
    const std::size_t i = picker.below(attributes.size());
    const Attribute& attribute = k.attributes[attributes[i]];
    const Entity& one = picker.pick(entities);
    const std::string& value = one.values[attributes[i]];
    std::vector<std::string> found;
    for (const Entity& entity : entities)
      if (entity.values[attributes[i]] == value) found.push_back(entity.name);
    text += "Looking under " + headings[i] + ": " + std::string(k.plural) + " " +
            filled(picker.pick(attribute.conditions), "", value) + ", " + join(found, ", ") + ".\n";
    if (attribute.values.numeric()) {
      const auto by_value = [&](const Entity& e) { return std::stoll(e.values[attributes[i]]); };
      const bool most = picker.chance(50);
      const Entity& end = most ? *std::ranges::max_element(entities, {}, by_value)
                               : *std::ranges::min_element(entities, {}, by_value);
      text += std::string(most ? "The highest " : "The lowest ") +
              std::string(picker.pick(attribute.nouns)) + ", " + (most ? "MAX" : "MIN") + "(" +
              headings[i] + "), is " + end.values[attributes[i]] + ".\n";
    }
  }
  text.pop_back();
  return text;
}

std::string any_story(const World& world, Picker& picker) {
  return story(event(world, kPool, picker.below(std::uint64_t{1} << 40)), picker);
}

std::string any_dialogue(const World& world, Picker& picker) {
  return dialogue(event(world, kPool, picker.below(std::uint64_t{1} << 40)), kPool, 3, picker);
}

// The capitals, signs and brackets of query languages, where they mean little.
std::string notice(const World& world, Picker& picker) {
  const Entity entity = world.any(any_kind(picker), kPool, picker);
  const std::size_t a = picker.below(entity.values.size());
  const std::string heading(picker.pick(entity.kind->attributes[a].headers));
  const std::string name = world.any_name(NameKind::kTown, kPool, picker);
  const std::string first = world.any_name(NameKind::kFirst, kPool, picker);
  switch (picker.below(4)) {
    case 0: {
      const std::string food(picker.pick(slot_words(SlotKind::kFood)));
      const std::int64_t number = picker.between(1, 20);
      return "NOTICE FROM table " + std::to_string(number) + ". Guests SELECT bread AND " + food +
             ". WHERE? " + name + ".";
    }
    case 1: {
      const std::int64_t x = picker.between(1, 99), y = picker.between(1, 99);
      const std::string both = "(" + std::to_string(x) + ", " + std::to_string(y) + ")";
      const std::string larger = std::to_string(std::max(x, y)),
                        less = std::to_string(std::min(x, y));
      return "MAX" + both + " = " + larger + ". MIN" + both + " = " + less + ". SUM" + both +
             " = " + std::to_string(x + y) + ". COUNT" + both + " = 2. AVG" + both + " = " +
             std::to_string((x + y) / 2) + ". " +
             (x == y              ? less + " = " + larger
              : picker.chance(50) ? less + " < " + larger
                                  : larger + " > " + less) +
             ".";
    }
    case 2:
      return first + " keeps a book on " + article(entity.kind->key) + " with the heading " +
             heading + ". A heading can be counted, COUNT(" + heading + "), added, SUM(" + heading +
             "), and averaged, AVG(" + heading + ").";
    default:
      return "SIGN FROM " + name + ": WHERE " + heading + " = " + entity.values[a] + " AND " +
             entity.name + " stand together, SELECT with care.";
  }
}

using Maker = std::string (*)(const World&, Picker&);
struct Share {
  std::uint64_t parts;
  Maker make;
};

constexpr std::array<Share, 8> kShares = {Share{2, description}, {20, quiz},    {14, roll},
                                          {40, judgements},      {15, listing}, {3, any_story},
                                          {4, any_dialogue},     {2, notice}};

}  // namespace

std::string world_document(const World& world, std::uint64_t index) {
  Picker picker(world.seed(), "embedded document", "", index);
  std::uint64_t all = 0;
  for (const Share& share : kShares) all += share.parts;
  std::uint64_t drawn = picker.below(all);
  for (const Share& share : kShares) {
    if (drawn < share.parts) return share.make(world, picker);
    drawn -= share.parts;
  }
  return {};
}

}  // namespace rankscope::embedded
