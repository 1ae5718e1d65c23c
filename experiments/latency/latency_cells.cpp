#include "experiments/latency/latency_cells.h"

#include <fmt/format.h>

#include "common/appended_lines.h"
#include "common/error.h"
#include "common/hash.h"
#include "common/text.h"
#include "experiments/content_check.h"

namespace rankscope {

namespace {

// How passes are timed (latency_run.cpp), a part of a cell's identity: another way may favour some.
const std::string kProcedure = "up to 8 untimed passes before each: ";

std::map<std::string, std::string> texts_of(const Json& json, const std::string& where) {
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) throw InputError(where + ": '" + printable(key) + "' must be a text");
    texts[key] = value;
  }
  return texts;
}

VariantLatencies variant_from(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  VariantLatencies variant;
  variant.variant = object.get_string("variant");
  variant.bottleneck = object.get_int("bottleneck", 0);
  object.get_object("settings");
  variant.settings = texts_of(json.at("settings"), where + ": settings");
  variant.trainable_parameters = object.get_int("trainable_parameters", 0);
  for (const Json& time : object.get_array("milliseconds")) {
    if (!time.is_number() || !(time.get<double>() > 0))
      throw InputError(where + ": a time must be a number above 0");
    variant.milliseconds.push_back(time);
  }
  object.finish();
  return variant;
}

struct Line {
  std::string identity;
  LatencyRecord record;
};

Line line_from(const std::string& text, const std::string& where) {
  Json json = parse_json(text, where);
  take_check(json, where);
  JsonObject object(json, where);
  Line line;
  line.identity = object.get_string("identity");
  line.record.batch = object.get_int("batch", 1);
  line.record.length = object.get_int("length", 1);
  line.record.base_parameters = object.get_int("base_parameters", 1);
  object.get_object("environment");
  line.record.environment = texts_of(json.at("environment"), where + ": environment");
  for (const Json& variant : object.get_array("variants"))
    line.record.variants.push_back(variant_from(variant, where));
  object.finish();
  for (const VariantLatencies& variant : line.record.variants)
    if (variant.milliseconds.size() != line.record.variants.front().milliseconds.size())
      throw InputError(where + ": '" + printable(variant.variant) +
                       "' has another number of rounds than the first variant");
  return line;
}

}  // namespace

std::vector<LatencyCell> latency_cells(const Manifest& manifest) {
  std::vector<LatencyCell> cells;
  if (!manifest.latency) return cells;
  const LatencySettings& settings = *manifest.latency;
  for (const std::int64_t batch : settings.batches) {
    for (const std::int64_t length : settings.lengths) {
      LatencyCell cell{batch, length, settings.rounds_of(batch, length), {}};
      // Other cells of the sweep change nothing in this one.
      LatencySettings alone = settings;
      alone.batches = {batch};
      alone.lengths = {length};
      alone.rounds = cell.rounds;
      alone.tokens = 0;
      cell.identity = sha256_hex(kProcedure + manifest.base_hash + latency_json(alone).dump());
      cells.push_back(std::move(cell));
    }
  }
  return cells;
}

std::string latency_line(const LatencyCell& cell, const LatencyRecord& record) {
  OrderedJson json = {
      {"identity", cell.identity},         {"batch", record.batch},
      {"length", record.length},           {"base_parameters", record.base_parameters},
      {"environment", record.environment}, {"variants", OrderedJson::array()}};
  for (const VariantLatencies& variant : record.variants)
    json["variants"].push_back({{"variant", variant.variant},
                                {"bottleneck", variant.bottleneck},
                                {"settings", variant.settings},
                                {"trainable_parameters", variant.trainable_parameters},
                                {"milliseconds", variant.milliseconds}});
  return checked_text(json);
}

FinishedLatencies finished_latencies(const SweepFolder& folder, const Manifest& manifest) {
  FinishedLatencies found;
  const std::vector<LatencyCell> cells = latency_cells(manifest);
  if (cells.empty()) return found;
  std::map<std::string, LatencyRecord> by_identity;
  std::size_t number = 0;
  for (const std::string& text : AppendedLines::whole_lines(folder.latencies())) {
    const std::string where = fmt::format("{}:{}", printable_path(folder.latencies()), ++number);
    try {
      Line line = line_from(text, where);
      by_identity[line.identity] = std::move(line.record);
    } catch (const InputError& error) {
      found.problems.emplace_back(error.what());
    }
  }
  for (const LatencyCell& cell : cells) {
    const auto line = by_identity.find(cell.identity);
    if (line == by_identity.end()) {
      found.unfinished.push_back(cell);
      continue;
    }
    found.cells.push_back(std::move(line->second));
    found.cells.back().sweep = manifest.name;
  }
  // A broken line is none of anybody's once its cell was timed anew.
  if (found.unfinished.empty()) found.problems.clear();
  return found;
}

}  // namespace rankscope
