#include "experiments/claims/latency_evidence.h"

#include <fmt/format.h>

#include <cmath>

#include "common/json.h"
#include "common/text.h"
#include "results/cells.h"
#include "results/store.h"

namespace rankscope {

namespace {

// A text or a whole number.
std::string text_of(const Json& json, const char* key, const char* otherwise) {
  const auto found = json.find(key);
  if (found == json.end()) return otherwise;
  if (found->is_string()) return found->get<std::string>();
  return found->is_number_integer() ? found->dump() : otherwise;
}

// Of the environment that was recorded with a cell.
std::string machine_of(const std::string& environment) {
  const Json json = Json::parse(environment, nullptr, false);
  if (!json.is_object()) return {};
  const std::string threads = text_of(json, "threads", "?");
  return fmt::format("{}, {}, {} thread{}", text_of(json, "processor", "an unknown processor"),
                     text_of(json, "instruction_set", "?"), threads, threads == "1" ? "" : "s");
}

[[noreturn]] void refuse_time(const std::string& sweep, const LatencySeries& of, double time,
                              double base) {
  throw DamagedDatabase(fmt::format(
      "the results of sweep '{}' are damaged: at batch {} x {} tokens a pass of '{}' has {:g} ms "
      "beside the base's {:g} ms, and times are above 0; delete its results.db and run `rankscope "
      "collect` on its folder",
      printable(sweep), of.batch, of.length, printable(of.variant), time, base));
}

double percent(double log2_ratio) { return 100 * (std::exp2(log2_ratio) - 1); }

RealVector vector_of(const std::vector<double>& values) {
  return Eigen::Map<const RealVector>(values.data(), static_cast<Eigen::Index>(values.size()));
}

LatencyFinding finding_of(const EvidenceSweep& sweep, const LatencySeries& s) {
  LatencyFinding finding;
  finding.sweep = sweep.sweep;
  finding.base = sweep.base;
  finding.variant = s.variant;
  finding.batch = s.batch;
  finding.length = s.length;
  finding.bottleneck = s.bottleneck;
  finding.parameters = s.parameters;
  finding.base_parameters = s.base_parameters;
  finding.machine = s.machine;
  finding.rounds = std::ssize(s.milliseconds);
  finding.milliseconds = vector_of(s.milliseconds).mean();
  const Estimate estimate = latency_estimate(s.log2_ratios);
  finding.slowdown = percent(estimate.value);
  if (!estimate.verdict) return finding;
  const Interval both = interval(estimate);
  finding.low = percent(both.low);
  finding.high = percent(both.high);
  finding.deviation = std::sqrt(estimate.variance * static_cast<double>(s.log2_ratios.size()));
  return finding;
}

}  // namespace

std::vector<LatencySeries> latency_series(ResultsReader& results, const std::string& sweep) {
  std::vector<LatencySeries> all;
  for (const Row& row : results.rows(
           "SELECT l.batch, l.length, l.variant, l.bottleneck, l.milliseconds, b.milliseconds, "
           "v.trainable_parameters, c.base_parameters, c.environment FROM latency l "
           "JOIN latency b ON b.sweep = l.sweep AND b.batch = l.batch AND b.length = l.length AND "
           "b.round = l.round AND b.variant = 'base' "
           "JOIN latency_variant v ON v.sweep = l.sweep AND v.batch = l.batch AND v.length = "
           "l.length "
           "AND v.variant = l.variant AND v.bottleneck = l.bottleneck "
           "JOIN latency_cell c ON c.sweep = l.sweep AND c.batch = l.batch AND c.length = l.length "
           "WHERE l.sweep = ? ORDER BY l.batch, l.length, l.variant, l.bottleneck, l.round",
           {sweep})) {
    LatencySeries one;
    one.batch = integer_in(row[0]).value();
    one.length = integer_in(row[1]).value();
    one.variant = text_in(row[2]);
    one.bottleneck = integer_in(row[3]).value();
    const bool same = !all.empty() && all.back().batch == one.batch &&
                      all.back().length == one.length && all.back().variant == one.variant &&
                      all.back().bottleneck == one.bottleneck;
    if (!same) {
      one.parameters = integer_in(row[6]).value();
      one.base_parameters = integer_in(row[7]).value();
      one.machine = machine_of(text_in(row[8]));
      all.push_back(std::move(one));
    }
    const double time = number_in(row[4]).value(), base = number_in(row[5]).value();
    const double ratio = time / base;
    if (!(time > 0) || !(ratio > 0) || !std::isfinite(ratio))
      refuse_time(sweep, all.back(), time, base);
    all.back().milliseconds.push_back(time);
    all.back().log2_ratios.push_back(std::log2(ratio));
  }
  return all;
}

Estimate latency_estimate(const std::vector<double>& log2_ratios) {
  return unit_estimate(vector_of(log2_ratios));
}

std::vector<LatencyFinding> latency_findings(Evidence& evidence) {
  std::vector<LatencyFinding> findings;
  for (const EvidenceSweep& sweep : evidence.sweeps())
    for (const LatencySeries& series : latency_series(evidence.results(), sweep.sweep))
      findings.push_back(finding_of(sweep, series));
  return findings;
}

}  // namespace rankscope
