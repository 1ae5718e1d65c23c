#include "experiments/sweep/evaluation.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <unordered_map>

#include "common/appended_lines.h"
#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/jsonl.h"
#include "common/log.h"
#include "common/text.h"
#include "engine/checkpoint/adapter.h"
#include "engine/training/trainer.h"
#include "experiments/environment.h"
#include "experiments/examples.h"
#include "experiments/predictions.h"
#include "experiments/sweep/scoring.h"
#include "experiments/sweep/timings.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;
using OnProgress = std::function<void(std::int64_t, std::int64_t, double)>;
using Check = std::function<void()>;

// Tokens of the micro-batches of a likelihood; changes memory, no result.
constexpr std::int64_t kEvaluationTokens = 1024;

std::string line_text(const OrderedJson& json) { return json_text(json) + "\n"; }

// The predictions that an earlier process made of these prompts, by id, as their lines stand.
std::unordered_map<std::string, std::string> read_kept(const fs::path& file) {
  std::unordered_map<std::string, std::string> kept;
  for (std::string& line : AppendedLines::whole_lines(file)) {
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto has = [&](const char* key, Json::value_t type) {
      return json.contains(key) && json[key].type() == type;
    };
    if (!json.is_object() || !has("id", Json::value_t::string) ||
        !has("prediction", Json::value_t::string) || !has("ids", Json::value_t::array))
      continue;
    kept[json["id"]] = std::move(line);
  }
  return kept;
}

// The base with the trial's adapter.
struct Adapted {
  Model& model;
  std::unique_ptr<Adaptation> adaptation;  // null: none, or merged

  // As prompts may fill the model's context.
  ModelConfig config() const {
    return config_beside(model.config(), special_tokens_of(adaptation.get()));
  }
};

// Predictions that something else made, or nobody knows what, are forgotten.
void forget_others_predictions(const fs::path& eval_folder, const PredictionSource& source) {
  const fs::path file = eval_folder / "predictions.jsonl";
  const PredictionSource was = recorded_source(eval_folder);
  if (was == source || !is_there(file)) return;
  const std::string why = was.instruction_set.empty() ? "nothing says what made them"
                          : was.instruction_set != source.instruction_set
                              ? "another device began them: " + printable(was.instruction_set)
                          : was.libraries != source.libraries
                              ? "other libraries began them: " + printable(was.libraries)
                              : "another training's adapter began them, or an older program";
  log::info("the predictions in {} are all made anew ({})", printable_path(eval_folder), why);
  std::error_code error;
  fs::remove(file, error);
  if (error)
    throw MachineError("cannot remove '" + printable_path(file) +
                       "': " + system_error_text(error.value()));
}

std::string weights_hash(const fs::path& adapter) {
  const fs::path file = adapter / "rankscope.json";
  const Json json = read_json_file(file);
  return JsonObject(json, printable_path(file)).get_string_or("weights_sha256", "");
}

Adapted adapted(const SweepFolder& folder, const Trial& trial, Model& base) {
  const Backend& backend = base.backend();
  const fs::path eval = folder.eval_folder(trial), adapter = folder.train_folder(trial) / "adapter";
  const PredictionSource source{std::string(backend.instruction_set()), backend.libraries(),
                                trial.trains() ? weights_hash(adapter) : ""};
  forget_others_predictions(eval, source);
  write_environment(eval, backend, base.shape().parameters(), source.adapter);
  Adapted made{base, nullptr};
  if (trial.trains()) {
    const auto load = trial.config.task.score.merged ? load_merged_adapter : load_adapter;
    made.adaptation = load(adapter, base);
  }
  return made;
}

void evaluate_likelihood(const SweepFolder& folder, const Manifest& manifest, const Trial& trial,
                         Model& base, const OnProgress& on_progress, const Check& check_files) {
  const Adapted subject = adapted(folder, trial, base);
  const LoadedExamples loaded =
      load_examples(trial.config.task.score.data, manifest.base, subject.config());
  check_files();
  const Evaluation result = evaluate(subject.model, subject.adaptation.get(), loaded.examples,
                                     kEvaluationTokens, [] { throw_if_stop_requested(); });
  if (!std::isfinite(result.mean()))
    throw NonFiniteOutput("the likelihood of the held-out targets is not finite");
  const auto count = static_cast<std::int64_t>(result.nll.size());
  on_progress(count, count, 0);
  OrderedJson metrics;
  metrics["nll"] = {{"value", result.mean()}, {"standard_error", nullptr}, {"count", count}};
  write_done(folder.eval_folder(trial), metrics, result.nll.size(), loaded.account);
}

struct Predicted {
  std::vector<std::string> lines;  // predictions.jsonl whole, a line a prompt in the prompts' order
  OrderedJson read;                // the account of the data
};

Predicted predict_missing(const Adapted& subject, const Manifest& manifest, const Trial& trial,
                          const fs::path& file, const OnProgress& on_progress,
                          const Check& check_files) {
  const ScoreSettings& score = trial.config.task.score;
  const BaseTokenizer tokenizer(manifest.base, subject.model.config());
  DecodingSettings decoding = score.decoding;
  decoding.end_ids = ending_tokens(subject.model.config(), &tokenizer, score.data.end_token, {});
  TaskExamples examples = read_task_examples(score.data, tokenizer, subject.config(),
                                             decoding.max_new, false, !score.free_text);
  check_files();
  log_reports(examples);
  Predicted predicted{{}, account_of(examples)};
  const std::vector<Prompt> prompts = task_prompts(std::move(examples), !score.free_text);
  std::unordered_map<std::string, std::string> kept = read_kept(file);
  std::vector<Prompt> missing;
  for (const Prompt& prompt : prompts)
    if (!kept.contains(prompt.id)) missing.push_back(prompt);
  const auto total = static_cast<std::int64_t>(prompts.size());
  std::int64_t done = total - static_cast<std::int64_t>(missing.size());
  const auto start = std::chrono::steady_clock::now();
  std::size_t tokens = 0;
  {
    AppendedLines lines(file);
    predict(subject.model, subject.adaptation.get(), &tokenizer, missing, decoding, {},
            std::max<std::size_t>(missing.size(), 1),
            [&](std::size_t index, PromptPrediction prediction) {
              OrderedJson json;
              json["id"] = missing[index].id;
              json["prediction"] = *prediction.text;
              json["ids"] = prediction.ids;
              if (prediction.score) json["score"] = *prediction.score;
              if (!prediction.log_likelihoods.empty())
                json["log_likelihoods"] = prediction.log_likelihoods;
              std::string& line = kept[missing[index].id] = line_text(json);
              lines.append(line);
              line.pop_back();
              tokens += prediction.tokens;
              const double seconds =
                  std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
              on_progress(++done, total, static_cast<double>(tokens) / seconds);
            });
  }
  for (const Prompt& prompt : prompts) predicted.lines.push_back(kept.at(prompt.id));
  return predicted;
}

}  // namespace

void evaluate_trial(const SweepFolder& folder, const Manifest& manifest, const Trial& trial,
                    Model& base, const OnProgress& on_progress, const Check& check_files) {
  const fs::path out = folder.eval_folder(trial);
  Timings timings(out);
  Timings::Clock clock(timings, "eval_seconds");
  const OnProgress ticking = [&](std::int64_t done, std::int64_t of, double rate) {
    clock.tick();
    on_progress(done, of, rate);
  };
  if (trial.is_tuning())
    return evaluate_likelihood(folder, manifest, trial, base, ticking, check_files);
  const fs::path file = out / "predictions.jsonl";
  const Adapted subject = adapted(folder, trial, base);
  const Predicted predicted = predict_missing(subject, manifest, trial, file, ticking, check_files);
  // Made in whatever order and by however many processes, kept in one.
  std::string text;
  for (const std::string& line : predicted.lines) text += line + "\n";
  write_file_atomically(file, text);
  score_predictions(trial, out, predicted.lines, predicted.read, check_files);
}

}  // namespace rankscope
