// The embedded world: towns, people, clubs, books, ships and schools, each with a name and the
// values of its kind's attributes. All of it follows from one seed; texts are made from it and can
// be checked against it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/embedded/kinds.h"
#include "datasets/embedded/names.h"
#include "datasets/embedded/picker.h"

namespace rankscope::embedded {

struct Entity {
  const Kind* kind = nullptr;
  std::string name;
  std::vector<std::string> values;  // in the order of the kind's attributes
};

class World {
 public:
  explicit World(std::uint64_t seed);

  std::uint64_t seed() const { return seed_; }
  const Names& names() const { return names_; }

  // How many things of kinds()[kind] a pool has.
  std::uint64_t count(std::size_t kind, Pool pool) const;
  // Thing `index` of them, index < count. Its name, and the names among its values, are of the
  // pool.
  Entity entity(std::size_t kind, Pool pool, std::uint64_t index) const;
  // Any of them.
  Entity any(std::size_t kind, Pool pool, Picker& picker) const;
  // `number` different ones, number <= count.
  std::vector<Entity> any_different(std::size_t kind, Pool pool, std::size_t number,
                                    Picker& picker) const;

  std::string person_name(Pool pool, std::uint64_t index) const;
  std::string any_name(NameKind kind, Pool pool, Picker& picker) const;
  // A value as an entity of the pool might have.
  std::string any_value(const ValueSource& values, Pool pool, Picker& picker) const;

 private:
  std::string entity_name(std::string_view kind, Pool pool, std::uint64_t index) const;

  std::uint64_t seed_;
  Names names_;
};

// The text with {s} and {v} replaced.
std::string filled(std::string_view text, std::string_view subject, std::string_view value);
// The text with a capital letter at its beginning and `end` behind it.
std::string sentence(std::string_view text, std::string_view end = ".");

// The pattern of a text that is put together of these.
std::string pattern_of(std::span<const std::string_view> parts);
// Which pool a pattern of texts belongs to. A pattern is a text, or several put together, before
// names and values are filled in: what is scored is asked in patterns that were never read.
Pool pool_of_pattern(std::string_view pattern);

}  // namespace rankscope::embedded
