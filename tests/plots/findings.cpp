#include <cmath>

#include "results/cells.h"
#include "tests/plots/sample.h"

namespace rankscope::tests {

namespace {

bool is_headline(const std::string& task, const std::string& metric) {
  if (task == "samsum") return metric == "rouge1";
  return metric == (task == "wikisql" ? "logical_form" : "accuracy");
}

LatencyFinding latency(const std::string& sweep, std::int64_t batch, std::int64_t length,
                       const std::string& variant, std::int64_t bottleneck, double slowdown) {
  return {.sweep = sweep,
          .base = "base " + kHostile,
          .variant = variant,
          .machine = "processor " + kHostile,
          .batch = batch,
          .length = length,
          .bottleneck = bottleneck,
          .parameters = variant == "base" ? 0 : 4000 + 1000 * bottleneck,
          .base_parameters = 1000000,
          .rounds = 50,
          .milliseconds = static_cast<double>(batch * length) * (1 + slowdown / 100),
          .slowdown = slowdown,
          .low = slowdown - 1,
          .high = slowdown + 1,
          .deviation = 0.1};
}

ClaimFinding claim(const std::string& id, const std::string& verdict) {
  ClaimFinding c{.id = id,
                 .title = "Rank 1 is as good as the largest rank",
                 .source = "section 7.2, Table 6",
                 .published = "WikiSQL 73.4 against 73.5",
                 .statistic = "score",
                 .verdict = verdict,
                 .sweep = "sweep " + kHostile,
                 .base = "datasets/embedded/base",
                 .data = "embedded",
                 .explanation = "Rank 1 loses 22.5 points, [19.8, 25.2].",
                 .contrasts = {},
                 .control = "base",
                 .control_verdict = "contradicted"};
  for (int i = 0; i < 2; ++i)
    c.contrasts.push_back(
        {.name = "wikisql: lora Wq+Wv r1 against r20",
         .unit = i == 0 ? "points" : "log2",
         .region = i == 0 ? "within" : "above",
         .margin = 2.7,
         .reason = "a quarter of Table 4",
         .estimate = verdict == "not run" ? std::nullopt : std::optional(-22.5 + 30.0 * i),
         .low = verdict == "not run" ? std::nullopt : std::optional(-25.25 + 30.0 * i),
         .high = verdict == "not run" ? std::nullopt : std::optional(-19.75 + 30.0 * i),
         .df = 7.5,
         .p_inside = 0.9999,
         .p_outside = 0.00001,
         .seeds_left = 5,
         .seeds_right = 5,
         .examples = 500,
         .missing = verdict == "not run" ? "no trials" : "",
         .needed = "12 seeds, or 2,000 examples"});
  return c;
}

}  // namespace

Findings findings_of(ResultsReader& results) {
  Findings findings;
  for (const Row& row : results.rows("SELECT m.sweep, s.base, m.task, m.metric, m.method, "
                                     "m.targets, m.setting, m.grp, m.rank, m.parameters, "
                                     "m.mean, m.standard_deviation, m.n, m.diverged, m.missing, "
                                     "(SELECT group_concat(t.seed) FROM trials t WHERE "
                                     "t.setting = m.setting AND t.sweep = m.sweep AND t.state IN "
                                     "('done', 'diverged')), (SELECT c.number FROM "
                                     "config c JOIN trials t ON t.trial = c.trial AND t.sweep = "
                                     "c.sweep WHERE t.setting = m.setting AND "
                                     "t.sweep = m.sweep AND c.key = 'train.limit' LIMIT 1) FROM "
                                     "means m JOIN sweeps s ON s.sweep = m.sweep")) {
    ScoreFinding s;
    s.sweep = text_in(row[0]);
    s.base = text_in(row[1]);
    s.task = text_in(row[2]);
    s.metric = text_in(row[3]);
    s.method = text_in(row[4]);
    s.targets = text_in(row[5]);
    s.setting = text_in(row[6]);
    s.group = text_in(row[7]);
    s.rank = integer_in(row[8]);
    s.parameters = integer_in(row[9]);
    s.diverged = integer_in(row[13]).value_or(0);
    s.missing = integer_in(row[14]).value_or(0);
    s.examples = 500;
    if (const auto limit = number_in(row[16])) s.train_examples = static_cast<std::int64_t>(*limit);
    std::string digits;
    for (const char c : text_in(row[15]) + ",") {
      if (c != ',') {
        digits += c;
      } else if (!digits.empty()) {
        s.seeds.push_back(std::stoull(digits));
        digits.clear();
      }
    }
    if (const auto mean = number_in(row[10])) {
      s.mean = 100 * *mean;
      const auto deviation = number_in(row[11]);
      const double n = number_in(row[12]).value_or(1);
      if (deviation) {
        s.low = *s.mean - 250 * *deviation / std::sqrt(n);
        s.high = *s.mean + 250 * *deviation / std::sqrt(n);
      } else {
        s.note = "1 seed: this run only";
      }
    }
    s.headline = is_headline(s.task, s.metric);
    findings.scores.push_back(std::move(s));
  }
  for (ScoreFinding& s : findings.scores) {
    const ScoreFinding* best = nullptr;
    for (const ScoreFinding& other : findings.scores)
      if (other.task == s.task && other.metric == s.metric && other.mean &&
          (best == nullptr || other.mean > best->mean))
        best = &other;
    s.among_best =
        best != nullptr && s.mean && s.high.value_or(*s.mean) >= best->low.value_or(*best->mean);
  }
  for (const Row& row : results.rows("SELECT sweep FROM sweeps")) {
    const std::string sweep = text_in(row[0]);
    for (const std::int64_t batch : {1, 4}) {
      for (const std::int64_t length : {16, 128}) {
        const double less = static_cast<double>(batch);
        findings.latencies.push_back(latency(sweep, batch, length, "base", 0, 0));
        findings.latencies.push_back(latency(sweep, batch, length, "lora_merged", 0, 0.25));
        findings.latencies.push_back(latency(sweep, batch, length, "lora", 0, 6 / less));
        for (const std::int64_t width : {2, 20, 40}) {
          const double more = static_cast<double>(width) / less;
          findings.latencies.push_back(latency(sweep, batch, length, "adapter_h", width, more));
          findings.latencies.push_back(latency(sweep, batch, length, "adapter_l", width, more / 2));
        }
      }
    }
  }
  findings.claims = {claim("C1", "holds"), claim("C2", "contradicted"), claim("C3", "underpowered"),
                     claim("C4", "not run"), claim("C5", "reproduced")};
  findings.claims.back().explanation = kHostile;
  findings.claims.back().contrasts.front().name = kHostile;
  findings.claims_tested = 4;
  findings.claims_file_hash = std::string(64, 'e');
  findings.claims_changed = "2026-11-26";
  return findings;
}

}  // namespace rankscope::tests
