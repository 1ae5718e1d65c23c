#include "experiments/latency/latency_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/appended_lines.h"
#include "common/draws.h"
#include "common/interrupt.h"
#include "engine/backend/devices.h"
#include "experiments/environment.h"
#include "experiments/latency/forward_pass.h"

namespace rankscope {

namespace {

LatencyRecord begin_record(const LatencyCell& cell, const LatencyModels& models,
                           const Backend& backend) {
  LatencyRecord record;
  record.batch = cell.batch;
  record.length = cell.length;
  record.base_parameters = models.shape().parameters();
  record.environment["clock"] = models.clock_name();
  const OrderedJson environment = environment_json(backend);
  for (const auto& [key, value] : environment.items()) record.environment[key] = value;
  for (std::size_t v = 0; v < models.variants().size(); ++v) {
    const LatencyVariant& variant = models.variants()[v];
    record.variants.push_back({.variant = variant.name,
                               .bottleneck = variant.bottleneck,
                               .settings = variant.settings,
                               .trainable_parameters = models.trainable_parameters(v),
                               .milliseconds = {}});
  }
  return record;
}

// Untimed passes before each timed one, until the variant's weights are in the caches: after one
// pass of a small model LoRA merged into it, which alone has weights of its own, took up to half
// more time than the base (1.6 M parameters, 16 tokens), after eight as much as the base. Where a
// pass is long its weights do not fit the caches, and one does.
constexpr int kMostUntimed = 8;
constexpr double kUntimedMilliseconds = 30;
void warm(const LatencyModels& models, std::size_t variant, const Batch& batch) {
  double spent = 0;
  for (int pass = 0; pass < kMostUntimed && spent < kUntimedMilliseconds; ++pass)
    spent += models.time_pass(variant, batch);
}

}  // namespace

double latency_seconds(const LatencyCell& cell, const Manifest& manifest, const ModelShape& shape,
                       double flops_per_second) {
  const double pass = 2 * static_cast<double>(shape.parameters()) *
                      static_cast<double>(cell.batch * cell.length) / flops_per_second;
  const double untimed =
      std::clamp(std::ceil(1e-3 * kUntimedMilliseconds / pass), 1.0, double{kMostUntimed});
  return static_cast<double>(cell.rounds) *
         static_cast<double>(latency_variants(*manifest.latency).size()) * (untimed + 1) * pass;
}

void measure_latencies(const SweepFolder& folder, const Manifest& manifest,
                       const std::function<void(const LatencyProgress&)>& report) {
  const FinishedLatencies found = finished_latencies(folder, manifest);
  if (found.unfinished.empty()) return;
  const LatencySettings& settings = *manifest.latency;
  const std::unique_ptr<Backend> backend = make_backend(
      {.device = settings.device, .precision = settings.precision, .threads = settings.threads});
  const LatencyModels models(manifest.base, settings, *backend);
  AppendedLines lines(folder.latencies());
  LatencyProgress progress{{}, found.cells.size(), found.cells.size() + found.unfinished.size(), 0};
  for (const LatencyCell& cell : found.unfinished) {
    const Batch batch = latency_batch(cell.batch, cell.length, models.shape().config.vocabulary);
    const Draws order(0, "latency", fmt::format("order {} {}", cell.batch, cell.length));
    LatencyRecord record = begin_record(cell, models, *backend);
    progress.cell = cell;
    for (std::int64_t round = 0; round < cell.rounds; ++round) {
      progress.rounds = round;
      report(progress);
      for (const std::uint64_t variant :
           order.at_step(static_cast<std::uint64_t>(round)).permutation(record.variants.size())) {
        throw_if_stop_requested();
        warm(models, variant, batch);
        record.variants[variant].milliseconds.push_back(models.time_pass(variant, batch));
      }
    }
    lines.append(latency_line(cell, record));
    ++progress.finished;
  }
}

}  // namespace rankscope
