#include "experiments/sweep/expand.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "common/json.h"
#include "common/suggest.h"
#include "common/text.h"
#include "engine/methods/method.h"
#include "experiments/sweep/combination.h"
#include "experiments/sweep/trial.h"
#include "experiments/sweep/trial_identity.h"

namespace rankscope {
namespace {

// More is a slip in a grid: a year of two-minute trials is 262,800 on one worker.
constexpr std::size_t kMostTrials = 20'000;
// Of trials times the file's bytes: each trial may hold most of the file (a template's texts).
constexpr std::size_t kMostText = std::size_t{1} << 30;

class Expander {
 public:
  Expander(const SweepPlan& plan, const ModelShape& shape, Sweep& sweep)
      : plan_(plan), shape_(shape), sweep_(sweep) {}

  void run() {
    for (const GroupPlan& group : plan_.groups) add_group(group);
    add_bases();
    for (const auto& [groups, count] : merged_) {
      sweep_.notes.push_back(
          fmt::format("group '{}': {} of its trials {} also in group '{}'; each runs once, there",
                      groups.second, count, count == 1 ? "is" : "are", groups.first));
    }
    check_tuning_seed();
  }

 private:
  void add_group(const GroupPlan& group) {
    std::size_t count = group.zip.empty() ? 1 : group.zip.front().values.size();
    for (const Axis& axis : group.grid) {
      if (axis.values.size() > kMostTrials / count) refuse_size(axis.place);
      count *= axis.values.size();
    }
    const std::size_t a_combination = group.tasks.size() * group.seeds.size();
    if (count * a_combination > kMostTrials - std::min(kMostTrials, asked_)) {
      refuse_size(group.place);
    }
    asked_ += count * a_combination;
    if (asked_ * sweep_.text.size() > kMostText) {
      group.place.fail(
          fmt::format("{} trials of a file of {} bytes are too much; shorten its texts", asked_,
                      sweep_.text.size()));
    }
    for (std::size_t index = 0; index < count; ++index) {
      add_combination(group, combination(group, index));
    }
  }

  [[noreturn]] static void refuse_size(const YamlValue& place) {
    place.fail(fmt::format("the sweep has more than {} trials; is a list too many in a grid?",
                           kMostTrials));
  }

  // The values of one combination: the last key of grid changes fastest, zip slowest.
  std::map<std::string, YamlValue> combination(const GroupPlan& group, std::size_t index) const {
    std::map<std::string, YamlValue> values = plan_.training;
    const auto set = [&](const std::string& key, const YamlValue& value) {
      for (const std::string_view other : exclusive_with(key)) values.erase(std::string(other));
      values.insert_or_assign(key, value);
    };
    for (const auto& [key, value] : group.values) set(key, value);
    for (std::size_t i = group.grid.size(); i-- > 0;) {
      const Axis& axis = group.grid[i];
      set(axis.key, axis.values[index % axis.values.size()]);
      index /= axis.values.size();
    }
    for (const Axis& axis : group.zip) set(axis.key, axis.values[index]);
    return values;
  }

  void add_combination(const GroupPlan& group, std::map<std::string, YamlValue> values) {
    const Combination made(group, std::move(values), plan_.training, shape_);
    if (!made.note.empty()) note(fmt::format("group '{}': {}", group.name, made.note));
    if (!made.left_out.empty()) {
      note(fmt::format(
          "group '{}' is optional, and left out of it is what this base cannot have: {}",
          group.name, made.left_out));
      return;
    }
    refuse_unreached_rate(made);
    for (const std::string& name : group.tasks) {
      const TaskPlan& task =
          *std::ranges::find(plan_.tasks, name, [](const TaskPlan& t) { return t.config.name; });
      TrialConfig trial = made.trial;
      trial.group = group.name;
      trial.task = task.config;
      if (trial.method == "none") {
        add_base(std::move(trial), group.place);
        continue;
      }
      if (trial.eval_every == 0) {
        trial.task.held_out = {};
      } else {
        need_tail(task, "'eval_every'");
      }
      if (made.tuned) {
        trial.tuning = tuning(task, made);
        made.lr_place->checked([&] {
          Settings settings(trial.tuning->settings);
          make_method(trial.method, settings)->check_steps(trial.tuning->steps);
        });
      }
      for (const std::uint64_t seed : group.seeds) {
        trial.seed = seed;
        refuse_same_run(made.data_seed_place.value_or(group.place), trial);
        add(trial, group.place);
      }
    }
  }

  // The rate of step i of a warm-up of n steps is i / n of the one that is given, from i = 0. How
  // many steps epochs have is known once the data are read: the training warns then. Tuning runs
  // keep the warm-up, and most are shorter than the training.
  void refuse_unreached_rate(const Combination& made) const {
    const auto given = made.trial.settings.find("warmup_steps");
    if (given == made.trial.settings.end()) return;
    const double warmup = std::stod(given->second);
    const auto refuse = [&](const std::string& runs, std::int64_t steps, const char* more) {
      made.warmup_steps_place->fail(
          fmt::format("a warm-up of {} steps takes all {} of {}, which would never reach the "
                      "learning rate; give 'warmup_ratio', a share of the steps, or more {}",
                      given->second, steps, runs, more));
    };
    if (made.trial.steps > 0 && warmup >= static_cast<double>(made.trial.steps))
      refuse("the training", made.trial.steps, "'steps'");
    if (made.tuned && plan_.tuning && warmup >= static_cast<double>(plan_.tuning->steps))
      refuse("a tuning run", plan_.tuning->steps, "'tuning.steps'");
  }

  // With both of its seeds given, or the only one that its method heeds (dropout goes by
  // data_seed), `seed` is a label: two labels of one run would be counted as two seeds, that agree
  // to the last bit.
  void refuse_same_run(const YamlValue& place, const TrialConfig& trial) {
    TrialConfig run = trial;
    Settings settings(trial.settings);
    const bool draws = make_method(trial.method, settings)->draws();
    run.init_seed = draws ? trial.seed_of_start() : 0;
    run.data_seed = trial.seed_of_data();
    run.seed = 0;
    const auto [first, is_new] =
        runs_.emplace(trial_identity(run), std::pair(trial.seed, trial.group));
    const auto& [seed, group] = first->second;
    if (is_new || seed == trial.seed) return;
    const std::string why =
        draws ? "'init_seed' and 'data_seed' are the same; list one seed under 'seeds', or leave "
                "one of the two out"
              : "'data_seed' is the same and method '" + trial.method +
                    "' draws nothing by 'init_seed'; list one seed under 'seeds', or leave "
                    "'data_seed' out";
    place.fail(fmt::format("seed {} would train the adapter of seed {} of group '{}' again, as {}",
                           trial.seed, seed, group, why));
  }

  static void need_tail(const TaskPlan& task, const char* what) {
    if (!task.no_tail) return;
    task.tune_place.fail(
        fmt::format("{} needs held-out examples, and the training set takes the whole split; give "
                    "train.limit, or under 'tune' another split or a 'skip'",
                    what));
  }

  TrialConfig::Tuning tuning(const TaskPlan& task, const Combination& made) {
    if (!plan_.tuning) made.lr_place->fail("'lr: tuned' needs a section 'tuning' with the rates");
    need_tail(task, "'lr: tuned'");
    TrialConfig::Tuning tuning{.rates = plan_.tuning->rates,
                               .steps = plan_.tuning->steps,
                               .seed = plan_.tuning->seed,
                               .settings = made.trial.settings,
                               .train = task.config.train,
                               .score = task.config.held_out};
    if (plan_.tuning->per_trial) return tuning;
    // One search for all trials of a method that differ in its size and places alone: the first of
    // them stands for the others. Another scale, start or ratio of rates wants another rate.
    static constexpr std::array<const char*, 3> kVariants{"rslora", "init", "lr_ratio"};
    const auto is_of_variant = [](const std::string& key) {
      return std::ranges::any_of(kVariants,
                                 [&](const char* variant) { return is_setting(key, variant); });
    };
    std::map<std::string, std::string> training = made.trial.settings;
    std::erase_if(training, [&](const auto& entry) {
      return !training_settings().contains(entry.first) && !is_of_variant(entry.first);
    });
    const std::string key =
        OrderedJson{made.trial.method, task.config.name, training}.dump(-1, ' ', true);
    tuning.settings = tuned_.emplace(key, tuning.settings).first->second;
    return tuning;
  }

  // The base learns nothing: what says how to train is no part of its trial.
  void add_base(TrialConfig trial, const YamlValue& place) {
    trial.seed = 0;
    trial.task.train.data.clear();
    trial.task.train.limit = trial.task.train.skip = 0;
    trial.task.held_out = {};
    add(std::move(trial), place);
  }

  void add(TrialConfig trial, const YamlValue& place) {
    trial.precision = plan_.precision;
    const Origin origin{trial.group, given_seeds(trial)};
    const auto [known, is_new] = known_.emplace(trial_identity(trial), origin);
    const Origin& first = known->second;
    if (is_new) {
      sweep_.trials.push_back(std::move(trial));
    } else if (first.given != origin.given) {
      place.fail(
          fmt::format("seed {} of {} is the trial of {} and would count there alone; leave "
                      "that seed out of one of the two",
                      trial.seed, text_of(origin), text_of(first)));
    } else {
      ++merged_[{first.group, trial.group}];
    }
  }

  // Where a trial stands in the file. The seeds that its group gives it are a part of its setting,
  // though they are no part of its identity where they are its seed anyway.
  struct Origin {
    std::string group;
    IdentityKeys given;
  };

  static std::string text_of(const Origin& origin) {
    std::vector<std::string> given;
    for (const auto& [key, seed] : origin.given) given.push_back("'" + key + "' is " + seed);
    const std::string group = "group '" + origin.group + "'";
    return given.empty() ? group : group + ", whose " + listed(given) + ",";
  }

  void add_bases() {
    std::vector<TrialConfig> bases;
    for (const TaskPlan& task : plan_.tasks) {
      const bool has = std::ranges::any_of(sweep_.trials, [&](const TrialConfig& trial) {
        return trial.method == "none" && trial.task.name == task.config.name;
      });
      if (has) continue;
      const std::size_t before = sweep_.trials.size();
      TrialConfig base;
      base.group = "base";
      base.method = "none";
      base.task = task.config;
      add_base(std::move(base), task.place);
      std::move(sweep_.trials.begin() + static_cast<std::ptrdiff_t>(before), sweep_.trials.end(),
                std::back_inserter(bases));
      sweep_.trials.resize(before);
    }
    sweep_.trials.insert(sweep_.trials.begin(), std::make_move_iterator(bases.begin()),
                         std::make_move_iterator(bases.end()));
  }

  void check_tuning_seed() const {
    if (!plan_.tuning) return;
    const std::uint64_t seed = plan_.tuning->seed;
    bool used = false;
    for (const TrialConfig& trial : sweep_.trials) {
      used |= trial.tuning.has_value();
      if (trial.method == "none") continue;
      if (trial.seed == seed || trial.init_seed == seed || trial.data_seed == seed) {
        plan_.tuning->place.fail(
            fmt::format("seed {} is scored in group '{}'; rates are tuned on a seed that is not",
                        seed, trial.group));
      }
    }
    if (!used) {
      sweep_.notes.push_back("'tuning' is given, and no group says 'lr: tuned': nothing is tuned");
    }
  }

  void note(std::string text) {
    if (noted_.insert(text).second) sweep_.notes.push_back(std::move(text));
  }

  const SweepPlan& plan_;
  const ModelShape& shape_;
  Sweep& sweep_;
  std::size_t asked_ = 0;
  std::map<std::string, Origin> known_;  // by trial_identity
  // Without the label of its seed -> the label and the group that come first.
  std::map<std::string, std::pair<std::uint64_t, std::string>> runs_;
  std::map<std::pair<std::string, std::string>, std::size_t> merged_;
  std::map<std::string, std::map<std::string, std::string>> tuned_;
  std::set<std::string> noted_;
};

}  // namespace

void expand(const SweepPlan& plan, const ModelShape& shape, Sweep& sweep) {
  Expander(plan, shape, sweep).run();
}

}  // namespace rankscope
