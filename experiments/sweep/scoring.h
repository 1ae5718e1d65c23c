// Scores of a trial's predictions. They are a function of predictions.jsonl and the scored data
// alone: a new metric retrains and predicts nothing.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "common/json.h"
#include "experiments/sweep/sweep_folder.h"

namespace rankscope {

// Raised when a metric is added or changes: `run` then scores finished trials again.
inline constexpr int kMetricsVersion = 5;

// Writes outcomes.jsonl (a line an example: id, and the value of each metric) and, last, done.json
// with the mean of each. `lines` are those of predictions.jsonl. `read`: see write_done.
// `before_writing` is called when the scored data is read, and may throw.
void score_predictions(
    const Trial& trial, const std::filesystem::path& eval_folder,
    const std::vector<std::string>& lines, const OrderedJson& read,
    const std::function<void()>& before_writing = [] {});

// The done.json of a finished evaluation. `read`: the account of the scored data (account_of),
// which says what of it was cut or left out; null: none. `files`: the SHA-256 of each file that it
// answers for.
void write_done(const std::filesystem::path& eval_folder, const OrderedJson& metrics,
                std::size_t examples, const OrderedJson& read, const OrderedJson& files = {});
// The done.json of a trial whose training diverged: there is no adapter to be evaluated.
void write_diverged(const std::filesystem::path& eval_folder);

// Scores the finished trials whose scores are of an older kMetricsVersion from their predictions.
// Returns how many.
std::size_t score_again(const SweepFolder& folder, const std::vector<Trial>& trials);

}  // namespace rankscope
