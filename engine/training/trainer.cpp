#include "engine/training/trainer.h"

#include <chrono>
#include <cmath>
#include <stdexcept>

#include "common/draws.h"
#include "common/error.h"
#include "common/interrupt.h"
#include "engine/training/useful_flops.h"

namespace rankscope {

namespace {

int64_t ceil_to_steps(double value) { return static_cast<int64_t>(std::ceil(value)); }

std::vector<const TokenExample*> pointers(const std::vector<TokenExample>& examples,
                                          std::span<const int64_t> indices) {
  std::vector<const TokenExample*> out;
  out.reserve(indices.size());
  for (int64_t i : indices) out.push_back(&examples[static_cast<size_t>(i)]);
  return out;
}

// Losses of a micro-batch, one sum a sequence in the order of its tokens.
double sum_of(std::span<const float> values, int64_t begin, int64_t end) {
  double sum = 0;
  for (int64_t i = begin; i < end; ++i) sum += values[static_cast<size_t>(i)];
  return sum;
}

// Empty where the batch has no target.
std::vector<float> host_losses(Backend& backend, const Tensor& values) {
  return values.empty() ? std::vector<float>{} : backend.to_host(values.view());
}

// The examples themselves, or copies with special tokens.
std::shared_ptr<const std::vector<TokenExample>> computed_form(
    const Adaptation* adaptation, const std::vector<TokenExample>& examples) {
  const SpecialTokens special = special_tokens_of(adaptation);
  if (special.count() == 0) return {std::shared_ptr<void>(), &examples};
  return std::make_shared<const std::vector<TokenExample>>(with_special_tokens(special, examples));
}

// A row's dropout is drawn by its sequence.
SharedRows shared_rows(const Model& model, const Adaptation& adaptation, bool base_dropout) {
  const ModelConfig& config = model.config();
  bool drawn = base_dropout && (config.embedding_dropout > 0 || config.residual_dropout > 0);
  for (const SiteSpec& spec : model.shape().sites) {
    const LowRankUpdate* update = adaptation.update_at(spec.site);
    drawn = drawn || (update != nullptr && update->dropout > 0);
  }
  return drawn ? SharedRows::kNone : SharedRows::kSpecial;
}

}  // namespace

Trainer::Trainer(Model& model, Adaptation& adaptation, const std::vector<TokenExample>& examples,
                 TrainSettings settings)
    : model_(model),
      adaptation_(adaptation),
      examples_(computed_form(&adaptation, examples)),
      settings_(settings),
      shared_rows_(shared_rows(model, adaptation, settings.base_dropout)),
      optimizer_(model.backend(), adaptation.trained(), settings.adamw) {
  if (examples.empty()) throw InputError("no training examples; give data with at least one line");
  switch (settings_.warmup.unit) {
    case Warmup::Unit::kSteps:
      warmup_steps_ = ceil_to_steps(settings_.warmup.amount);
      break;
    case Warmup::Unit::kRatio:  // as transformers: the ceiling of ratio x steps
      warmup_steps_ = ceil_to_steps(settings_.warmup.amount * static_cast<double>(settings_.steps));
      break;
    case Warmup::Unit::kTokens: {
      double tokens = 0;
      while (warmup_steps_ < settings_.steps && tokens < settings_.warmup.amount)
        for (int64_t i : step_examples(warmup_steps_++))
          tokens += static_cast<double>((*examples_)[static_cast<size_t>(i)].tokens() -
                                        adaptation.special_tokens().count());
      warmup_is_cut_ = tokens < settings_.warmup.amount;
      break;
    }
  }
}

std::vector<int64_t> Trainer::step_examples(int64_t step) const {
  const int64_t count = std::ssize(*examples_);
  std::vector<int64_t> chosen;
  for (int64_t i = step * settings_.batch; i < (step + 1) * settings_.batch; ++i) {
    if (i / count != ordered_epoch_) {
      ordered_epoch_ = i / count;
      order_ =
          Draws(settings_.data_seed, "data order", "epoch", static_cast<uint64_t>(ordered_epoch_))
              .permutation(static_cast<uint64_t>(count));
    }
    chosen.push_back(static_cast<int64_t>(order_[static_cast<size_t>(i % count)]));
  }
  return chosen;
}

double Trainer::learning_rate_at(int64_t step) const {
  return settings_.learning_rate *
         schedule_factor(settings_.schedule, step, settings_.steps, warmup_steps_);
}

Trainer::StepWork Trainer::begin_step(int64_t step) const {
  if (step >= settings_.steps) throw std::logic_error("Trainer::step: all steps are done");
  StepWork work;
  work.examples = pointers(*examples_, step_examples(step));
  work.draw_ids.resize(work.examples.size());
  for (size_t i = 0; i < work.draw_ids.size(); ++i) work.draw_ids[i] = i;
  work.report.step = step + 1;
  const int64_t special = adaptation_.special_tokens().count();
  for (const TokenExample* e : work.examples) {
    work.report.tokens += e->tokens() - special;
    work.report.target_tokens += e->predicted();
  }
  work.per_target =
      work.report.target_tokens > 0 ? 1.0 / static_cast<double>(work.report.target_tokens) : 0.0;
  work.loss_options = {static_cast<float>(settings_.label_smoothing),
                       static_cast<float>(work.per_target)};
  work.groups = split_by_tokens(work.examples, settings_.micro_batch_tokens, shared_rows_);
  return work;
}

Trainer::PreparedStep Trainer::prepare(int64_t step) const {
  PreparedStep prepared{step, begin_step(step), {}};
  prepared.batch = pack_batch(prepared.work.group(0), prepared.work.group_ids(0), shared_rows_);
  return prepared;
}

void Trainer::add_losses(StepWork& work, const Batch& batch, std::span<const float> losses,
                         int64_t begin, int64_t end) {
  for (int64_t s = begin; s < end; ++s)
    work.loss += sum_of(losses, batch.loss_begin[static_cast<size_t>(s)],
                        batch.loss_begin[static_cast<size_t>(s) + 1]);
}

StepReport Trainer::end_step(StepWork& work, double squares) {
  StepReport& report = work.report;
  report.loss = work.loss * work.per_target;
  report.learning_rate = learning_rate_at(step_);
  report.gradient_norm = std::sqrt(squares);
  report.diverged = !std::isfinite(report.loss) || !std::isfinite(report.gradient_norm);
  if (report.diverged) return report;
  double scale = 1.0;  // torch.nn.utils.clip_grad_norm_
  if (settings_.max_gradient_norm > 0)
    scale = std::min(1.0, settings_.max_gradient_norm / (report.gradient_norm + 1e-6));
  optimizer_.update(report.learning_rate, ++step_, scale);
  adaptation_.after_update({step_, settings_.steps, scale});
  adaptation_.refresh(model_);
  // No loss follows that would tell what the last update did.
  if (finished() && !std::isfinite(model_.backend().sum_of_squares(optimizer_.values()))) {
    report.diverged = true;
    --step_;
  }
  return report;
}

StepReport Trainer::step() {
  const auto start = std::chrono::steady_clock::now();
  // A resume point may have been loaded since one was made.
  PreparedStep prepared = ahead_ && ahead_->step == step_ ? std::move(*ahead_) : prepare(step_);
  ahead_.reset();
  StepWork& work = prepared.work;
  Batch batch = std::move(prepared.batch);
  for (size_t g = 0; g < work.micro_batches(); ++g) {
    throw_if_stop_requested(kInterruptedStep);
    Tape tape(model_.backend(), true);
    const ForwardContext context{tape, batch, &adaptation_, StepDraws{settings_.data_seed, step_},
                                 settings_.base_dropout ? 1.0 : 0.0};
    const Var hidden = model_.forward(context);
    const LossResult losses =
        cross_entropy(tape, hidden, model_.head(), batch.loss_labels, work.loss_options);
    tape.run_backward();
    // Counted and prepared while a device is still at work.
    work.report.useful_flops += useful_flops(model_.shape(), adaptation_, batch, true);
    Batch next;
    if (g + 1 < work.micro_batches()) {
      next = pack_batch(work.group(g + 1), work.group_ids(g + 1), shared_rows_);
    } else if (step_ + 1 < settings_.steps) {
      ahead_ = prepare(step_ + 1);
    }
    add_losses(work, batch, host_losses(model_.backend(), losses.loss), 0, batch.sequences());
    batch = std::move(next);
  }
  adaptation_.complete_gradients();
  StepReport report = end_step(work, model_.backend().sum_of_squares(optimizer_.gradients()));
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

double Evaluation::mean() const {
  double sum = 0;
  int64_t count = 0;
  for (size_t i = 0; i < nll.size(); ++i) {
    sum += nll[i];
    count += tokens[i];
  }
  return count > 0 ? sum / static_cast<double>(count) : 0.0;
}

Evaluation evaluate(const Model& model, const Adaptation* adaptation,
                    const std::vector<TokenExample>& examples, int64_t micro_batch_tokens,
                    const std::function<void()>& before_each) {
  const auto computed = computed_form(adaptation, examples);
  std::vector<const TokenExample*> all;
  for (const TokenExample& e : *computed) all.push_back(&e);
  // Prompts that begin alike stand together, and what they share is computed once.
  std::ranges::stable_sort(all, {}, &TokenExample::prompt);
  const std::vector<uint64_t> draw_ids(all.size());
  const std::vector<size_t> groups = split_by_tokens(all, micro_batch_tokens, SharedRows::kAny);
  Evaluation result{std::vector<double>(all.size()), std::vector<int64_t>(all.size())};
  for (size_t g = 0; g + 1 < groups.size(); ++g) {
    if (before_each) before_each();
    const size_t first = groups[g], size = groups[g + 1] - first;
    const Batch batch = pack_batch(std::span(all).subspan(first, size),
                                   std::span(draw_ids).subspan(first, size), SharedRows::kAny);
    Tape tape(model.backend(), false);
    const ForwardContext context{tape, batch, adaptation, std::nullopt, 0.0};
    const Var hidden = model.forward(context);
    const LossResult losses = cross_entropy(tape, hidden, model.head(), batch.loss_labels, {});
    const std::vector<float> nll = host_losses(model.backend(), losses.nll);
    for (int64_t s = 0; s < batch.sequences(); ++s) {
      const int64_t begin = batch.loss_begin[static_cast<size_t>(s)];
      const int64_t end = batch.loss_begin[static_cast<size_t>(s) + 1];
      const auto example =
          static_cast<size_t>(all[first + static_cast<size_t>(s)] - computed->data());
      result.nll[example] = sum_of(nll, begin, end);
      result.tokens[example] = end - begin;
    }
  }
  return result;
}

}  // namespace rankscope
