// A trial's evaluation: predictions, kept as they are made so that a killed process loses none, and
// their scores.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/models/model.h"
#include "experiments/sweep/sweep_folder.h"

namespace rankscope {

// Makes the predictions that predictions.jsonl lacks (all, where another device, instruction set or
// training began it, or environment.json does not say what did), scores all of them, and writes
// outcomes.jsonl and, last, done.json. A tuning run gets the mean negative log-likelihood of its
// held-out targets instead (nats per token). Throws NonFiniteOutput where the adapted model's
// answers are. `base` is as its checkpoint has it, and is written to by what the trial trained.
// `on_progress`: examples predicted, of how many, tokens per second. `check_files` throws where the
// files are no longer those that name the trial: it is called after each reading of the data,
// before what follows from it is kept.
void evaluate_trial(
    const SweepFolder& folder, const Manifest& manifest, const Trial& trial, Model& base,
    const std::function<void(std::int64_t done, std::int64_t of, double rate)>& on_progress,
    const std::function<void()>& check_files);

}  // namespace rankscope
