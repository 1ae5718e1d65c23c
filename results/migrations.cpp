#include "results/migrations.h"

#include <array>

#include "results/schema.h"

namespace rankscope {

namespace {

// Tables have natural keys and no rowid: what they hold does not depend on the order of writing.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE sweep (
  sweep TEXT NOT NULL PRIMARY KEY,
  file_text TEXT NOT NULL,
  base TEXT NOT NULL,
  base_hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dataset (
  dataset TEXT NOT NULL PRIMARY KEY,
  task TEXT NOT NULL,
  split TEXT NOT NULL,
  file TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE example (
  dataset TEXT NOT NULL,
  example TEXT NOT NULL,
  position INTEGER NOT NULL,
  prompt TEXT NOT NULL,
  reference TEXT NOT NULL,
  PRIMARY KEY (dataset, example)
) STRICT, WITHOUT ROWID;

CREATE TABLE trial (
  trial TEXT NOT NULL PRIMARY KEY,
  train_hash TEXT NOT NULL,
  eval_hash TEXT NOT NULL,
  sweep TEXT NOT NULL,
  grp TEXT NOT NULL,
  state TEXT NOT NULL,
  role TEXT NOT NULL,
  method TEXT NOT NULL,
  task TEXT NOT NULL,
  targets TEXT NOT NULL,
  rank INTEGER,
  seed INTEGER NOT NULL,
  setting TEXT NOT NULL,
  trainable_parameters INTEGER,
  steps INTEGER,
  diverged_at INTEGER,
  loss REAL,
  last_finite_loss REAL,
  attempts INTEGER NOT NULL,
  error TEXT NOT NULL,
  dataset TEXT NOT NULL,
  stamp TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE config_value (
  trial TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  number REAL,
  PRIMARY KEY (trial, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE environment_value (
  trial TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (trial, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE timing (
  trial TEXT NOT NULL,
  name TEXT NOT NULL,
  value REAL,
  PRIMARY KEY (trial, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE curve_point (
  trial TEXT NOT NULL,
  step INTEGER NOT NULL,
  loss REAL,
  learning_rate REAL,
  gradient_norm REAL,
  tokens INTEGER NOT NULL,
  target_tokens INTEGER NOT NULL,
  eval_loss REAL,
  PRIMARY KEY (trial, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_value (
  trial TEXT NOT NULL,
  metric TEXT NOT NULL,
  value REAL,
  standard_error REAL,
  count INTEGER NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (trial, metric)
) STRICT, WITHOUT ROWID;

CREATE TABLE prediction (
  trial TEXT NOT NULL,
  example TEXT NOT NULL,
  prediction TEXT NOT NULL,
  outcomes TEXT NOT NULL,
  PRIMARY KEY (trial, example)
) STRICT, WITHOUT ROWID;
)sql";

// `other` of an analysis is empty for what a trial's adapter holds by itself.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE analysis (
  one TEXT NOT NULL,
  other TEXT NOT NULL,
  relation TEXT NOT NULL,
  stamp TEXT NOT NULL,
  PRIMARY KEY (one, other)
) STRICT, WITHOUT ROWID;

CREATE TABLE analysis_value (
  trial TEXT NOT NULL,
  layer INTEGER NOT NULL,
  site TEXT NOT NULL,
  quantity TEXT NOT NULL,
  value REAL,
  reason TEXT NOT NULL,
  PRIMARY KEY (trial, layer, site, quantity)
) STRICT, WITHOUT ROWID;

CREATE TABLE spectrum_value (
  trial TEXT NOT NULL,
  layer INTEGER NOT NULL,
  site TEXT NOT NULL,
  position INTEGER NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY (trial, layer, site, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE similarity (
  one TEXT NOT NULL,
  other TEXT NOT NULL,
  layer INTEGER NOT NULL,
  site TEXT NOT NULL,
  directions TEXT NOT NULL,
  rows INTEGER NOT NULL,
  cols INTEGER NOT NULL,
  dimension INTEGER NOT NULL,
  phi BLOB NOT NULL,
  reason TEXT NOT NULL,
  projection_metric REAL,
  smallest_angle REAL,
  largest_angle REAL,
  mean_excess REAL,
  PRIMARY KEY (one, other, layer, site, directions)
) STRICT, WITHOUT ROWID;

CREATE TABLE chance (
  rows INTEGER NOT NULL,
  cols INTEGER NOT NULL,
  dimension INTEGER NOT NULL,
  low BLOB NOT NULL,
  high BLOB NOT NULL,
  PRIMARY KEY (rows, cols, dimension)
) STRICT, WITHOUT ROWID;

CREATE TABLE publication (
  source TEXT NOT NULL,
  position INTEGER NOT NULL,
  model TEXT NOT NULL,
  method TEXT NOT NULL,
  setting TEXT NOT NULL,
  parameters REAL,
  task TEXT NOT NULL,
  metric TEXT NOT NULL,
  value REAL,
  printed TEXT NOT NULL,
  spread REAL,
  spread_kind TEXT NOT NULL,
  unit TEXT NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (source, position)
) STRICT, WITHOUT ROWID;
)sql";

// `bottleneck` is 0 for what is no adapter, so that it can be part of the key.
constexpr const char* kVersion3 = R"sql(
CREATE TABLE latency_cell (
  sweep TEXT NOT NULL,
  batch INTEGER NOT NULL,
  length INTEGER NOT NULL,
  base_parameters INTEGER NOT NULL,
  environment TEXT NOT NULL,
  PRIMARY KEY (sweep, batch, length)
) STRICT, WITHOUT ROWID;

CREATE TABLE latency_variant (
  sweep TEXT NOT NULL,
  batch INTEGER NOT NULL,
  length INTEGER NOT NULL,
  variant TEXT NOT NULL,
  bottleneck INTEGER NOT NULL,
  settings TEXT NOT NULL,
  trainable_parameters INTEGER NOT NULL,
  PRIMARY KEY (sweep, batch, length, variant, bottleneck)
) STRICT, WITHOUT ROWID;

CREATE TABLE latency (
  sweep TEXT NOT NULL,
  batch INTEGER NOT NULL,
  length INTEGER NOT NULL,
  variant TEXT NOT NULL,
  bottleneck INTEGER NOT NULL,
  round INTEGER NOT NULL,
  milliseconds REAL NOT NULL,
  PRIMARY KEY (sweep, batch, length, variant, bottleneck, round)
) STRICT, WITHOUT ROWID;
)sql";

// Views alone, as in version 5.
constexpr const char* kVersion4 = "";
constexpr const char* kVersion5 = "";

constexpr std::array<Migration, 5> kMigrations{
    {{1, kVersion1}, {2, kVersion2}, {3, kVersion3}, {4, kVersion4}, {5, kVersion5}}};
static_assert(kMigrations.back().to_version == kSchemaVersion);

}  // namespace

std::span<const Migration> migrations() { return kMigrations; }

}  // namespace rankscope
