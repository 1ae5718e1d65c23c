#include "experiments/sweep/rank_budget.h"

#include <fmt/format.h>

#include <functional>

#include "common/error.h"
#include "engine/methods/lora_settings.h"
#include "engine/methods/method.h"

namespace rankscope {
namespace {

std::int64_t parameters_at(std::int64_t rank, const std::string& method,
                           std::map<std::string, std::string> values, const ModelShape& shape) {
  values["rank"] = std::to_string(rank);
  Settings settings(std::move(values));
  return make_method(method, settings)->trainable_parameters(shape);
}

// The largest rank that the other settings and the model allow, of which 1 is one.
std::int64_t largest_rank(const std::function<std::int64_t(std::int64_t)>& parameters_of) {
  const auto is_allowed = [&](std::int64_t rank) {
    try {
      parameters_of(rank);
      return true;
    } catch (const SettingError&) {
      return false;
    }
  };
  if (is_allowed(kMaxRank)) return kMaxRank;
  std::int64_t allowed = 1, refused = kMaxRank;
  while (refused - allowed > 1) {
    const std::int64_t middle = allowed + (refused - allowed) / 2;
    (is_allowed(middle) ? allowed : refused) = middle;
  }
  return allowed;
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
  const auto at = [&](std::int64_t rank) { return parameters_at(rank, method, settings, shape); };
  const std::int64_t at_one = at(1), most = largest_rank(at);
  if (most == 1 || at(2) == at_one) {
    throw InputError(fmt::format(
        "no rank follows from a budget: rank 2 has no more than rank 1's {} parameters; "
        "leave out what fixes their number, or give 'rank'",
        with_commas(at_one)));
  }
  if (at_one > 2 * budget) {
    throw InputError(fmt::format("a budget of {} parameters is too small: rank 1 has {}",
                                 with_commas(budget), with_commas(at_one)));
  }
  if (const std::int64_t at_most = at(most); at_most < budget) {
    throw InputError(fmt::format("a budget of {} parameters is too large: rank {} has {}",
                                 with_commas(budget), with_commas(most), with_commas(at_most)));
  }
  if (budget <= at_one) return {1, at_one};
  // The number grows with the rank, but not always by as much: AdaLoRA begins with 3 / 2 of it.
  std::int64_t below = 1, above = most;
  while (above - below > 1) {
    const std::int64_t middle = below + (above - below) / 2;
    (at(middle) < budget ? below : above) = middle;
  }
  const std::int64_t less = at(below), more = at(above);
  if (budget - less <= more - budget) return {below, less};
  return {above, more};
}

std::string budget_note(std::int64_t budget, const BudgetedRank& got) {
  if (got.parameters == budget) return {};
  const double missed = static_cast<double>(got.parameters - budget) / static_cast<double>(budget);
  return fmt::format("budget of {} parameters: rank {} has {} ({:+.1f} %)", with_commas(budget),
                     got.rank, with_commas(got.parameters), 100 * missed);
}

}  // namespace rankscope
