#include "experiments/sweep/scoring.h"

#include <map>

#include "common/appended_lines.h"
#include "common/files.h"
#include "common/hash.h"
#include "common/json_optional.h"
#include "common/text.h"
#include "experiments/content_check.h"
#include "experiments/task_scorer.h"
#include "metrics/mean.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

OrderedJson metric_json(const Mean& mean) {
  OrderedJson json;
  json["value"] = mean.value;
  json["standard_error"] = json_or_null(mean.standard_error);
  json["count"] = mean.count;
  return json;
}

}  // namespace

void write_done(const fs::path& eval_folder, const OrderedJson& metrics, std::size_t examples,
                const OrderedJson& read, const OrderedJson& files) {
  OrderedJson done;
  done["state"] = "done";
  done["metrics_version"] = kMetricsVersion;
  done["examples"] = examples;
  // By name: scoring again cannot tell in which order they stood.
  if (!read.is_null()) done["read"] = Json{{"data", Json(read)}};
  if (!files.empty()) done["files"] = files;
  done["metrics"] = metrics;
  write_file_atomically(eval_folder / "done.json", checked_text(done, 1));
}

void write_diverged(const fs::path& eval_folder) {
  const OrderedJson done = {{"state", "diverged"}, {"metrics_version", kMetricsVersion}};
  write_file_atomically(eval_folder / "done.json", checked_text(done, 1));
}

void score_predictions(const Trial& trial, const fs::path& eval_folder,
                       const std::vector<std::string>& lines, const OrderedJson& read,
                       const std::function<void()>& before_writing) {
  const std::unique_ptr<TaskScorer> scorer = make_task_scorer(trial.config.task.score.data);
  const std::string file = printable_path(eval_folder / "predictions.jsonl");
  std::map<std::string, std::vector<double>> values;
  std::string text;
  Sha256 predictions;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    predictions.update(lines[i]).update("\n");
    const Json json = parse_json(lines[i], file, {}, i + 1);
    JsonObject line(json, file + ":" + std::to_string(i + 1));
    const std::string id = line.get_string("id");
    const Outcomes outcomes = scorer->outcomes(id, line.get_string("prediction"));
    for (const auto& [metric, value] : outcomes) values[metric].push_back(value);
    OrderedJson out;
    out["id"] = id;
    out["outcomes"] = outcomes;
    text += out.dump() + "\n";
  }
  OrderedJson metrics = OrderedJson::object();
  for (const auto& [metric, scores] : values) metrics[metric] = metric_json(mean_of(scores));
  before_writing();
  write_file_atomically(eval_folder / "outcomes.jsonl", text);
  write_done(eval_folder, metrics, lines.size(), read,
             {{"predictions.jsonl", predictions.hex()}, {"outcomes.jsonl", sha256_hex(text)}});
}

std::size_t score_again(const SweepFolder& folder, const std::vector<Trial>& trials) {
  std::size_t count = 0;
  for (const Trial& trial : trials) {
    if (trial.is_tuning() || trial_state(folder, trial) != TrialState::kDone) continue;
    const fs::path out = folder.eval_folder(trial);
    const Json json = read_checked_file(out / "done.json");
    JsonObject done(json, printable_path(out / "done.json"));
    if (done.get_int_or("metrics_version", 0) >= kMetricsVersion) continue;
    const auto account = json.find("read");
    const OrderedJson read =
        account != json.end() && account->contains("data") ? account->at("data") : Json();
    score_predictions(trial, out, AppendedLines::whole_lines(out / "predictions.jsonl"), read);
    ++count;
  }
  return count;
}

}  // namespace rankscope
