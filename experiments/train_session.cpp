#include "experiments/train_session.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "engine/checkpoint/adapter.h"
#include "experiments/machine.h"

namespace rankscope {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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
  return source != nullptr ? printable_path(source->data) : "the examples";
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

int64_t longest_of(const std::vector<TokenExample>& examples) {
  int64_t longest = 0;
  for (const TokenExample& example : examples) longest = std::max(longest, example.tokens());
  return longest;
}

void require_prediction(const std::vector<TokenExample>& examples, const SpecialTokens& special,
                        const std::string& name) {
  if (std::ranges::none_of(examples, [&](const TokenExample& e) {
        return TokenExample{with_special_tokens(special, e.prompt), e.target}.predicted() > 0;
      }))
    throw InputError(name +
                     ": no line has a token to predict: the first token of a line has nothing "
                     "before it; give each a prompt");
}

}  // namespace

void StepRate::add(const StepReport& step) {
  if (steps_++ == 1) seconds_ = tokens_ = flops_ = 0;
  seconds_ += step.seconds;
  tokens_ += static_cast<double>(step.tokens);
  flops_ += step.useful_flops;
}

double StepRate::seconds_a_step() const {
  return seconds_ / static_cast<double>(std::max<int64_t>(1, steps_ - 1));
}

RunSettings::RunSettings(const TrainRunOptions& options) {
  Settings settings = options.settings;
  method = make_method(options.method, settings);
  train = TrainSettings::from(settings);
  settings.refuse_unknown("--set");
  if (options.steps > 0 && train.steps > 0 && options.steps != train.steps)
    throw InputError("--steps and --set steps differ; give one");
  if (options.steps > 0) train.steps = options.steps;
  if (options.epochs > 0 && train.steps > 0)
    throw InputError("give either steps or epochs, not both");
  if (train.steps <= 0 && options.epochs <= 0)
    throw InputError("--steps: give the number of steps, at least 1");
}

std::int64_t steps_of_epochs(double epochs, std::int64_t examples, std::int64_t batch) {
  const double steps = epochs * static_cast<double>(examples) / static_cast<double>(batch);
  // 0.55 epochs of 100 examples are 55.000000000000007 as doubles, and no 56th step.
  constexpr double kRounding = 1e-12;
  return static_cast<std::int64_t>(std::ceil(steps * (1 - kRounding)));
}

TrainSession::TrainSession(const TrainRunOptions& options, Model& model, Clock::time_point start)
    : options_(options), model_(model) {
  RunSettings settings(options_);
  method_ = std::move(settings.method);
  train_ = settings.train;
  if (train_.base_dropout && model_.has_attention_dropout())
    throw InputError(
        "--set base_dropout: the model's config asks for attention dropout, which is "
        "not supported; set attn_pdrop / attention_dropout to 0 in a copy of the config");
  method_->trainable_parameters(model_.shape());  // refuses what does not fit the model
  const ModelConfig config = config_beside(model_.config(), method_->special_tokens());
  loaded_ = &examples_of(options_.data, options_, config, read_);
  const std::vector<TokenExample>& examples = loaded_->examples;
  require_prediction(examples, method_->special_tokens(), name_of(options_.data));
  if (options_.longest_example != nullptr)
    *options_.longest_example = longest_of(examples) + method_->special_tokens().count();
  if (options_.epochs > 0)
    train_.steps = steps_of_epochs(options_.epochs, std::ssize(examples), train_.batch);
  held_out_ = is_given(options_.eval_data)
                  ? &examples_of(options_.eval_data, options_, config, read_held_out_)
                  : &read_held_out_;
  if (options_.eval_every > 0 && held_out_->examples.empty())
    throw InputError(
        "--eval-every: give the held-out examples with --eval-data, or with --task "
        "their split with --eval-split");
  if (options_.eval_every > 0)
    require_prediction(
        held_out_->examples, method_->special_tokens(),
        name_of(is_given(options_.eval_data) ? options_.eval_data : options_.data) + ", held out");

  folder_ = std::make_unique<RunFolder>(options_, *method_, train_, model_.backend(),
                                        RunFolder::Data{*loaded_, *held_out_});
  if (!folder_->is_done()) {
    method_->check_steps(train_.steps);
    adaptation_ = method_->adapt(model_, train_.init_seed);
    trainer_ = std::make_unique<Trainer>(model_, *adaptation_, examples, train_);
    if (trainer_->warmup_is_cut())
      log::warning(
          "warmup_tokens={}: all {} steps have fewer tokens; the learning rate rises over all of "
          "them",
          train_.warmup.amount, train_.steps);
    if (train_.warmup.unit == Warmup::Unit::kSteps && train_.warmup.amount > 0 &&
        train_.warmup.amount >= static_cast<double>(train_.steps))
      log::warning(
          "warmup_steps={}: the training has {} steps; the learning rate rises over all of them "
          "and never reaches lr",
          train_.warmup.amount, train_.steps);
    folder_->prepare();
  }
  // Another process may have finished it while this one waited for the folder.
  if (folder_->is_done()) {
    outcome_ = outcome_of(folder_->read_done(), printable_path(options_.out));
    return;
  }
  if (folder_->has_state()) {
    outcome_.loss = folder_->load(*trainer_);
    if (trainer_->steps_done() > 0) outcome_.last_finite_loss = outcome_.loss;
  }
  best_ = folder_->best_step();
  outcome_.resumed_from = trainer_->steps_done();
  outcome_.trainable_parameters = method_->trainable_parameters(model_.shape());
  outcome_.set_up_seconds = seconds_since(start);
  last_save_ = Clock::now();
}

void TrainSession::stepped(const StepReport& step, const OnStep& on_step) {
  TrainProgress progress;
  progress.step = step;
  rate_.add(step);
  progress.steps = train_.steps;
  progress.tokens_per_second = rate_.tokens_per_second();
  progress.useful_gflops = rate_.useful_gflops();
  progress.seconds_left =
      rate_.seconds_a_step() * static_cast<double>(train_.steps - trainer_->steps_done());
  progress.peak_memory_mib = peak_memory_mib(model_.backend());
  if (options_.eval_every > 0 && !step.diverged &&
      (step.step % options_.eval_every == 0 || trainer_->finished()))
    progress.eval_loss =
        evaluate(model_, adaptation_.get(), held_out_->examples, train_.micro_batch_tokens).mean();
  if (progress.eval_loss) outcome_.last_eval_loss = progress.eval_loss;
  outcome_.loss = step.loss;
  outcome_.tokens_per_second = progress.tokens_per_second;
  outcome_.useful_gflops = progress.useful_gflops;
  folder_->add_to_curve(progress);
  if (options_.keep_best && progress.eval_loss && best_.improved(step.step, *progress.eval_loss) &&
      folder_->keeps())
    save_adapter(folder_->best_adapter(), model_, *adaptation_, *method_);
  on_step(progress);
  outcome_.diverged = step.diverged;
  if (std::isfinite(step.loss)) outcome_.last_finite_loss = step.loss;
  if (step.diverged) return;
  const bool due = (options_.save_every_steps > 0 && step.step % options_.save_every_steps == 0) ||
                   (options_.save_every_minutes > 0 &&
                    seconds_since(last_save_) >= 60 * options_.save_every_minutes);
  if (folder_->keeps() && (due || trainer_->finished())) save();
}

void TrainSession::save() {
  folder_->save(*trainer_);
  last_save_ = Clock::now();
}

void TrainSession::stop() {
  if (!folder_->keeps()) throw Interrupted("interrupted; nothing was kept: no --out folder");
  save();
  throw Interrupted("interrupted after step " + std::to_string(trainer_->steps_done()) +
                    "; the same command goes on from there");
}

TrainOutcome TrainSession::finish() {
  if (already_done()) return outcome_;
  outcome_.steps = trainer_->steps_done();
  if (folder_->keeps()) {
    if (options_.keep_best && best_.step > 0) {
      outcome_.best_step = best_.step;
      outcome_.best_eval_loss = best_.loss;
      if (!outcome_.diverged) folder_->keep_best_adapter();
    } else if (!outcome_.diverged) {
      save_adapter(folder_->adapter(), model_, *adaptation_, *method_);
    }
    folder_->finish(outcome_);
  }
  outcome_.peak_memory_mib = peak_memory_mib(model_.backend());
  return outcome_;
}

}  // namespace rankscope
