#include "experiments/claims/judgement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "experiments/claims/contrasts.h"
#include "experiments/claims/cut_prompts.h"
#include "experiments/claims/label_words.h"
#include "experiments/claims/latency_evidence.h"
#include "experiments/claims/paper_kind.h"
#include "experiments/claims/rate_search.h"
#include "experiments/claims/trial_states.h"
#include "experiments/claims/unequal_training.h"
#include "metrics/best_set.h"
#include "metrics/crossed_design.h"

namespace rankscope {

namespace {

// The task that a contrast's name begins with ("mnli_100: ...").
std::string task_in(const EvaluatedContrast& contrast) {
  return contrast.finding.name.substr(0, contrast.finding.name.find(':'));
}

// How many of the claim's contrasts can be computed. The same on several tasks of one kind is one:
// a sweep of MNLI at four sizes does not say more of a claim than one of MNLI and WikiSQL.
std::size_t usable(const std::vector<EvaluatedContrast>& contrasts, const EvidenceSweep& sweep) {
  std::set<std::pair<std::string, std::string>> different;
  for (const EvaluatedContrast& c : contrasts) {
    if (!c.contrast) continue;
    const std::string task = task_in(c);
    const auto group = std::ranges::find(sweep.groups, task, &EvidenceGroup::task);
    different.emplace(group == sweep.groups.end() ? task : group->kind,
                      c.finding.name.substr(task.size()));
  }
  return different.size();
}

// On a side of a contrast that could be computed, the untrained base's left out: it has none.
std::int64_t fewest_seeds(const std::vector<EvaluatedContrast>& contrasts) {
  std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
  for (const EvaluatedContrast& c : contrasts) {
    if (!c.contrast) continue;
    if (!c.fixed.left) fewest = std::min(fewest, c.finding.seeds_left);
    if (!c.fixed.right) fewest = std::min(fewest, c.finding.seeds_right);
  }
  return fewest;
}

const char* verdict_word(ClaimVerdict verdict) {
  switch (verdict) {
    case ClaimVerdict::kHolds:
      return "holds";
    case ClaimVerdict::kContradicted:
      return "contradicted";
    case ClaimVerdict::kUnderpowered:
      break;
  }
  return "underpowered";
}

struct Evaluated {
  const Claim* claim = nullptr;
  const EvidenceSweep* sweep = nullptr;
  std::vector<EvaluatedContrast> contrasts;
  std::vector<const EvidenceSweep*> unused;  // that have some of its contrasts too
};

Evaluated evaluate_on_best(const Claim& claim, Evidence& evidence) {
  Evaluated best{&claim, nullptr, {}, {}};
  std::vector<const EvidenceSweep*> telling;
  for (const EvidenceSweep& sweep : evidence.sweeps()) {
    std::vector<EvaluatedContrast> contrasts = evaluate(claim, sweep, evidence);
    if (usable(contrasts, sweep) > 0) telling.push_back(&sweep);
    // One contrast that lacks leaves the claim without a verdict. Of equals the sweep of more
    // seeds, then that of more settings: there "the largest rank" is one of several.
    const auto worth = [](const std::vector<EvaluatedContrast>& c, const EvidenceSweep& of) {
      const bool complete = std::ranges::all_of(
          c, [](const EvaluatedContrast& one) { return one.contrast.has_value(); });
      const std::size_t count = usable(c, of);
      return std::tuple(complete, count, count == 0 ? c.size() : 0, fewest_seeds(c),
                        of.groups.size());
    };
    const bool better =
        best.sweep == nullptr || worth(contrasts, sweep) > worth(best.contrasts, *best.sweep);
    if (better) best = {&claim, &sweep, std::move(contrasts), {}};
  }
  std::erase(telling, best.sweep);
  best.unused = std::move(telling);
  return best;
}

std::vector<std::string> tasks_in(const std::vector<EvaluatedContrast>& contrasts) {
  std::vector<std::string> tasks;
  for (const EvaluatedContrast& c : contrasts) {
    const std::string task = task_in(c);
    if (std::ranges::find(tasks, task) == tasks.end()) tasks.push_back(task);
  }
  return tasks;
}

// That scored examples were not unseen: of a claim on scores on the tasks that it compares, and of
// any that holds on the paper's size on all of the sweep, where it is not called reproduced for it.
std::string seen_clause(const Evaluated& e, const std::string& verdict) {
  const bool refused =
      verdict == "holds" && is_of_paper_size(*e.sweep) && !is_of_paper_kind(*e.sweep);
  std::vector<std::string> tasks;
  if (e.claim->statistic == "score") tasks = tasks_in(e.contrasts);
  if (refused)
    for (const SeenTask& seen : e.sweep->seen) tasks.push_back(seen.task);
  const std::string seen = seen_examples_of(*e.sweep, tasks);
  if (seen.empty()) return {};
  return seen + (refused ? ", so that it is not called reproduced"
                         : ", so that the verdict says nothing of unseen ones");
}

// Names with a margin that no trial of the sweep has as its task or its task's kind.
std::vector<std::string> tasks_without_trials(const Claim& claim, const EvidenceSweep& sweep) {
  std::vector<std::string> names;
  for (const auto& [name, margin] : claim.margins) {
    const bool known =
        std::ranges::find(sweep.groups, name, &EvidenceGroup::task) != sweep.groups.end() ||
        std::ranges::find(sweep.groups, name, &EvidenceGroup::kind) != sweep.groups.end();
    if (!known) names.push_back(name);
  }
  return names;
}

// Tasks of the sweep that the claim's contrasts leave out. A latency is of no task.
std::vector<std::string> tasks_not_compared(const Evaluated& e) {
  std::vector<std::string> names;
  if (e.claim->statistic == "latency") return names;
  const std::vector<std::string> compared = tasks_in(e.contrasts);
  for (const EvidenceGroup& group : e.sweep->groups)
    if (std::ranges::find(compared, group.task) == compared.end() &&
        std::ranges::find(names, group.task) == names.end())
      names.push_back(group.task);
  return names;
}

// Why a claim was not run: what the first contrast that lacks something lacks, and where it is of a
// task that the sweep has, which that is: others may lack nothing.
std::string not_run(const Evaluated& e) {
  const auto lacks = [](const EvaluatedContrast& c) { return !c.contrast; };
  const auto first = std::ranges::find_if(e.contrasts, lacks);
  if (first == e.contrasts.end()) return "";
  const std::string task = task_in(*first);
  if (task == first->finding.name ||
      std::ranges::find(e.sweep->groups, task, &EvidenceGroup::task) == e.sweep->groups.end())
    return first->finding.missing;
  std::string text = first->finding.name + ": " + first->finding.missing;
  if (e.contrasts.size() > 1)
    text += fmt::format("; {} of {} differences lack something",
                        std::ranges::count_if(e.contrasts, lacks), e.contrasts.size());
  return text;
}

// The sentence below a verdict.
std::string explanation(const Evaluated& e, const ClaimFinding& finding) {
  const std::string& verdict = finding.verdict;
  if (verdict == "not run") return not_run(e);
  std::vector<std::string> parts;
  std::int64_t inside = 0;
  for (const EvaluatedContrast& c : e.contrasts)
    inside += c.finding.estimate &&
              depth_inside(c.contrast->region, c.finding.margin, *c.finding.estimate) > 0;
  parts.push_back(fmt::format("{} of {} differences lie where the claim puts them", inside,
                              e.contrasts.size()));
  // The one that is furthest from what the claim says.
  const auto worst = std::ranges::max_element(
      e.contrasts, {}, [](const EvaluatedContrast& c) { return c.finding.p_inside.value_or(0); });
  parts.push_back(fmt::format("the weakest is {}, {:.3g} [{:.3g}, {:.3g}] {}", worst->finding.name,
                              *worst->finding.estimate, *worst->finding.low, *worst->finding.high,
                              worst->finding.unit));
  if ((verdict == "holds" || verdict == "reproduced") && finding.control_verdict == "holds")
    parts.push_back(
        fmt::format("it holds on its control ({}) too, and so says nothing", finding.control));
  for (std::string& clause : unfinished_of(e.contrasts)) parts.push_back(std::move(clause));
  for (std::string& clause : diverged_of(e.contrasts, e.claim->statistic))
    parts.push_back(std::move(clause));
  if (verdict == "underpowered") {
    // One seed on a side leaves the claim open, whatever the weakest shows.
    const auto open = std::ranges::find_if(
        e.contrasts, [](const EvaluatedContrast& c) { return !c.contrast->estimate.verdict; });
    parts.push_back((open == e.contrasts.end() ? worst : open)->finding.needed);
  }
  if (std::string seen = seen_clause(e, verdict); !seen.empty()) parts.push_back(std::move(seen));
  for (std::string& unequal : unequal_trainings(e.contrasts)) parts.push_back(std::move(unequal));
  for (std::string& search : unequal_searches(e.contrasts)) parts.push_back(std::move(search));
  for (std::string& cut : cuts_of(e.contrasts)) parts.push_back(std::move(cut));
  const std::vector<std::string> absent = tasks_without_trials(*e.claim, *e.sweep);
  if (!absent.empty())
    parts.push_back(fmt::format("nothing is said of {}: the sweep has no trials of that name",
                                fmt::join(absent, ", ")));
  const std::vector<std::string> left_out = tasks_not_compared(e);
  if (!left_out.empty())
    parts.push_back(
        fmt::format("not compared of the sweep's tasks: {}", fmt::join(left_out, ", ")));
  std::vector<std::string> unused;
  for (const EvidenceSweep* sweep : e.unused)
    unused.push_back(fmt::format("sweep {} on {}", sweep->sweep, sweep->base));
  if (!unused.empty())
    parts.push_back(fmt::format("not used is what {} shows of it", fmt::join(unused, ", ")));
  return fmt::format("{}", fmt::join(parts, "; "));
}

ClaimFinding finding_of(const Evaluated& e) {
  ClaimFinding finding;
  finding.id = e.claim->id;
  finding.title = e.claim->title;
  finding.source = e.claim->source;
  finding.published = e.claim->published;
  finding.statistic = e.claim->statistic;
  finding.control = e.claim->control;
  finding.verdict = "not run";
  finding.control_verdict = "not run";
  if (e.sweep != nullptr) {
    finding.sweep = e.sweep->sweep;
    finding.base = e.sweep->base;
    finding.data = fmt::format("{}", fmt::join(tasks_in(e.contrasts), ", "));
  }
  for (const EvaluatedContrast& c : e.contrasts) {
    finding.contrasts.push_back(c.finding);
    if (!c.control) continue;
    const Interval both = interval(c.control->estimate);
    finding.contrasts.back().control_estimate = c.control->estimate.value;
    finding.contrasts.back().control_low = both.low;
    finding.contrasts.back().control_high = both.high;
  }
  return finding;
}

// Judges the contrasts that `pick` gives of the claims that are complete.
template <typename Pick>
std::vector<std::optional<ClaimVerdict>> verdicts(const std::vector<Evaluated>& evaluated,
                                                  double alpha, Pick&& pick) {
  std::vector<std::vector<Contrast>> asked;
  std::vector<std::size_t> of;
  for (std::size_t i = 0; i < evaluated.size(); ++i) {
    std::vector<Contrast> contrasts;
    for (const EvaluatedContrast& c : evaluated[i].contrasts)
      if (const std::optional<Contrast>& one = pick(c)) contrasts.push_back(*one);
    if (contrasts.empty() || contrasts.size() != evaluated[i].contrasts.size()) continue;
    asked.push_back(std::move(contrasts));
    of.push_back(i);
  }
  std::vector<std::optional<ClaimVerdict>> all(evaluated.size());
  const std::vector<ClaimVerdict> judged = judge(asked, alpha);
  for (std::size_t i = 0; i < of.size(); ++i) all[of[i]] = judged[i];
  return all;
}

// judge() leaves out what one seed leaves open.
bool is_tested(const Evaluated& e) {
  return std::ranges::all_of(
      e.contrasts, [](const EvaluatedContrast& c) { return c.contrast->estimate.verdict; });
}

// A trial without results does not say how many it trains: on another task they are as many.
std::optional<std::int64_t> parameters_of(const EvidenceSweep& sweep, const EvidenceGroup& group) {
  if (group.parameters) return group.parameters;
  const auto same = [](const EvidenceGroup& g) {
    return std::tie(g.method, g.targets, g.rank, g.size, g.others);
  };
  const auto found = std::ranges::find_if(sweep.groups, [&](const EvidenceGroup& other) {
    return other.parameters && same(other) == same(group);
  });
  return found == sweep.groups.end() ? std::nullopt : found->parameters;
}

class Scores {
 public:
  Scores(Evidence& evidence, Findings& findings) : evidence_(evidence), findings_(findings) {}

  void add_all() {
    for (const EvidenceSweep& sweep : evidence_.sweeps())
      for (const EvidenceGroup& group : sweep.groups) add(sweep, group);
    mark_best();
  }

 private:
  void add(const EvidenceSweep& sweep, const EvidenceGroup& group) {
    std::vector<std::string> metrics = evidence_.metrics(group);
    // A setting without outcomes has its row, too, which says so.
    if (metrics.empty()) metrics.push_back(expected_metric(group));
    const std::string headline = headline_metric(group, metrics);
    for (const std::string& metric : metrics) {
      ScoreFinding score;
      score.sweep = group.sweep;
      score.base = sweep.base;
      score.task = group.task;
      score.kind = group.kind;
      score.metric = metric;
      score.method = group.shuffled_targets ? group.method + " on shuffled targets" : group.method;
      score.targets = group.targets;
      score.size = group.size;
      score.others = group.others;
      score.variant = group.variant;
      score.setting = group.setting;
      score.group = group.label;
      score.rank = group.rank;
      score.parameters = parameters_of(sweep, group);
      score.train_examples = group.train_examples;
      score.scored_cut = group.scored_cut;
      score.trained_cut = group.trained_cut;
      score.headline = !metric.empty() && metric == headline;
      score.missing = group.unfinished;
      if (metric == "accuracy") score.label_words = label_words(evidence_.results(), group);
      for (const EvidenceTrial& trial : group.trials) {
        score.seeds.push_back(trial.seed);
        score.diverged += trial.state == "diverged";
      }
      const RealMatrix outcomes = metric.empty() ? RealMatrix() : evidence_.outcomes(group, metric);
      if (outcomes.size() == 0) {
        score.note =
            group.trials.empty() ? "no trial is finished" : "its trials have no outcomes in common";
      } else if (outcomes.cols() < 2) {
        score.examples = outcomes.cols();
        score.mean = 100 * outcomes.mean();
        score.note = "one example: there is no interval";
      } else {
        const Interval both = mean_interval(outcomes);
        score.examples = outcomes.cols();
        score.mean = 100 * outcomes.mean();
        score.low = 100 * both.low;
        score.high = 100 * both.high;
        if (outcomes.rows() == 1 && group.method != "none")
          score.note = "one seed: the interval is of other examples for this run alone";
        if (score.headline && !group.shuffled_targets && group.method != "none")
          contenders_[{group.sweep, group.task}].push_back(
              {findings_.scores.size(), outcomes, evidence_.examples(group, metric)});
      }
      findings_.scores.push_back(std::move(score));
    }
  }

  // A setting that may be the best of its task in its sweep.
  struct Contender {
    std::size_t score;  // index in findings_.scores
    RealMatrix outcomes;
    std::vector<std::string> examples;
  };

  // Settings that cannot be told from the best of their task in their sweep, among those that were
  // scored on the most usual examples, of several the most.
  void mark_best() {
    for (auto& cell : contenders_) {
      auto& contenders = cell.second;
      std::map<std::vector<std::string>, std::size_t> settings;  // by their examples
      for (const Contender& c : contenders) ++settings[c.examples];
      const std::vector<std::string> usual =
          std::ranges::max_element(settings, {}, [](const auto& entry) {
            return std::pair(entry.second, entry.first.size());
          })->first;
      std::erase_if(contenders, [&](const Contender& c) {
        const bool is_other = c.examples != usual;
        if (is_other) findings_.scores[c.score].other_examples = true;
        return is_other;
      });
      std::vector<RealMatrix> groups;
      for (const Contender& c : contenders) groups.push_back(c.outcomes);
      for (const std::size_t i : best_set(groups))
        findings_.scores[contenders[i].score].among_best = true;
    }
  }

  Evidence& evidence_;
  Findings& findings_;
  std::map<std::pair<std::string, std::string>, std::vector<Contender>> contenders_;
};

}  // namespace

Findings judge_results(const ClaimsFile& claims, Evidence& evidence) {
  Findings findings;
  findings.alpha = claims.alpha;
  findings.claims_file = claims.name;
  findings.claims_file_hash = claims.hash;
  findings.claims_changed = claims.changed;
  std::vector<Evaluated> evaluated;
  for (const Claim& claim : claims.claims) evaluated.push_back(evaluate_on_best(claim, evidence));
  const auto judged =
      verdicts(evaluated, claims.alpha, [](const EvaluatedContrast& c) { return c.contrast; });
  const auto on_control =
      verdicts(evaluated, claims.alpha, [](const EvaluatedContrast& c) { return c.control; });
  for (std::size_t i = 0; i < evaluated.size(); ++i) {
    ClaimFinding finding = finding_of(evaluated[i]);
    if (judged[i]) finding.verdict = verdict_word(*judged[i]);
    findings.claims_tested += judged[i] && is_tested(evaluated[i]);
    if (finding.verdict == "holds" && is_of_paper_kind(*evaluated[i].sweep))
      finding.verdict = "reproduced";
    if (on_control[i]) finding.control_verdict = verdict_word(*on_control[i]);
    finding.explanation = explanation(evaluated[i], finding);
    findings.claims.push_back(std::move(finding));
  }
  Scores(evidence, findings).add_all();
  findings.latencies = latency_findings(evidence);
  return findings;
}

}  // namespace rankscope
