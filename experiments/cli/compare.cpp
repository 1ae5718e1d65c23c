// compare: two trials, example by example. It speaks of these two runs: other seeds may differ.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/json_optional.h"
#include "common/text.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/find_trial.h"
#include "metrics/crossed_design.h"
#include "metrics/mcnemar.h"
#include "results/cells.h"
#include "results/query.h"

namespace rankscope {

namespace {

struct CompareCommand {
  std::string folder, left, right;
  bool json = false;
};

using TrialOutcomes =
    std::map<std::string, std::map<std::string, double>>;  // metric -> example -> outcome

// Many files number their examples by line: one id means one example within a data set alone.
void require_one_dataset(ResultsReader& results, const std::string& left,
                         const std::string& right) {
  const auto row_of = [&](const std::string& trial) {
    return results
        .rows(
            "SELECT t.dataset, d.task, d.file FROM trials t LEFT JOIN dataset d ON d.dataset = "
            "t.dataset WHERE t.trial = ?",
            {trial})
        .at(0);
  };
  const Row one = row_of(left), other = row_of(right);
  if (one == other) return;
  const auto shown = [](const Row& row) {
    return fmt::format("{} {} (data set '{}')", printable(text_in(row[1])),
                       printable(text_in(row[2])), printable(text_in(row[0]), 12));
  };
  throw InputError(fmt::format(
      "trial {} was scored on {}, trial {} on {}; give two that were scored on the same examples "
      "with the same prompts",
      printable(left), shown(one), printable(right), shown(other)));
}

TrialOutcomes outcomes_of(ResultsReader& results, const std::string& trial) {
  TrialOutcomes outcomes;
  for (const Row& row :
       results.rows("SELECT metric, example, outcome FROM predictions_scored WHERE trial = ? AND "
                    "metric IS NOT NULL",
                    {trial})) {
    if (const auto outcome = number_in(row[2]))
      outcomes[text_in(row[0])][text_in(row[1])] = *outcome;
  }
  if (outcomes.empty())
    throw InputError("trial " + printable(trial) + " has no scored predictions");
  return outcomes;
}

struct Compared {
  double left = 0, right = 0;
  Estimate difference;
  std::optional<double> mcnemar;  // of outcomes that are 0 or 1
  Eigen::Index examples = 0;
};

Compared compare(const std::map<std::string, double>& left,
                 const std::map<std::string, double>& right) {
  std::vector<double> one, other;
  for (const auto& [example, outcome] : left) {
    const auto same = right.find(example);
    if (same == right.end()) continue;
    one.push_back(outcome);
    other.push_back(same->second);
  }
  if (one.size() == 1 && left.size() == 1 && right.size() == 1)
    throw InputError("the two trials were scored on one example; a comparison needs two at least");
  if (one.size() < 2 || one.size() != left.size() || one.size() != right.size())
    throw InputError("the two trials were not scored on the same examples");
  const auto count = static_cast<Eigen::Index>(one.size());
  const Eigen::Map<const RealVector> a(one.data(), count), b(other.data(), count);
  Compared result{.left = a.mean(),
                  .right = b.mean(),
                  .difference = difference_estimate(a.transpose(), b.transpose()),
                  .mcnemar = std::nullopt,
                  .examples = count};
  const auto binary = [](double v) { return v == 0 || v == 1; };
  if (std::ranges::all_of(one, binary) && std::ranges::all_of(other, binary))
    result.mcnemar = mcnemar_p(a, b);
  return result;
}

int run_compare(const CompareCommand& c) {
  exit_at_first_signal();
  ResultsReader results({c.folder});
  const std::string left = find_trial(results, c.folder, c.left, TrialsSought::kScored),
                    right = find_trial(results, c.folder, c.right, TrialsSought::kScored);
  if (left == right)
    throw InputError("both are trial " + printable(left) + "; give another to compare it with");
  const TrialOutcomes one = outcomes_of(results, left), other = outcomes_of(results, right);
  require_one_dataset(results, left, right);
  if (std::ranges::none_of(one, [&](const auto& entry) { return other.contains(entry.first); }))
    throw InputError("the two trials have no metric in common; give two of one task");
  if (!c.json)
    fmt::print(
        "{} against {}: these two runs alone, other seeds may differ\nmetric        left  right  "
        "difference [95 % "
        "over examples]  McNemar's p\n",
        left, right);
  for (const auto& [metric, outcomes] : one) {
    const auto same = other.find(metric);
    if (same == other.end()) continue;
    const Compared found = compare(outcomes, same->second);
    const Interval both = interval(found.difference);
    if (c.json) {
      const OrderedJson line{{"metric", metric},
                             {"left", found.left},
                             {"right", found.right},
                             {"difference", found.difference.value},
                             {"low", both.low},
                             {"high", both.high},
                             {"mcnemar_p", json_or_null(found.mcnemar)},
                             {"examples", found.examples}};
      std::puts(line.dump().c_str());
    } else {
      fmt::print(
          "{:12} {:5.1f}  {:5.1f}  {:5.1f} [{:.1f}, {:.1f}]  {}\n", printable(metric),
          100 * found.left, 100 * found.right, 100 * found.difference.value, 100 * both.low,
          100 * both.high,
          found.mcnemar ? fmt::format("{:.3g}", *found.mcnemar) : "- (outcomes are not 0 or 1)");
    }
  }
  return 0;
}

}  // namespace

void add_compare(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<CompareCommand>();
  CLI::App* command = app.add_subcommand("compare", "two trials of a sweep, example by example");
  command->add_option("folder", c->folder, "the sweep's folder")->required()->check(not_empty());
  command->add_option("left", c->left, "a trial's name, or its beginning")
      ->required()
      ->check(not_empty());
  command->add_option("right", c->right, "another")->required()->check(not_empty());
  command->add_flag("--json", c->json, "JSON Lines, one a metric");
  command->callback([c, &exit_code] { exit_code = run_compare(*c); });
}

}  // namespace rankscope
