// Sentences about a thing of the world, chosen so that their pattern belongs to a pool.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/embedded/world.h"

namespace rankscope::embedded {

// Attributes of one thing and the words in which each is stated.
struct Description {
  std::vector<std::size_t> attributes;
  std::vector<std::string_view> forms;
  std::string pattern() const { return pattern_of(forms); }
  // The sentences of an entity, in order.
  std::vector<std::string> sentences(const Entity& entity) const;
};

// `count` different attributes of the kind, at most all, in any order.
std::vector<std::size_t> any_attributes(const Kind& kind, std::size_t count, Picker& picker);

Description any_description(const Kind& kind, std::size_t count, Picker& picker);

// A value that `entity` does not have for its attribute `attribute`: where `second`, of the same
// kind, has another one, half the time that, so that both must be kept apart; else any other.
std::string wrong_value(const World& world, const Entity& entity, const Entity& second,
                        std::size_t attribute, Pool pool, Picker& picker);

// A bound by which the numeric `truth` is more (`above`) or less than the bound, by one to a
// quarter of the attribute's range; never below 0.
std::string bound_near(const Attribute& attribute, std::string_view truth, bool above,
                       Picker& picker);

// The parts with `between` between them.
std::string join(const std::vector<std::string>& parts, std::string_view between);

// `make` until what it makes has a pattern of the pool: make() returns something with .pattern().
template <typename Make>
auto of_pool(Pool pool, const Make& make) {
  auto made = make();
  while (pool_of_pattern(made.pattern()) != pool) made = make();
  return made;
}

}  // namespace rankscope::embedded
