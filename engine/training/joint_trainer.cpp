#include "engine/training/joint_trainer.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "common/interrupt.h"
#include "engine/training/useful_flops.h"

namespace rankscope {

bool JointTrainer::can_join(Adaptation& adaptation, const TrainSettings& settings) {
  return !settings.base_dropout && adaptation.trains_low_rank_alone();
}

std::vector<StepReport> JointTrainer::step(std::span<Trainer* const> trainers) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<Trainer::StepWork> works;
  size_t rounds = 0;
  for (const Trainer* trainer : trainers) {
    if (&trainer->model_ != &model_ || !can_join(trainer->adaptation_, trainer->settings_))
      throw std::logic_error("JointTrainer::step: a trainer that cannot train with others");
    works.push_back(trainer->begin_step(trainer->step_));
    rounds = std::max(rounds, works.back().micro_batches());
  }
  // Round g computes the g-th micro-batch of every trainer that has one: each sums its gradients
  // over the micro-batches that it would have alone, in their order.
  for (size_t g = 0; g < rounds; ++g) {
    throw_if_stop_requested(Trainer::kInterruptedStep);
    std::vector<const TokenExample*> examples;
    std::vector<uint64_t> draw_ids;
    struct Share {
      size_t trainer;
      int64_t first_sequence, end_sequence;
    };
    std::vector<Share> shares;
    for (size_t i = 0; i < works.size(); ++i) {
      if (g >= works[i].micro_batches()) continue;
      const auto group = works[i].group(g);
      const auto ids = works[i].group_ids(g);
      const auto first = static_cast<int64_t>(examples.size());
      examples.insert(examples.end(), group.begin(), group.end());
      draw_ids.insert(draw_ids.end(), ids.begin(), ids.end());
      shares.push_back({i, first, static_cast<int64_t>(examples.size())});
    }
    const Batch batch = pack_batch(examples, draw_ids);
    std::vector<BatchPart> parts;
    std::vector<LossRange> losses_of;
    for (const Share& share : shares) {
      const auto first = static_cast<size_t>(share.first_sequence);
      const auto end = static_cast<size_t>(share.end_sequence);
      const Trainer& trainer = *trainers[share.trainer];
      parts.push_back({batch.sequence_begin[first], batch.sequence_begin[end],
                       batch.loss_begin[first], batch.loss_begin[end], &trainer.adaptation_,
                       StepDraws{trainer.settings_.data_seed, trainer.step_}});
      losses_of.push_back(
          {batch.loss_begin[first], batch.loss_begin[end], works[share.trainer].loss_options});
    }
    Tape tape(model_.backend(), true);
    const ForwardContext context{tape, batch, nullptr, std::nullopt, 0.0, nullptr, parts};
    const Var hidden = model_.forward(context);
    const LossResult result =
        cross_entropy_of_ranges(tape, hidden, model_.head(), batch.loss_labels, losses_of);
    tape.run_backward();
    // Counted while a device is still at work.
    for (size_t i = 0; i < shares.size(); ++i)
      works[shares[i].trainer].report.useful_flops +=
          useful_flops(model_.shape(), batch, parts[i], true);
    const std::vector<float> losses =
        result.loss.empty() ? std::vector<float>{} : model_.backend().to_host(result.loss.view());
    for (const Share& share : shares)
      Trainer::add_losses(works[share.trainer], batch, losses, share.first_sequence,
                          share.end_sequence);
  }
  std::vector<std::vector<std::span<const float>>> gradients;
  for (const Trainer* trainer : trainers) gradients.push_back(trainer->optimizer_.gradients());
  const std::vector<double> squares = model_.backend().sums_of_squares(
      std::vector<std::span<const std::span<const float>>>(gradients.begin(), gradients.end()));
  std::vector<StepReport> reports;
  double tokens = 0;
  for (size_t i = 0; i < works.size(); ++i) {
    reports.push_back(trainers[i]->end_step(works[i], squares[i]));
    tokens += static_cast<double>(reports.back().tokens);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (StepReport& report : reports)
    report.seconds = tokens > 0 ? seconds * static_cast<double>(report.tokens) / tokens : seconds;
  return reports;
}

}  // namespace rankscope
