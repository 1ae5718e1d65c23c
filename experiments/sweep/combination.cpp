#include "experiments/sweep/combination.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/settings.h"
#include "common/suggest.h"
#include "engine/methods/method.h"
#include "engine/training/trainer.h"
#include "experiments/limits.h"
#include "experiments/sweep/rank_budget.h"

namespace rankscope {
namespace {

constexpr double kMostEpochs = 1e6;

// What joins the items of a list given as one value; 0: the key takes no list. Joined methods may
// name theirs after themselves: dora_targets.
char list_separator(const std::string& key) {
  if (is_setting(key, "targets") || is_setting(key, "layers")) return '+';
  return is_setting(key, "ranks") ? ',' : '\0';
}

class Maker {
 public:
  Maker(Combination& made, const GroupPlan& group, std::map<std::string, YamlValue> values,
        const ModelShape& shape)
      : made_(made), group_(group), values_(std::move(values)), shape_(shape) {}

  void make(const std::map<std::string, YamlValue>& training) {
    const YamlValue method = take("method").value();
    made_.trial.method = method.text();
    method.checked([&] { method_settings(made_.trial.method); });
    if (made_.trial.method == "none") {
      make_base(training);
      return;
    }
    read_length();
    read_keep();
    read_seeds();
    read_rate();
    const std::optional<YamlValue> budget = take("parameters");
    if (const auto warmup = values_.find("warmup_steps"); warmup != values_.end())
      made_.warmup_steps_place = warmup->second;
    read_settings();
    if (budget) read_budget(*budget);
    canonicalise();
  }

 private:
  std::optional<YamlValue> take(const char* key) {
    auto node = values_.extract(key);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
  }

  // What training: says is for the others; what the group itself says would be ignored.
  void make_base(const std::map<std::string, YamlValue>& training) const {
    for (const auto& [key, value] : values_) {
      const auto common = training.find(key);
      if (common != training.end() && common->second.path() == value.path()) continue;
      value.fail("method none trains nothing; leave it out");
    }
  }

  void read_length() {
    const std::optional<YamlValue> steps = take("steps"), epochs = take("epochs");
    if (!steps && !epochs) {
      group_.place.fail("neither 'steps' nor 'epochs' is given, here or under 'training'");
    }
    if (steps) made_.trial.steps = steps->integer(1, kMostSteps);
    if (epochs) {
      made_.trial.epochs = epochs->number(0, kMostEpochs);
      if (made_.trial.epochs <= 0) epochs->fail("must be above 0");
    }
  }

  void read_keep() {
    const std::optional<YamlValue> every = take("eval_every"), keep = take("keep");
    if (every) made_.trial.eval_every = every->integer(0, kMostSteps);
    if (const auto shuffled = take("shuffle_targets"))
      made_.trial.shuffle_targets = shuffled->flag();
    if (!keep) return;
    made_.trial.keep = keep->choice({"last", "best"});
    if (made_.trial.keep == "best" && made_.trial.eval_every == 0) {
      keep->fail("'best' needs 'eval_every', the steps from one held-out loss to the next");
    }
  }

  void read_seeds() {
    const auto seed = [&](const char* key, std::optional<uint64_t>& into) {
      std::optional<YamlValue> value = take(key);
      if (value) into = static_cast<uint64_t>(value->integer(0, kLargestSeed));
      return value;
    };
    seed("init_seed", made_.trial.init_seed);
    made_.data_seed_place = seed("data_seed", made_.trial.data_seed);
  }

  void read_rate() {
    const auto found = values_.find("lr");
    if (found == values_.end()) return;
    made_.lr_place = found->second;
    made_.tuned = found->second.is_scalar() && found->second.node().text == "tuned";
    if (made_.tuned) values_.erase(found);
  }

  // Runs what the engine checks; its refusal gets the place of the key that it names.
  template <typename Action>
  auto at_key(const YamlValue* otherwise, Action&& action) const {
    try {
      return action();
    } catch (const SettingError& error) {
      const auto named = values_.find(error.key());
      (named != values_.end() ? named->second : *otherwise).fail(error.what());
    } catch (const InputError& error) {
      otherwise->fail(error.what());
    }
  }

  // Everything that is left is a setting, of the method or of the training.
  void read_settings() {
    const std::map<std::string, std::string>& own = method_settings(made_.trial.method);
    for (const auto& [key, value] : values_) {
      const auto of_method = own.find(key);
      const bool of_training = training_settings().contains(key);
      if (of_method == own.end() && !of_training) refuse_setting(value, own);
      const std::string& example = of_training ? training_settings().at(key) : of_method->second;
      given_[key] = value.setting(example, list_separator(key));
    }
  }

  [[noreturn]] void refuse_setting(const YamlValue& value,
                                   const std::map<std::string, std::string>& own) const {
    std::vector<std::string> known, shared;
    for (const auto& [key, fallback] : own) {
      known.push_back(key);
      if (is_setting(key, value.key())) shared.push_back(key);
    }
    value.fail(fmt::format(
        "method {} has no such key{}", made_.trial.method,
        made_.trial.method.find('+') != std::string::npos && !shared.empty()
            ? fmt::format("; each of its methods has one: give {}", fmt::join(shared, " or "))
            : did_you_mean(value.key(), known)));
  }

  void read_budget(const YamlValue& place) {
    const std::int64_t budget = place.amount();
    if (!method_settings(made_.trial.method).contains("rank")) {
      place.fail("method " + made_.trial.method + " has no rank that could follow from a budget");
    }
    if (given_.contains("ranks")) place.fail("excludes 'ranks', which is given beside it");
    std::map<std::string, std::string> settings;
    for (const auto& [key, text] : given_) {
      if (!training_settings().contains(key)) settings[key] = text;
    }
    const BudgetedRank got = at_key(
        &place, [&] { return rank_for_budget(budget, made_.trial.method, settings, shape_); });
    given_["rank"] = std::to_string(got.rank);
    made_.note = budget_note(budget, got);
    const auto targets = given_.find("targets");
    if (!made_.note.empty() && targets != given_.end()) {
      made_.note = targets->second + ": " + made_.note;
    }
  }

  void canonicalise() {
    std::map<std::string, std::string>& settings = made_.trial.settings;
    at_key(&group_.place, [&] {
      Settings engine(given_);
      const std::unique_ptr<Method> method = make_method(made_.trial.method, engine);
      const TrainSettings training = TrainSettings::from(engine);
      engine.refuse_unknown("sweep");
      if (!fits(*method)) return;
      if (made_.trial.steps > 0) method->check_steps(made_.trial.steps);
      if (training.base_dropout && shape_.config.attention_dropout > 0) {
        throw SettingError("base_dropout", "true",
                           "the base's config asks for attention dropout, which is not supported; "
                           "set it to 0 in a copy of the config");
      }
      settings = method->settings();
      // As trials are named that say nothing of layers.
      const std::int64_t last = shape_.config.layers - 1;
      const std::string whole = last == 0 ? "0" : fmt::format("0-{}", last);
      for (auto& [key, value] : settings)
        if (is_setting(key, "layers") && value == whole) value = "all";
      std::map<std::string, std::string> trained = training.canonical();
      for (const auto& [key, fallback] : training_settings()) {
        if (!key.starts_with("warmup")) settings[key] = trained.at(key);
      }
      if (training.warmup.amount > 0) {
        constexpr const char* kUnits[] = {"warmup_steps", "warmup_tokens", "warmup_ratio"};
        settings[kUnits[static_cast<int>(training.warmup.unit)]] =
            setting_text(training.warmup.amount);
      }
    });
    // An empty text is a setting left out.
    std::erase_if(settings, [](const auto& entry) { return entry.second.empty(); });
    if (made_.tuned) settings.erase("lr");
  }

  // Throws InputError where the method does not fit the base and the group is not optional.
  bool fits(const Method& method) {
    try {
      method.trainable_parameters(shape_);
      return true;
    } catch (const InputError& error) {
      if (!group_.optional) throw;
      made_.left_out = error.what();
      return false;
    }
  }

  Combination& made_;
  const GroupPlan& group_;
  std::map<std::string, YamlValue> values_;
  const ModelShape& shape_;
  std::map<std::string, std::string> given_;
};

}  // namespace

Combination::Combination(const GroupPlan& group, std::map<std::string, YamlValue> values,
                         const std::map<std::string, YamlValue>& training,
                         const ModelShape& shape) {
  Maker(*this, group, std::move(values), shape).make(training);
}

}  // namespace rankscope
