#include "experiments/sweep/rank_budget.h"

#include <fmt/format.h>

#include "common/error.h"
#include "engine/methods/method.h"

namespace rankscope {
namespace {

std::int64_t parameters_at(std::int64_t rank, const std::string& method,
                           std::map<std::string, std::string> values, const ModelShape& shape) {
  values["rank"] = std::to_string(rank);
  Settings settings(std::move(values));
  return make_method(method, settings)->trainable_parameters(shape);
}

}  // namespace

std::string with_commas(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::ptrdiff_t at = std::ssize(text) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return text;
}

BudgetedRank rank_for_budget(std::int64_t budget, const std::string& method,
                             const std::map<std::string, std::string>& settings,
                             const ModelShape& shape) {
  // The number is a + b r; a is what does not depend on the rank.
  const std::int64_t at_one = parameters_at(1, method, settings, shape);
  const std::int64_t step = parameters_at(2, method, settings, shape) - at_one;
  if (at_one > 2 * budget || step <= 0) {
    throw InputError(fmt::format("a budget of {} parameters is too small: rank 1 has {}",
                                 with_commas(budget), with_commas(at_one)));
  }
  if (budget <= at_one) return {1, at_one};
  const std::int64_t below = 1 + (budget - at_one) / step;
  const std::int64_t missed = (budget - at_one) % step;
  const std::int64_t rank = missed > step - missed ? below + 1 : below;
  return {rank, at_one + (rank - 1) * step};
}

std::string budget_note(std::int64_t budget, const BudgetedRank& got) {
  if (got.parameters == budget) return {};
  const double missed = static_cast<double>(got.parameters - budget) / static_cast<double>(budget);
  return fmt::format("budget of {} parameters: rank {} has {} ({:+.1f} %)", with_commas(budget),
                     got.rank, with_commas(got.parameters), 100 * missed);
}

}  // namespace rankscope
