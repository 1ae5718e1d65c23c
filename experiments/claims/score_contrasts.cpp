// Differences between the scores of two groups of trials, in points of 100.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/draws.h"
#include "experiments/claims/contrasts.h"
#include "experiments/claims/unequal_training.h"
#include "metrics/crossed_design.h"
#include "results/parameter_budgets.h"

namespace rankscope {

namespace {

constexpr double kPoints = 100;

struct Sides {
  const EvidenceGroup* left = nullptr;
  const EvidenceGroup* right = nullptr;
};

class ScoreContrasts {
 public:
  ScoreContrasts(const Claim& claim, const EvidenceSweep& sweep, Evidence& evidence)
      : claim_(claim), sweep_(sweep), evidence_(evidence) {
    for (const EvidenceGroup& group : sweep_.groups)
      if (is_low_rank(group)) budgets_.add(spent_by(group));
  }

  std::vector<EvaluatedContrast> run() {
    const std::vector<std::string> tasks = tasks_of_claim();
    std::vector<EvaluatedContrast> all;
    for (const std::string& task : tasks) {
      const std::optional<std::int64_t> budget =
          claim_.equal_parameters ? common_budget(task) : std::nullopt;
      for (const ClaimContrast& contrast : claim_.contrasts)
        all.push_back(evaluate_one(task, contrast, budget));
    }
    if (all.empty()) {
      std::string wanted;
      for (const auto& [kind, margin] : claim_.margins)
        wanted += (wanted.empty() ? "" : ", ") + kind;
      EvaluatedContrast none = begin_contrast(claim_.contrasts.front(), wanted, "points",
                                              claim_.margins.begin()->second);
      none.finding.missing = claim_.fewest_examples
                                 ? "no sweep trains on several numbers of examples of " + wanted
                                 : "no sweep has " + wanted;
      all.push_back(std::move(none));
    }
    return all;
  }

 private:
  // By the task's name in the sweep, or by its kind.
  std::optional<double> margin_of(const EvidenceGroup& group) const {
    for (const std::string& name : {group.task, group.kind})
      if (const auto margin = claim_.margins.find(name); margin != claim_.margins.end())
        return margin->second;
    return std::nullopt;
  }

  std::vector<std::string> tasks_of_claim() const {
    std::vector<std::string> tasks;
    std::set<std::int64_t> sizes;
    const EvidenceGroup* fewest = nullptr;
    for (const EvidenceGroup& group : sweep_.groups) {
      if (!margin_of(group)) continue;
      if (std::ranges::find(tasks, group.task) == tasks.end()) tasks.push_back(group.task);
      if (group.method == "none" || !group.train_examples) continue;
      sizes.insert(*group.train_examples);
      if (fewest == nullptr || *group.train_examples < *fewest->train_examples) fewest = &group;
    }
    if (!claim_.fewest_examples) return tasks;
    if (sizes.size() < 2) return {};
    return {fewest->task};
  }

  static bool is_low_rank(const EvidenceGroup& group) {
    return group.method == "lora" && group.rank && group.parameters;
  }
  static ParameterBudgets::Spent spent_by(const EvidenceGroup& group) {
    return {group.sweep, group.label, group.targets, *group.rank, *group.parameters};
  }
  std::optional<std::int64_t> budget_of(const EvidenceGroup& group) const {
    return is_low_rank(group) ? budgets_.of(spent_by(group)) : group.parameters;
  }

  // The largest number of parameters at which every contrast has both its sides.
  std::optional<std::int64_t> common_budget(const std::string& task) const {
    std::optional<std::int64_t> best;
    for (const EvidenceGroup& group : sweep_.groups) {
      const std::optional<std::int64_t> budget = budget_of(group);
      if (!budget || (best && *budget <= *best)) continue;
      const bool everywhere =
          std::ranges::all_of(claim_.contrasts, [&](const ClaimContrast& contrast) {
            return at_budget(contrast.left, task, *budget) != nullptr &&
                   at_budget(contrast.right, task, *budget) != nullptr;
          });
      if (everywhere) best = budget;
    }
    return best;
  }

  const EvidenceGroup* at_budget(const GroupSelector& selector, const std::string& task,
                                 std::int64_t budget) const {
    for (const EvidenceGroup* group : select_groups(selector, sweep_, task))
      if (budget_of(*group) == budget) return group;
    return nullptr;
  }

  Sides sides(const std::string& task, const ClaimContrast& contrast,
              const std::optional<std::int64_t>& budget) const {
    if (claim_.equal_parameters) {
      if (!budget) return {};
      return {at_budget(contrast.left, task, *budget), at_budget(contrast.right, task, *budget)};
    }
    const auto left = select_groups(contrast.left, sweep_, task),
               right = select_groups(contrast.right, sweep_, task);
    return {left.empty() ? nullptr : left.front(), right.empty() ? nullptr : right.front()};
  }

  std::string missing_side(const std::string& task, const ClaimContrast& contrast) const {
    for (const GroupSelector& side : {contrast.left, contrast.right})
      if (select_groups(side, sweep_, task).empty()) return nothing_selected(side, sweep_);
    return "the sweep has no finished trials of " + selector_name(contrast.left) +
           " at a number of parameters that all sides have";
  }

  // What sides of one budget spend where it is not the same.
  std::string parameters_missed(const Sides& found) const {
    if (!claim_.equal_parameters || found.left->parameters == found.right->parameters) return "";
    return fmt::format(", {} against {} parameters", *found.left->parameters,
                       *found.right->parameters);
  }

  EvaluatedContrast evaluate_one(const std::string& task, const ClaimContrast& contrast,
                                 const std::optional<std::int64_t>& budget) {
    const double margin = *margin_of(*std::ranges::find(sweep_.groups, task, &EvidenceGroup::task));
    const Sides found = sides(task, contrast, budget);
    if (found.left == nullptr || found.right == nullptr) {
      EvaluatedContrast made = begin_contrast(
          contrast,
          task + ": " + selector_name(contrast.left) + " against " + selector_name(contrast.right),
          "points", margin);
      made.finding.missing = missing_side(task, contrast);
      return made;
    }
    EvaluatedContrast made = begin_contrast(contrast,
                                            task + ": " + group_name(*found.left) + " against " +
                                                group_name(*found.right) + parameters_missed(found),
                                            "points", margin);
    if (found.left == found.right) {
      made.finding.missing =
          "the sweep has one such setting, " + group_name(*found.left) + "; two are compared";
      return made;
    }
    const std::string metric = headline_metric(*found.left, evidence_.metrics(*found.left));
    const RealMatrix left = evidence_.outcomes(*found.left, metric),
                     right = evidence_.outcomes(*found.right, metric);
    if (left.size() == 0 || right.size() == 0 ||
        !on_same_examples(*found.left, *found.right, metric)) {
      made.finding.missing = "the two sides were not scored on the same examples";
      return made;
    }
    if (left.cols() < 2) {
      made.finding.missing = "one example was scored; a difference needs two at least";
      return made;
    }
    made.scored = {found.left, found.right};
    made.unequal_training = unequal_training(*found.left, *found.right, BearsOn::kScore);
    made.finding.seeds_left = left.rows();
    made.finding.seeds_right = right.rows();
    made.finding.examples = left.cols();
    // The untrained base has one trial, which no seed could change.
    const auto is_fixed = [](const EvidenceGroup& group, const RealMatrix& outcomes) {
      return group.method == "none" && outcomes.rows() == 1;
    };
    made.fixed = {.left = is_fixed(*found.left, left), .right = is_fixed(*found.right, right)};
    if ((!made.fixed.left && left.rows() < claim_.seeds) ||
        (!made.fixed.right && right.rows() < claim_.seeds)) {
      made.finding.missing = fmt::format("{} and {} seeds are finished, {} are needed", left.rows(),
                                         right.rows(), claim_.seeds);
      return made;
    }
    add_estimate(made, in_points(difference_estimate(left, right, made.fixed)), contrast.region);
    made.finding.needed = needed_for_scores(left, right, made);
    if (const auto found_control =
            control_estimate(found, metric, left, right, made.fixed, made.finding.name))
      made.control = Contrast{*found_control, contrast.region, margin};
    return made;
  }

  // Of groups that have outcomes.
  bool on_same_examples(const EvidenceGroup& left, const EvidenceGroup& right,
                        const std::string& metric) {
    return evidence_.examples(left, metric) == evidence_.examples(right, metric);
  }

  static Estimate in_points(Estimate estimate) {
    estimate.value *= kPoints;
    estimate.variance *= kPoints * kPoints;
    return estimate;
  }

  static std::string needed_for_scores(const RealMatrix& left, const RealMatrix& right,
                                       const EvaluatedContrast& made) {
    if (!made.contrast->estimate.verdict)
      return "one seed tells nothing of other seeds: run two at least";
    return needed_text(made, [&](double distance) {
      const Needed needed = needed_for(left, right, distance / kPoints, made.fixed);
      if (!needed.seeds && !needed.examples)
        return std::string("neither more seeds nor more examples alone suffice");
      return number_text(needed.seeds, "seeds at these examples") + " or " +
             number_text(needed.examples, "examples at these seeds");
    });
  }

  std::optional<Estimate> control_estimate(const Sides& found, const std::string& metric,
                                           const RealMatrix& left, const RealMatrix& right,
                                           FixedSides fixed, const std::string& name) {
    if (claim_.control == "base") {
      // The untrained base in the left side's place.
      const EvidenceGroup* base = evidence_.base_of(*found.left);
      if (base == nullptr) return std::nullopt;
      const RealMatrix outcomes = evidence_.outcomes(*base, metric);
      if (outcomes.rows() < 1 || !on_same_examples(*base, *found.right, metric))
        return std::nullopt;
      return in_points(
          difference_estimate(outcomes.topRows(1), right, {.left = true, .right = fixed.right}));
    }
    // Each example's outcomes are dealt out anew between the two sides.
    const Draws draws(0, "null", claim_.id + ": " + name);
    RealMatrix pooled(left.rows() + right.rows(), left.cols());
    pooled << left, right;
    RealMatrix dealt = pooled;
    for (Eigen::Index example = 0; example < pooled.cols(); ++example) {
      const auto order = draws.at_step(static_cast<std::uint64_t>(example))
                             .permutation(static_cast<std::uint64_t>(pooled.rows()));
      for (Eigen::Index i = 0; i < pooled.rows(); ++i)
        dealt(i, example) =
            pooled(static_cast<Eigen::Index>(order[static_cast<std::size_t>(i)]), example);
    }
    return in_points(
        difference_estimate(dealt.topRows(left.rows()), dealt.bottomRows(right.rows()), fixed));
  }

  const Claim& claim_;
  const EvidenceSweep& sweep_;
  Evidence& evidence_;
  ParameterBudgets budgets_;
};

}  // namespace

std::vector<EvaluatedContrast> score_contrasts(const Claim& claim, const EvidenceSweep& sweep,
                                               Evidence& evidence) {
  return ScoreContrasts(claim, sweep, evidence).run();
}

}  // namespace rankscope
