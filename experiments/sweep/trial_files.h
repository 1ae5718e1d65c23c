// What the files of a finished trial hold line by line, as the database takes it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/json.h"
#include "results/records.h"

namespace rankscope {

// SHA-256 of a file beside a done.json as it was when that was written; empty where it is not
// recorded: an older program's.
std::string recorded_hash(const Json& done, const std::string& file);

// Of predictions.jsonl and outcomes.jsonl, in the former's order. `done` is the folder's done.json.
// InputError where one cannot be read or is not the file that was written.
std::vector<PredictionRecord> read_predictions(const std::filesystem::path& eval_folder,
                                               const Json& done);

// Of curve.jsonl, likewise.
std::vector<CurvePoint> read_curve(const std::filesystem::path& train_folder, const Json& done);

}  // namespace rankscope
