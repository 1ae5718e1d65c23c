#include "experiments/cli/run_latency.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "common/interrupt.h"
#include "common/log.h"
#include "engine/backend/cpu/reference_rate.h"
#include "engine/backend/devices.h"
#include "experiments/device_names.h"
#include "experiments/latency/latency_run.h"
#include "experiments/report_run.h"
#include "experiments/sweep/begin_run.h"
#include "experiments/sweep/collect.h"
#include "experiments/sweep/live_view.h"

namespace rankscope {

namespace {

Manifest manifest_for(const Sweep& sweep, FileHashes& hashes, const LatencyCommand& c) {
  Manifest manifest = manifest_of(sweep, {});
  manifest.base_hash = hashes.model(sweep.base);
  LatencySettings& settings = *manifest.latency;
  const std::string& asked = c.device.empty() ? sweep.device : c.device;
  settings.precision = sweep.precision;
  settings.device =
      resolved({.device = asked.empty() ? "cpu" : asked, .precision = sweep.precision}).device;
  refuse_head_dim_of(sweep.base, settings.device);
  if (c.threads > 0) settings.threads = c.threads;
  return manifest;
}

std::string cell_title(const LatencyCell& cell) {
  return fmt::format("batch {} x {} tokens, {} rounds", cell.batch, cell.length, cell.rounds);
}

void print_cells(const SweepFolder& folder, const Manifest& manifest, bool json) {
  // Forward passes of a small base reach about half of sgemm's rate. Of a GPU no estimate is made.
  constexpr double kShareOfSgemm = 0.5;
  const bool estimated = manifest.latency->device == "cpu";
  const double rate =
      estimated ? reference_sgemm_gflops(manifest.latency->threads) * 1e9 * kShareOfSgemm : 0;
  const ModelShape shape = read_model_shape(manifest.base);
  const std::vector<LatencyCell> left = finished_latencies(folder, manifest).unfinished;
  double all = 0;
  for (const LatencyCell& cell : latency_cells(manifest)) {
    const bool done = std::ranges::find(left, cell.identity, &LatencyCell::identity) == left.end();
    const double seconds = estimated ? latency_seconds(cell, manifest, shape, rate) : 0;
    if (!done) all += seconds;
    if (json) {
      OrderedJson line = {{"batch", cell.batch},
                          {"length", cell.length},
                          {"rounds", cell.rounds},
                          {"state", done ? "done" : "pending"}};
      if (estimated) line["estimated_seconds"] = seconds;
      std::printf("%s\n", line.dump().c_str());
      continue;
    }
    std::printf("%-8s  %s%s\n", done ? "done" : "pending", cell_title(cell).c_str(),
                estimated ? ("  ~" + duration_text(seconds)).c_str() : "");
  }
  if (json) return;
  std::printf("%zu of %zu cells of %zu variants to time on %s with %d threads%s\n", left.size(),
              latency_cells(manifest).size(), latency_variants(*manifest.latency).size(),
              manifest.latency->device.c_str(), manifest.latency->threads,
              estimated ? ("; about " + duration_text(all)).c_str() : "");
}

}  // namespace

int run_latency(const Sweep& sweep, const SweepFolder& folder, const LatencyCommand& c) {
  FileHashes hashes(folder.hashes());
  const Manifest manifest = manifest_for(sweep, hashes, c);
  if (c.dry_run) {
    exit_at_first_signal();
    print_cells(folder, manifest, c.json);
    return 0;
  }
  const std::unique_ptr<const SweepHold> hold = begin_run(folder, manifest, hashes);
  const std::size_t before = finished_latencies(folder, manifest).cells.size();
  Collector collector(folder, manifest);
  {
    log::Progress progress;
    measure_latencies(folder, manifest, [&](const LatencyProgress& p) {
      progress.update(fmt::format("cell {} of {}: {}, {} done", p.finished + 1, p.cells,
                                  cell_title(p.cell), p.rounds));
    });
  }
  const std::vector<std::string> problems = collector.collect_all();
  for (const std::string& problem : problems) log::warning("{}", problem);
  const std::size_t cells = latency_cells(manifest).size();
  log::info("{} cells: {} timed, {} timed earlier", cells, cells - before, before);
  log::info("results: {}; `query {} latencies` shows them", folder.database().string(),
            folder.path().string());
  const bool reported = !sweep.report || report_into(folder.path());
  if (c.json) {
    const OrderedJson line = {{"cells", cells},
                              {"timed", cells - before},
                              {"already_done", before},
                              {"database", folder.database().string()}};
    std::printf("%s\n", json_text(line).c_str());
  }
  return problems.empty() && reported ? 0 : 1;
}

}  // namespace rankscope
