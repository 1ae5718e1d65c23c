#include "experiments/train_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "common/text.h"
#include "engine/checkpoint/adapter.h"
#include "experiments/machine.h"
#include "experiments/run_folder.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Speed over the steps made in this process. The first step, in which weights are packed and memory
// is touched for the first time, is set-up: it counts only as long as there is no other.
class Rate {
 public:
  void add(const StepReport& step) {
    if (steps_++ == 1) seconds_ = tokens_ = flops_ = 0;
    seconds_ += step.seconds;
    tokens_ += static_cast<double>(step.tokens);
    flops_ += step.useful_flops;
  }
  double tokens_per_second() const { return tokens_ / seconds_; }
  double useful_gflops() const { return flops_ / seconds_ * 1e-9; }
  double seconds_a_step() const {
    return seconds_ / static_cast<double>(std::max<int64_t>(1, steps_ - 1));
  }

 private:
  int64_t steps_ = 0;
  double seconds_ = 0, tokens_ = 0, flops_ = 0;
};

// The examples in memory, or those of the source, which `read` then holds.
const LoadedExamples& examples_of(const ExampleSource& from, const TrainRunOptions& options,
                                  const ModelConfig& config, LoadedExamples& read) {
  if (const auto* in_memory = std::get_if<const LoadedExamples*>(&from)) return **in_memory;
  read = load_examples(std::get<DataSource>(from), options.model, config);
  return read;
}

bool is_given(const ExampleSource& from) {
  const auto* source = std::get_if<DataSource>(&from);
  return source == nullptr || !source->data.empty();
}

std::string name_of(const ExampleSource& from) {
  const auto* source = std::get_if<DataSource>(&from);
  return source != nullptr ? source->data.string() : "the examples";
}

TrainOutcome outcome_of(const Json& done, const std::string& where) {
  JsonObject object(done, where, JsonObject::Nulls::kAbsent);
  TrainOutcome outcome;
  outcome.already_done = true;
  outcome.steps = outcome.resumed_from = object.get_int("steps");
  outcome.diverged = object.get_string("state") == "diverged";
  outcome.loss = object.get_double_or("loss", std::nan(""));
  if (object.has("last_finite_loss"))
    outcome.last_finite_loss = object.get_double("last_finite_loss");
  outcome.trainable_parameters = object.get_int("trainable_parameters");
  return outcome;
}

}  // namespace

TrainOutcome run_training(const TrainRunOptions& options,
                          const std::function<void(const TrainProgress&)>& on_step) {
  const Clock::time_point start = Clock::now();
  Settings settings = options.settings;
  const std::unique_ptr<Method> method = make_method(options.method, settings);
  TrainSettings train = TrainSettings::from(settings);
  settings.refuse_unknown("--set");
  if (options.steps > 0 && train.steps > 0 && options.steps != train.steps)
    throw InputError("--steps and --set steps differ; give one");
  if (options.steps > 0) train.steps = options.steps;
  if (options.epochs > 0 && train.steps > 0)
    throw InputError("give either steps or epochs, not both");
  if (train.steps <= 0 && options.epochs <= 0)
    throw InputError("--steps: give the number of steps, at least 1");
  const std::unique_ptr<Backend> backend = make_backend(options.device);
  const std::unique_ptr<Model> model = load_model(options.model, *backend);
  if (train.base_dropout && model->has_attention_dropout())
    throw InputError(
        "--set base_dropout: the model's config asks for attention dropout, which is "
        "not supported; set attn_pdrop / attention_dropout to 0 in a copy of the config");
  method->trainable_parameters(model->shape());  // refuses what does not fit the model
  const ModelConfig config = config_beside(model->config(), method->special_tokens());
  LoadedExamples read, read_held_out;
  const LoadedExamples& loaded = examples_of(options.data, options, config, read);
  const std::vector<TokenExample>& examples = loaded.examples;
  if (std::ranges::none_of(examples, [](const TokenExample& e) { return e.tokens() > 1; }))
    throw InputError(name_of(options.data) +
                     ": no line has a token to predict: the first "
                     "token of a line has nothing before it; give each a prompt");
  if (options.epochs > 0)
    train.steps = static_cast<int64_t>(std::ceil(
        options.epochs * static_cast<double>(examples.size()) / static_cast<double>(train.batch)));
  const LoadedExamples& held_out =
      is_given(options.eval_data)
          ? examples_of(options.eval_data, options, config, read_held_out)
          : read_held_out;
  if (options.eval_every > 0 && held_out.examples.empty())
    throw InputError(
        "--eval-every: give the held-out examples with --eval-data, or with --task "
        "their split with --eval-split");

  RunFolder folder(options, *method, train, *backend, {loaded, held_out});
  if (folder.is_done()) return outcome_of(folder.read_done(), options.out.string());

  const std::unique_ptr<Adaptation> adaptation = method->adapt(*model, train.init_seed);
  Trainer trainer(*model, *adaptation, examples, train);
  folder.prepare();
  // Another process may have finished it while this one waited for the folder.
  if (folder.is_done()) return outcome_of(folder.read_done(), options.out.string());
  TrainOutcome outcome;
  if (folder.has_state()) {
    outcome.loss = folder.load(trainer);
    if (trainer.steps_done() > 0) outcome.last_finite_loss = outcome.loss;
  }
  BestStep best = folder.best_step();
  outcome.resumed_from = trainer.steps_done();
  outcome.trainable_parameters = method->trainable_parameters(model->shape());
  outcome.set_up_seconds = seconds_since(start);
  Rate rate;
  Clock::time_point last_save = Clock::now();
  auto stop_if_requested = [&] {
    if (!stop_requested()) return;
    if (!folder.keeps()) throw Interrupted("interrupted; nothing was kept: no --out folder");
    folder.save(trainer);
    throw Interrupted("interrupted after step " + std::to_string(trainer.steps_done()) +
                      "; the same command goes on from there");
  };
  while (!trainer.finished()) {
    stop_if_requested();
    TrainProgress progress;
    progress.step = trainer.step();
    rate.add(progress.step);
    progress.steps = train.steps;
    progress.tokens_per_second = rate.tokens_per_second();
    progress.useful_gflops = rate.useful_gflops();
    progress.seconds_left =
        rate.seconds_a_step() * static_cast<double>(train.steps - trainer.steps_done());
    progress.peak_memory_mib = peak_memory_mib(*backend);
    if (options.eval_every > 0 && !progress.step.diverged &&
        (progress.step.step % options.eval_every == 0 || trainer.finished()))
      progress.eval_loss =
          evaluate(*model, adaptation.get(), held_out.examples, train.micro_batch_tokens).mean();
    outcome.loss = progress.step.loss;
    outcome.tokens_per_second = progress.tokens_per_second;
    outcome.useful_gflops = progress.useful_gflops;
    folder.add_to_curve(progress);
    if (options.keep_best && progress.eval_loss &&
        best.improved(progress.step.step, *progress.eval_loss) && folder.keeps())
      save_adapter(folder.best_adapter(), *model, *adaptation, *method);
    on_step(progress);
    if (progress.step.diverged) {
      outcome.diverged = true;
      break;
    }
    outcome.last_finite_loss = progress.step.loss;
    const bool due =
        (options.save_every_steps > 0 && progress.step.step % options.save_every_steps == 0) ||
        (options.save_every_minutes > 0 &&
         seconds_since(last_save) >= 60 * options.save_every_minutes);
    if (folder.keeps() && (due || trainer.finished())) {
      folder.save(trainer);
      last_save = Clock::now();
    }
  }
  outcome.steps = trainer.steps_done();
  if (folder.keeps()) {
    if (options.keep_best && best.step > 0) {
      outcome.best_step = best.step;
      outcome.best_eval_loss = best.loss;
      if (!outcome.diverged) folder.keep_best_adapter();
    } else if (!outcome.diverged) {
      save_adapter(folder.adapter(), *model, *adaptation, *method);
    }
    folder.finish(outcome);
  }
  outcome.peak_memory_mib = peak_memory_mib(*backend);
  return outcome;
}

}  // namespace rankscope
