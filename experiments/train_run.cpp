#include "experiments/train_run.h"

#include <chrono>
#include <memory>
#include <stdexcept>

#include "common/error.h"
#include "common/json_optional.h"
#include "engine/training/joint_trainer.h"
#include "experiments/loaded_base.h"
#include "experiments/train_session.h"

namespace rankscope {

OrderedJson step_json(const TrainProgress& p) {
  OrderedJson line;
  line["step"] = p.step.step;
  line["loss"] = number_or_null(p.step.loss);
  line["lr"] = p.step.learning_rate;
  line["gradient_norm"] = number_or_null(p.step.gradient_norm);
  line["tokens"] = p.step.tokens;
  line["target_tokens"] = p.step.target_tokens;
  if (p.eval_loss) line["eval_loss"] = number_or_null(*p.eval_loss);
  return line;
}

TrainOutcome run_training(const TrainRunOptions& options,
                          const std::function<void(const TrainProgress&)>& on_step) {
  const auto start = std::chrono::steady_clock::now();
  RunSettings{options};  // refused before a model is read
  LoadedBase own;
  Model& model = (options.base ? *options.base : own).model(options.model, options.device);
  TrainSession session(options, model, start);
  while (!session.finished()) {
    StepReport report;
    try {
      report = session.trainer().step();
    } catch (const Interrupted&) {
      session.stop();
    }
    session.stepped(report, on_step);
  }
  return session.finish();
}

std::vector<TrainOutcome> run_joint_training(
    std::span<const TrainRunOptions> all,
    const std::function<void(size_t run, const TrainProgress&)>& on_step) {
  if (all.empty()) return {};
  const auto start = std::chrono::steady_clock::now();
  LoadedBase own;
  Model& model = (all[0].base ? *all[0].base : own).model(all[0].model, all[0].device);
  std::vector<std::unique_ptr<TrainSession>> sessions;
  for (const TrainRunOptions& options : all) {
    sessions.push_back(std::make_unique<TrainSession>(options, model, start));
    TrainSession& session = *sessions.back();
    if (options.model != all[0].model ||
        (!session.already_done() &&
         !JointTrainer::can_join(session.adaptation(), session.settings())))
      throw std::logic_error("run_joint_training: a run that cannot train with others");
  }
  JointTrainer joint(model);
  for (;;) {
    std::vector<size_t> running;
    std::vector<Trainer*> trainers;
    for (size_t i = 0; i < sessions.size(); ++i) {
      if (sessions[i]->finished()) continue;
      running.push_back(i);
      trainers.push_back(&sessions[i]->trainer());
    }
    if (running.empty()) break;
    std::vector<StepReport> reports;
    try {
      reports = joint.step(trainers);
    } catch (const Interrupted&) {
      for (size_t i : running) sessions[i]->save();
      throw Interrupted("interrupted; the same command goes on from here");
    }
    for (size_t k = 0; k < running.size(); ++k)
      sessions[running[k]]->stepped(
          reports[k], [&](const TrainProgress& progress) { on_step(running[k], progress); });
  }
  std::vector<TrainOutcome> outcomes;
  for (const auto& session : sessions) outcomes.push_back(session->finish());
  return outcomes;
}

}  // namespace rankscope
