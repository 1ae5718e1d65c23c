#include "experiments/sweep/sweep_file.h"

#include <algorithm>

#include "common/error.h"
#include "common/files.h"
#include "common/settings.h"
#include "common/text.h"
#include "experiments/sweep/data_check.h"
#include "experiments/sweep/expand.h"
#include "experiments/yaml/overrides.h"

namespace rankscope {
namespace {

// A key of a task makes none: what was meant for another sweep would train and score a task more,
// of default settings. A task given as a whole is one to be added.
void refuse_new_task(const YamlNode& root, const std::string& assignment) {
  constexpr std::string_view kTasks = "tasks.";
  const std::string_view path = std::string_view(assignment).substr(0, assignment.find('='));
  if (!path.starts_with(kTasks)) return;
  const std::string_view rest = path.substr(kTasks.size());
  const std::string_view name = rest.substr(0, rest.find('.'));
  const auto tasks = std::ranges::find(root.entries, "tasks", &YamlEntry::key);
  if (name.size() == rest.size() || name.empty() || tasks == root.entries.end()) return;
  std::vector<std::string> known;
  for (const YamlEntry& task : tasks->value.entries) known.push_back(task.key);
  if (known.empty() || std::ranges::find(known, name) != known.end()) return;
  throw InputError("override '" + printable(assignment) + "': the sweep has no task '" +
                   printable(name) + "'; its tasks are " + listed(known) +
                   "; a task is added as a whole, by tasks." + printable(name) +
                   "={data: DIR, ...}");
}

}  // namespace

Sweep read_sweep(const std::filesystem::path& file, std::span<const std::string> overrides,
                 const ShapeOf& shape_of) {
  return parse_sweep(read_text_file(file, YamlLimits{}.max_bytes), file, overrides, shape_of);
}

Sweep parse_sweep(std::string_view text, const std::filesystem::path& file,
                  std::span<const std::string> overrides, const ShapeOf& shape_of) {
  Sweep sweep;
  sweep.file = std::filesystem::absolute(file).lexically_normal();
  sweep.text = text;
  sweep.overrides.assign(overrides.begin(), overrides.end());
  YamlNode root = parse_yaml(text, printable_path(file));
  if (root.kind == YamlNode::Kind::kNull && overrides.empty()) {
    throw InputError(printable_path(file) + ": the file is empty");
  }
  for (const std::string& assignment : overrides) {
    refuse_new_task(root, assignment);
    apply_override(root, assignment);
  }
  const SweepPlan plan = read_plan(root, sweep.file);
  sweep.name = plan.name;
  sweep.base = plan.base;
  sweep.analysis = plan.analysis;
  sweep.report = plan.report;
  sweep.precision = plan.precision;
  sweep.device = plan.device;
  sweep.pack_trials = plan.pack_trials;
  const ModelShape shape = plan.base_place.checked([&] { return shape_of(plan.base); });
  if (plan.latency) {
    sweep.latency = read_latency(*plan.latency, shape);
    return sweep;
  }
  expand(plan, shape, sweep);
  check_data(plan, shape.config, sweep);
  return sweep;
}

std::vector<TrialConfig> tuning_trials(const TrialConfig& trial) {
  std::vector<TrialConfig> trials;
  if (!trial.tuning) return trials;
  const TrialConfig::Tuning& rule = *trial.tuning;
  for (const double rate : rule.rates) {
    TrialConfig run;
    run.group = trial.group;
    run.role = "tuning";
    run.method = trial.method;
    run.settings = rule.settings;
    run.settings["lr"] = setting_text(rate);
    run.seed = rule.seed;
    run.steps = rule.steps;
    run.precision = trial.precision;
    run.task.name = trial.task.name;
    run.task.train = rule.train;
    // Nothing is decoded, and all are merged: trials that are scored in other ways share them.
    run.task.score.data = rule.score;
    trials.push_back(std::move(run));
  }
  return trials;
}

}  // namespace rankscope
