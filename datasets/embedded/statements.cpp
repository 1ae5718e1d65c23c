#include "datasets/embedded/statements.h"

#include <algorithm>
#include <numeric>

namespace rankscope::embedded {

namespace {

std::string other_value(const World& world, const Attribute& attribute, std::string_view value,
                        Pool pool, Picker& picker) {
  std::string other;
  do {
    other = world.any_value(attribute.values, pool, picker);
  } while (other == value);
  return other;
}

}  // namespace

std::vector<std::string> Description::sentences(const Entity& entity) const {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < forms.size(); ++i)
    result.push_back(filled(forms[i], entity.name, entity.values[attributes[i]]));
  return result;
}

std::vector<std::size_t> any_attributes(const Kind& kind, std::size_t count, Picker& picker) {
  std::vector<std::size_t> all(kind.attributes.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  picker.shuffle(all);
  all.resize(std::min(count, all.size()));
  return all;
}

Description any_description(const Kind& kind, std::size_t count, Picker& picker) {
  Description description{.attributes = any_attributes(kind, count, picker), .forms = {}};
  for (std::size_t attribute : description.attributes)
    description.forms.push_back(picker.pick(kind.attributes[attribute].statements));
  return description;
}

std::string wrong_value(const World& world, const Entity& entity, const Entity& second,
                        std::size_t attribute, Pool pool, Picker& picker) {
  const std::string& truth = entity.values[attribute];
  if (second.values[attribute] != truth && picker.chance(50)) return second.values[attribute];
  return other_value(world, entity.kind->attributes[attribute], truth, pool, picker);
}

std::string bound_near(const Attribute& attribute, std::string_view truth, bool above,
                       Picker& picker) {
  const std::int64_t most =
      std::max<std::int64_t>(1, (attribute.values.high - attribute.values.low) / 4);
  const std::int64_t away = picker.between(1, most);
  return std::to_string(
      std::max<std::int64_t>(0, std::stoll(std::string(truth)) + (above ? -away : away)));
}

std::string join(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i ? std::string(between) : "") + parts[i];
  return text;
}

}  // namespace rankscope::embedded
