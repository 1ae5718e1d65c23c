#include "experiments/sweep/trial_files.h"

#include <functional>
#include <unordered_map>

#include "common/error.h"
#include "datasets/readers/json_records.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

// Calls `look` at each line.
void for_lines(const fs::path& folder, const char* name, const Json& done,
               const std::function<void(const JsonRecords&)>& look) {
  const SourceText source(folder / name, InputKind::kRegular);
  JsonRecords records(source);
  while (records.next()) look(records);
  const std::string hash = recorded_hash(done, name);
  if (!hash.empty() && hash != source.file().sha256)
    throw InputError(source.name() +
                     ": is not the file that was written, by its SHA-256; `run` mends it");
}

std::optional<double> number_at(const JsonRecords& line, std::string_view key) {
  const JsonRecords::Element* found = line.find(key);
  double number = 0;
  if (found == nullptr || found->get(number) != simdjson::SUCCESS) return {};
  return number;
}

double need_number(const JsonRecords& line, std::string_view key) {
  line.need(key);
  const std::optional<double> number = number_at(line, key);
  if (!number) line.fail(key, "must be a number");
  return *number;
}

std::int64_t need_integer(const JsonRecords& line, std::string_view key) {
  std::int64_t number = 0;
  if (line.need(key).get(number) != simdjson::SUCCESS) line.fail(key, "must be an integer");
  return number;
}

std::map<std::string, double> outcomes_of(const JsonRecords& line) {
  std::map<std::string, double> outcomes;
  simdjson::dom::object object;
  if (line.need("outcomes").get(object) != simdjson::SUCCESS)
    line.fail("outcomes", "must be an object");
  for (const auto& [metric, value] : object) {
    double number = 0;
    if (value.get(number) != simdjson::SUCCESS) line.fail("outcomes", "must hold numbers");
    outcomes.emplace(metric, number);
  }
  return outcomes;
}

}  // namespace

std::string recorded_hash(const Json& done, const std::string& file) {
  const auto files = done.find("files");
  if (files == done.end() || !files->is_object()) return "";
  const auto hash = files->find(file);
  return hash == files->end() || !hash->is_string() ? "" : hash->get<std::string>();
}

std::vector<PredictionRecord> read_predictions(const fs::path& eval_folder, const Json& done) {
  std::unordered_map<std::string, std::map<std::string, double>> outcomes;
  for_lines(eval_folder, "outcomes.jsonl", done, [&](const JsonRecords& line) {
    outcomes[std::string(line.string("id"))] = outcomes_of(line);
  });
  std::vector<PredictionRecord> predictions;
  for_lines(eval_folder, "predictions.jsonl", done, [&](const JsonRecords& line) {
    std::string id(line.string("id"));
    std::map<std::string, double> of_it = std::move(outcomes[id]);
    predictions.push_back(
        {std::move(id), std::string(line.string("prediction")), std::move(of_it)});
  });
  return predictions;
}

std::vector<CurvePoint> read_curve(const fs::path& train_folder, const Json& done) {
  std::vector<CurvePoint> curve;
  for_lines(train_folder, "curve.jsonl", done, [&](const JsonRecords& line) {
    curve.push_back({need_integer(line, "step"), number_at(line, "loss"), need_number(line, "lr"),
                     number_at(line, "gradient_norm"), need_integer(line, "tokens"),
                     need_integer(line, "target_tokens"), number_at(line, "eval_loss")});
  });
  return curve;
}

}  // namespace rankscope
