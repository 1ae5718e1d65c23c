#include "experiments/sweep/sweep_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/suggest.h"
#include "common/text.h"
#include "experiments/device_names.h"
#include "experiments/limits.h"
#include "experiments/sweep/sweep_keys.h"
#include "experiments/sweep/sweep_tasks.h"
#include "experiments/sweep/trial_pack.h"

namespace rankscope {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kTuningSeed = 1000;  // far from the seeds that people score
constexpr std::int64_t kTuningExamples = 200;
constexpr double kHighestRate = 1e6;
constexpr const char* kGrid = "grid";
constexpr std::size_t kMostRates = 100;

class SweepReader {
 public:
  SweepReader(const YamlNode& root, const fs::path& file) : root_(root, ""), file_(file) {}

  SweepPlan read() {
    refuse_unknown_sweep_keys();
    const std::optional<YamlValue> base = root_.find("base");
    if (!base) root_.fail("'base' is missing: the folder of the model that is adapted");
    SweepPlan plan(*base);
    plan.base = base->file_path(file_);
    const std::optional<YamlValue> name = root_.find("name");
    plan.name = name ? name->name() : printable(file_.stem().native());
    read_training(plan);
    const std::optional<YamlValue> tuning = root_.find("tuning");
    if (tuning) plan.tuning = read_tuning(*tuning);
    if (const auto analysis = root_.find("analysis")) plan.analysis = read_analysis(*analysis);
    if (const auto report = root_.find("report")) plan.report = report->flag();
    if (const auto precision = root_.find("precision"))
      plan.precision = precision->choice({"fp32", "bf16"});
    if (const auto device = root_.find("device")) plan.device = read_device(*device);
    if (const auto pack = root_.find("pack_trials")) plan.pack_trials = read_pack(*pack);
    plan.latency = root_.find("latency");
    if (plan.latency) {
      refuse_beside_latency();
      return plan;
    }
    plan.tasks = read_tasks(root_, file_, tuning_examples_);
    if (const auto seeds = root_.find("seeds")) seeds_ = seeds->seeds();
    read_groups(plan);
    return plan;
  }

 private:
  bool grouped() const { return root_.find("groups").has_value(); }

  void refuse_unknown_sweep_keys() const {
    const std::vector<std::string> own = sweep_keys("sweep");
    std::vector<std::string> all = own;
    for (std::string& key : group_keys(root_)) all.push_back(std::move(key));
    refuse_unknown_keys(root_, all);
    if (!grouped()) return;
    for (const YamlValue& value : root_.entries()) {
      if (std::ranges::find(own, value.key()) != own.end()) continue;
      value.fail("beside 'groups' it belongs into one of them, or under 'training'");
    }
  }

  // With those that its joined methods have in common, each under its METHOD_KEY.
  static std::vector<std::string> group_keys(const YamlValue& group) {
    std::vector<std::string> keys = sweep_keys("group");
    for (const auto& place : {std::optional(group), group.find(kGrid), group.find("zip")}) {
      const std::optional<YamlValue> method = place ? place->find("method") : std::nullopt;
      if (!method) continue;
      for (const YamlValue& item : method->one_or_more()) {
        const std::string name = item.text();
        if (name.find('+') == std::string::npos) continue;
        for (const auto& [key, value] :
             item.checked([&]() -> const auto& { return method_settings(name); }))
          if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
      }
    }
    return keys;
  }

  // Times of a machine that trains beside would be no times.
  void refuse_beside_latency() const {
    const std::initializer_list<std::string_view> allowed = {"name",   "base",      "latency",
                                                             "report", "precision", "device"};
    for (const YamlValue& value : root_.entries())
      if (std::ranges::find(allowed, value.key()) == allowed.end())
        value.fail("a file with 'latency' trains nothing; write trials into a file of their own");
  }

  void read_training(SweepPlan& plan) const {
    const std::optional<YamlValue> training = root_.find("training");
    if (!training) return;
    refuse_unknown_keys(*training, sweep_keys("training"));
    add_values(training->entries(), plan.training);
    for (const auto& [key, value] : plan.training)
      if (training_settings().contains(key)) check_training_setting(key, value);
  }

  // A value that every group replaces is looked at nowhere else.
  static void check_training_setting(const std::string& key, const YamlValue& value) {
    if (key == "lr" && value.is_scalar() && value.node().text == "tuned") return;
    Settings one(std::map<std::string, std::string>{
        {key, value.setting(training_settings().at(key), '\0')}});
    try {
      TrainSettings::from(one);
    } catch (const SettingError& error) {
      value.fail(error.what());
    }
  }

  // Puts values beside one another, of which none may exclude another.
  static void add_values(const std::vector<YamlValue>& values,
                         std::map<std::string, YamlValue>& into) {
    for (const YamlValue& value : values) {
      refuse_rival(value, value.key(), into);
      into.emplace(value.key(), value);
    }
  }

  static void refuse_rival(const YamlValue& value, const std::string& key,
                           const std::map<std::string, YamlValue>& given) {
    const auto same = given.find(key);
    if (same != given.end()) {
      value.fail("is given as '" + same->second.path() + "' too; give it once");
    }
    for (const std::string_view other : exclusive_with(key)) {
      if (given.contains(std::string(other))) {
        value.fail(fmt::format("excludes '{}', which is given beside it; give one", other));
      }
    }
  }

  TuningPlan read_tuning(const YamlValue& value) {
    refuse_unknown_keys(value, sweep_keys("tuning"));
    TuningPlan tuning(value);
    const std::optional<YamlValue> rates = value.find("lr");
    const std::optional<YamlValue> steps = value.find("steps");
    if (!rates || !steps) value.fail("needs 'lr', the rates to try, and 'steps', of each run");
    const std::vector<YamlValue> listed = rates->items();
    if (listed.size() > kMostRates) rates->fail(fmt::format("more than {} rates", kMostRates));
    for (const YamlValue& item : listed) {
      const double rate = item.number(0, kHighestRate);
      if (rate <= 0) item.fail("must be above 0");
      if (std::ranges::find(tuning.rates, rate) != tuning.rates.end()) {
        item.fail("the rate is listed twice");
      }
      tuning.rates.push_back(rate);
    }
    tuning.steps = steps->integer(1, kMostSteps);
    const std::optional<YamlValue> seed = value.find("seed");
    tuning.seed = static_cast<std::uint64_t>(seed ? seed->integer(0, kLargestSeed) : kTuningSeed);
    if (const auto per = value.find("per")) {
      tuning.per_trial = per->choice({"method", "trial"}) == "trial";
    }
    if (const auto examples = value.find("examples")) {
      tuning_examples_ = examples->integer(1, kMostExamples);
    }
    return tuning;
  }

  static int read_pack(const YamlValue& value) {
    if (value.is_scalar() && value.node().text == "auto") return 0;
    return static_cast<int>(value.integer(1, kMostTrialsInAPack));
  }

  // Whether there is such a device is asked by `run`, whose --device may replace it.
  static std::string read_device(const YamlValue& value) {
    std::string device = value.text();
    if (!is_device_name(device))
      value.fail(fmt::format("must be {}, not '{}'", kDeviceNames, printable(device)));
    return device;
  }

  void read_groups(SweepPlan& plan) const {
    if (const auto groups = root_.find("groups")) {
      for (const YamlValue& value : groups->items()) read_group(value, plan);
    } else {
      read_group(root_, plan);
    }
    name_groups(plan.groups);
  }

  // Groups without a name get their method's, numbered from the second on.
  void name_groups(std::vector<GroupPlan>& groups) const {
    std::set<std::string> names;
    const auto given = [&](const GroupPlan& group) {
      return grouped() ? group.place.find("name") : std::nullopt;
    };
    for (GroupPlan& group : groups) {
      const std::optional<YamlValue> name = given(group);
      if (!name) continue;
      group.name = name->name();
      if (!names.insert(group.name).second) name->fail("another group has this name");
    }
    std::map<std::string, int> last;
    for (GroupPlan& group : groups) {
      if (given(group)) continue;
      std::string name = group.name;
      while (!names.insert(name).second) {
        name = fmt::format("{}-{}", group.name, ++last.try_emplace(group.name, 1).first->second);
      }
      group.name = name;
    }
  }

  // What no configuration has.
  static bool is_of_group_alone(const std::string& key) {
    return key == "name" || key == "tasks" || key == "seeds" || key == "optional" || key == kGrid ||
           key == "zip";
  }

  void read_group(const YamlValue& value, SweepPlan& plan) const {
    GroupPlan group(value);
    group.seeds = seeds_;
    if (const auto optional = value.find("optional")) group.optional = optional->flag();
    const bool top = !grouped();
    const std::vector<std::string> sweep = sweep_keys("sweep");
    if (!top) refuse_unknown_keys(value, group_keys(value));
    std::vector<YamlValue> values;
    for (const YamlValue& entry : value.entries()) {
      const std::string key = entry.key();
      if (top && std::ranges::find(sweep, key) != sweep.end()) continue;
      if (is_of_group_alone(key)) continue;
      values.push_back(entry);
    }
    add_values(values, group.values);
    std::map<std::string, YamlValue> given = group.values;
    read_axes(value, kGrid, given, group.grid);
    read_axes(value, "zip", given, group.zip);
    const auto method = given.find("method");
    if (method == given.end()) {
      value.fail(top ? "neither 'groups' nor 'method' is given: what is to be trained?"
                     : "'method' is missing");
    }
    read_zip_lengths(group);
    for (const TaskPlan& task : plan.tasks) group.tasks.push_back(task.config.name);
    if (!top) {
      if (const auto seeds = value.find("seeds")) group.seeds = seeds->seeds();
      if (const auto tasks = value.find("tasks"))
        group.tasks = read_task_names(*tasks, group.tasks);
    }
    group.name = method->second.is_scalar() ? method->second.node().text : "group";
    plan.groups.push_back(std::move(group));
  }

  static void read_axes(const YamlValue& group, std::string_view section,
                        std::map<std::string, YamlValue>& given, std::vector<Axis>& axes) {
    const std::optional<YamlValue> map = group.find(section);
    if (!map) return;
    std::vector<std::string> known = group_keys(group);
    std::erase_if(known, is_of_group_alone);
    for (const YamlValue& value : map->entries()) {
      if (value.key() == "seed" || value.key() == "seeds") {
        value.fail("seeds are listed under 'seeds', of the sweep or of a group");
      }
    }
    refuse_unknown_keys(*map, known);
    for (const YamlValue& value : map->entries()) {
      refuse_rival(value, value.key(), given);
      axes.push_back({value.key(), value, value.items()});
      if (section == kGrid) refuse_repeated(axes.back());
      given.emplace(value.key(), value);
    }
    if (axes.empty()) map->fail("is empty; give a key with a list of values, or leave it out");
  }

  // Its trials would be those of the value before; under zip another key may tell them apart.
  static void refuse_repeated(const Axis& axis) {
    std::set<std::string> seen;
    for (const YamlValue& item : axis.values)
      if (item.is_scalar() && !seen.insert(item.node().text).second)
        item.fail("the value " + printable(item.node().text) + " is listed twice");
  }

  static void read_zip_lengths(const GroupPlan& group) {
    for (const Axis& axis : group.zip) {
      const Axis& first = group.zip.front();
      if (axis.values.size() == first.values.size()) continue;
      axis.place.fail(fmt::format("has {} values and '{}' has {}; keys under zip advance together",
                                  axis.values.size(), first.place.path(), first.values.size()));
    }
  }

  static std::vector<std::string> read_task_names(const YamlValue& value,
                                                  const std::vector<std::string>& known) {
    std::vector<std::string> names;
    for (const YamlValue& item : value.one_or_more()) {
      const std::string name = item.text();
      if (std::ranges::find(known, name) == known.end()) {
        item.fail("there is no task '" + printable(name) + "' in this file" +
                  did_you_mean(name, known));
      }
      if (std::ranges::find(names, name) != names.end()) item.fail("the task is given twice");
      names.push_back(name);
    }
    return names;
  }

  YamlValue root_;
  const fs::path& file_;
  std::vector<std::uint64_t> seeds_ = {0};
  std::int64_t tuning_examples_ = kTuningExamples;
};

}  // namespace

SweepPlan read_plan(const YamlNode& root, const fs::path& file) {
  return SweepReader(root, file).read();
}

}  // namespace rankscope
