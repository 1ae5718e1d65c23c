// The views: what people and reports ask for by name.
#include <array>

#include "results/schema.h"

namespace rankscope {

namespace {

// Trials that differ in nothing but their `seed` share a `setting`; the standard deviation is the
// sample's (n - 1), from the distances to the mean. The mean of equal scores is that score, which
// their sum need not give to the last bit: their deviation is zero. A trial that has not ended, or
// failed, has no scores, and is missing.
constexpr std::string_view kMeans = R"sql(
  SELECT task, metric, method, targets, rank, parameters, mean,
         CASE WHEN n > 1 THEN sqrt(squares / (n - 1)) END AS standard_deviation,
         n, diverged, trials - n AS missing, sweep, grp, setting, shuffled_targets
  FROM (SELECT task, metric, method, targets, rank, parameters, mean,
               sum((value - mean) * (value - mean)) AS squares, count(value) AS n,
               sum(state = 'base') AS diverged,
               sweep, min(grp) AS grp, setting, max(shuffled_targets) AS shuffled_targets
        FROM (SELECT t.task, m.metric, t.method, t.targets, t.rank,
                     t.trainable_parameters AS parameters, m.value, m.state, t.sweep, t.grp,
                     t.setting,
                     t.trial IN (SELECT trial FROM config_value WHERE key = 'shuffle_targets' AND
                                 value = 'true') AS shuffled_targets,
                     CASE WHEN min(m.value) OVER seeds = max(m.value) OVER seeds
                          THEN min(m.value) OVER seeds ELSE avg(m.value) OVER seeds END AS mean
              FROM trial t JOIN metric_value m ON m.trial = t.trial
              WHERE t.role = 'scored'
              WINDOW seeds AS (PARTITION BY t.sweep, t.task, m.metric, t.method, t.targets, t.rank,
                               t.trainable_parameters, t.setting))
        GROUP BY sweep, task, metric, method, targets, rank, parameters, setting)
       JOIN (SELECT sweep, setting, count(*) AS trials FROM trial WHERE role = 'scored'
             GROUP BY sweep, setting) USING (sweep, setting)
)sql";

// The columns of Table 7 from its quantities; a missing one is NULL.
constexpr std::string_view kAmplifications = R"sql(
  SELECT t.trial, v.layer, v.site, t.task, t.method, t.targets, t.rank, t.seed,
         max(v.value) FILTER (WHERE v.quantity = 'projected') AS projected,
         max(v.value) FILTER (WHERE v.quantity = 'projected_weight') AS projected_weight,
         max(v.value) FILTER (WHERE v.quantity = 'projected_random') AS projected_random,
         max(v.value) FILTER (WHERE v.quantity = 'projected_drawn') AS projected_drawn,
         max(v.value) FILTER (WHERE v.quantity = 'update_norm') AS update_norm,
         max(v.value) FILTER (WHERE v.quantity = 'weight_norm') AS weight_norm,
         max(v.value) FILTER (WHERE v.quantity = 'amplification') AS amplification,
         max(v.value) FILTER (WHERE v.quantity = 'relative') AS relative,
         max(v.value) FILTER (WHERE v.quantity = 'unscaled_amplification') AS unscaled_amplification,
         t.setting, t.sweep
  FROM analysis_value v JOIN trial t ON t.trial = v.trial
  WHERE v.quantity IN ('projected', 'projected_weight', 'projected_random', 'projected_drawn', 'update_norm', 'weight_norm',
                       'amplification', 'relative', 'unscaled_amplification')
  GROUP BY v.trial, v.layer, v.site
  HAVING max(v.value) FILTER (WHERE v.quantity = 'projected_random') IS NOT NULL)sql";

constexpr std::string_view kSimilarities = R"sql(
  SELECT s.one, s.other, a.relation, s.layer, s.site, s.directions, s.rows, s.cols, s.dimension,
         s.mean_excess, s.projection_metric, s.smallest_angle, s.largest_angle, s.reason,
         t.task, t.method, t.targets, t.rank AS rank_one, o.rank AS rank_other,
         t.seed AS seed_one, o.seed AS seed_other, t.setting, t.sweep
  FROM similarity s JOIN analysis a ON a.one = s.one AND a.other = s.other
       JOIN trial t ON t.trial = s.one LEFT JOIN trial o ON o.trial = s.other)sql";

// A round's times are a pair: its base and its variant, of which the logarithm of the ratio is
// averaged.
constexpr std::string_view kLatencies = R"sql(
  SELECT batch, length, variant, bottleneck, trainable_parameters, rounds, milliseconds,
         100 * (pow(2, log2_ratio) - 1) AS slowdown_percent, log2_ratio,
         CASE WHEN rounds > 1 THEN sqrt(squares / (rounds - 1)) END AS log2_deviation,
         base_parameters, settings, environment, sweep
  FROM (SELECT sweep, batch, length, variant, bottleneck, count(*) AS rounds,
               avg(milliseconds) AS milliseconds, mean AS log2_ratio,
               sum((ratio - mean) * (ratio - mean)) AS squares
        FROM (SELECT l.*, log2(l.milliseconds / b.milliseconds) AS ratio,
                     avg(log2(l.milliseconds / b.milliseconds)) OVER
                       (PARTITION BY l.sweep, l.batch, l.length, l.variant, l.bottleneck) AS mean
              FROM latency l JOIN latency b ON b.sweep = l.sweep AND b.batch = l.batch AND
                   b.length = l.length AND b.round = l.round AND b.variant = 'base')
        GROUP BY sweep, batch, length, variant, bottleneck)
       JOIN latency_variant USING (sweep, batch, length, variant, bottleneck)
       JOIN latency_cell USING (sweep, batch, length))sql";

// The orders of learning_curves and predictions_scored are those of their tables' keys: millions of
// rows come without being sorted first, a prediction's metrics in the order of their names.
constexpr std::array<View, 18> kViews{{
    {"trials", "every trial: what it is, how it ended",
     "sweep, grp, role, task, method, targets, rank, seed, trial",
     R"sql(
  SELECT t.trial, t.state, t.role, t.method, t.task, t.rank, t.targets, t.seed,
         t.trainable_parameters, t.steps, t.loss, t.sweep, t.grp, t.last_finite_loss, t.diverged_at,
         t.attempts, t.error, t.setting, t.dataset, t.train_hash, t.eval_hash
  FROM trial t)sql"},
    {"scores", "every metric of every trial, with its standard error",
     "sweep, task, metric, method, targets, rank, seed, trial",
     R"sql(
  SELECT m.trial, m.metric, m.value, m.standard_error, m.count, m.state, t.method, t.task, t.rank,
         t.targets, t.seed, t.role, t.state AS trial_state, t.sweep, t.grp, t.setting
  FROM metric_value m JOIN trial t ON t.trial = m.trial)sql"},
    {"means", "each setting's scores, averaged over its seeds",
     "sweep, task, metric, method, targets, rank, setting", kMeans},
    {"table5", "LoRA's scores by weight matrices, budget by budget (the paper's Table 5)",
     "sweep, task, metric, parameters, targets, rank, setting",
     R"sql(
  SELECT task, metric, parameters, targets, rank, mean, standard_deviation, n, diverged, missing,
         sweep, grp, setting
  FROM means WHERE method = 'lora' AND NOT shuffled_targets)sql"},
    {"table6", "LoRA's scores by rank, weight matrices by weight matrices (the paper's Table 6)",
     "sweep, task, metric, targets, rank, parameters, setting",
     R"sql(
  SELECT task, metric, targets, rank, parameters, mean, standard_deviation, n, diverged, missing,
         sweep, grp, setting
  FROM means WHERE method = 'lora' AND NOT shuffled_targets)sql"},
    {"learning_curves", "every recorded step of every trial", "trial, step",
     R"sql(
  SELECT c.trial, c.step, c.loss, c.eval_loss, c.learning_rate, c.gradient_norm, c.tokens,
         c.target_tokens, t.method, t.task, t.rank, t.targets, t.seed, t.role, t.sweep
  FROM curve_point c JOIN trial t ON t.trial = c.trial)sql"},
    {"predictions_scored", "every prediction beside its reference, a row for each metric",
     "trial, example",
     R"sql(
  SELECT p.trial, p.example, o.key AS metric, o.value AS outcome, p.prediction, e.reference,
         e.prompt, t.method, t.task, t.rank, t.targets, t.seed, t.sweep
  FROM prediction p JOIN trial t ON t.trial = p.trial
       LEFT JOIN example e ON e.dataset = t.dataset AND e.example = p.example
       LEFT JOIN json_each(p.outcomes) o)sql"},
    {"config", "every configuration value of every trial, by its dotted key", "trial, key",
     R"sql(
  SELECT c.trial, c.key, c.value, c.number, t.sweep
  FROM config_value c JOIN trial t ON t.trial = c.trial)sql"},
    {"environment", "the machine, the libraries and the program that made each trial", "trial, key",
     R"sql(
  SELECT v.trial, v.key, v.value, t.sweep
  FROM environment_value v JOIN trial t ON t.trial = v.trial)sql"},
    {"timings", "times, speed and memory of each trial", "trial, name",
     R"sql(
  SELECT i.trial, i.name, i.value, t.method, t.task, t.rank, t.targets, t.seed, t.sweep
  FROM timing i JOIN trial t ON t.trial = i.trial)sql"},
    {"sweeps", "each sweep, its base, and how many trials are in which state", "sweep",
     R"sql(
  SELECT s.sweep, s.base, s.base_hash, count(t.trial) AS trials,
         count(*) FILTER (WHERE t.state = 'done') AS done,
         count(*) FILTER (WHERE t.state = 'diverged') AS diverged,
         count(*) FILTER (WHERE t.state = 'failed') AS failed,
         count(*) FILTER (WHERE t.state = 'running') AS running,
         count(*) FILTER (WHERE t.state = 'pending') AS pending
  FROM sweep s LEFT JOIN trial t ON t.sweep = s.sweep GROUP BY s.sweep)sql"},
    {"datasets", "each scored dataset and the number of its examples", "dataset",
     R"sql(
  SELECT d.dataset, d.task, d.split, d.file,
         (SELECT count(*) FROM example e WHERE e.dataset = d.dataset) AS examples
  FROM dataset d)sql"},
    {"amplifications", "what of W lies in the directions of each update (the paper's Table 7)",
     "sweep, task, targets, site, layer, rank, seed, trial", kAmplifications},
    {"similarities", "how much of their directions two adapters share (Figures 3, 4, 6 to 8)",
     "sweep, relation, task, targets, site, layer, directions, one, other", kSimilarities},
    {"adapter_values", "norms and ranks of each update, and what has none and why",
     "trial, layer, site, quantity",
     R"sql(
  SELECT v.trial, v.layer, v.site, v.quantity, v.value, v.reason, t.task, t.method, t.targets,
         t.rank, t.seed, t.sweep
  FROM analysis_value v JOIN trial t ON t.trial = v.trial)sql"},
    {"spectra", "the singular values of each update, the largest first",
     "trial, layer, site, position",
     R"sql(
  SELECT v.trial, v.layer, v.site, v.position, v.value, t.task, t.method, t.targets, t.rank, t.seed,
         t.sweep
  FROM spectrum_value v JOIN trial t ON t.trial = v.trial)sql"},
    {"latencies", "a forward pass of each variant beside the base's (Table 1, Figure 5)",
     "sweep, batch, length, variant, bottleneck", kLatencies},
    {"published", "the numbers that the paper prints, with their slips", "source, position",
     R"sql(
  SELECT source, position, model, method, setting, parameters, task, metric, value, printed,
         spread, spread_kind, unit, note
  FROM publication)sql"},
}};

}  // namespace

std::span<const View> views() { return kViews; }

}  // namespace rankscope
