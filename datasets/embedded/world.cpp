#include "datasets/embedded/world.h"

#include <algorithm>
#include <array>

#include "common/hash.h"

namespace rankscope::embedded {

namespace {

constexpr std::array<std::string_view, 7> kClubs = {"Rovers",   "United", "Wanderers", "Lions",
                                                    "Harriers", "Stars",  "Rangers"};

std::uint64_t parts_of(std::string_view kind) { return kind == "club" ? kClubs.size() : 1; }

NameKind name_kind(std::string_view kind) {
  if (kind == "town" || kind == "club") return NameKind::kTown;
  if (kind == "book") return NameKind::kTitle;
  if (kind == "ship") return NameKind::kShip;
  return NameKind::kLast;
}

}  // namespace

World::World(std::uint64_t seed) : seed_(seed), names_(seed) {}

std::uint64_t World::count(std::size_t kind, Pool pool) const {
  const std::string_view key = kinds()[kind].key;
  if (key == "person")
    return names_.size(NameKind::kFirst, pool) * names_.size(NameKind::kLast, pool);
  return names_.size(name_kind(key), pool) * parts_of(key);
}

std::string World::person_name(Pool pool, std::uint64_t index) const {
  const std::uint64_t firsts = names_.size(NameKind::kFirst, pool);
  const std::uint64_t lasts = names_.size(NameKind::kLast, pool);
  const std::uint64_t first = index % firsts;
  return names_.name(NameKind::kFirst, pool, first) + " " +
         names_.name(NameKind::kLast, pool, (index / firsts + first) % lasts);
}

std::string World::entity_name(std::string_view kind, Pool pool, std::uint64_t index) const {
  if (kind == "person") return person_name(pool, index);
  const std::uint64_t parts = parts_of(kind);
  std::string name = names_.name(name_kind(kind), pool, index / parts);
  if (kind == "club") name += " " + std::string(kClubs[index % parts]);
  if (kind == "school") name += " School";
  return name;
}

Entity World::entity(std::size_t kind, Pool pool, std::uint64_t index) const {
  const Kind& k = kinds()[kind];
  Entity entity{.kind = &k, .name = entity_name(k.key, pool, index), .values = {}};
  Picker picker(seed_, "embedded entity", std::string(k.key) + ":" + entity.name, 0);
  for (const Attribute& attribute : k.attributes)
    entity.values.push_back(any_value(attribute.values, pool, picker));
  return entity;
}

Entity World::any(std::size_t kind, Pool pool, Picker& picker) const {
  return entity(kind, pool, picker.below(count(kind, pool)));
}

std::vector<Entity> World::any_different(std::size_t kind, Pool pool, std::size_t number,
                                         Picker& picker) const {
  std::vector<Entity> result;
  while (result.size() < number) {
    Entity entity = any(kind, pool, picker);
    if (std::ranges::find(result, entity.name, &Entity::name) == result.end())
      result.push_back(std::move(entity));
  }
  return result;
}

std::string World::any_name(NameKind kind, Pool pool, Picker& picker) const {
  return names_.name(kind, pool, picker.below(names_.size(kind, pool)));
}

std::string World::any_value(const ValueSource& values, Pool pool, Picker& picker) const {
  switch (values.type) {
    case ValueSource::Type::kNumber:
      return std::to_string(
          values.low + values.step * picker.between(0, (values.high - values.low) / values.step));
    case ValueSource::Type::kWord:
      return std::string(picker.pick(values.words));
    case ValueSource::Type::kName:
      return any_name(values.name, pool, picker);
    case ValueSource::Type::kPerson: {
      // One draw after the other: the order within a sum is the compiler's.
      const std::string last = any_name(NameKind::kLast, pool, picker);
      return any_name(NameKind::kFirst, pool, picker) + " " + last;
    }
  }
  return {};
}

std::string filled(std::string_view text, std::string_view subject, std::string_view value) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == "{s}") {
      result += subject;
      i += 2;
    } else if (text.substr(i, 3) == "{v}") {
      result += value;
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string sentence(std::string_view text, std::string_view end) {
  std::string result(text);
  if (!result.empty() && result[0] >= 'a' && result[0] <= 'z')
    result[0] = static_cast<char>(result[0] - 'a' + 'A');
  result += end;
  return result;
}

std::string pattern_of(std::span<const std::string_view> parts) {
  std::string text;
  for (std::string_view part : parts) text += std::string(part) + "|";
  return text;
}

Pool pool_of_pattern(std::string_view pattern) {
  // Five parts of ten for the documents, three to train on, two to score.
  const unsigned long digit = std::stoul(sha256_hex(pattern).substr(0, 6), nullptr, 16) % 10;
  return digit < 5 ? Pool::kDocuments : digit < 8 ? Pool::kTraining : Pool::kScored;
}

}  // namespace rankscope::embedded
