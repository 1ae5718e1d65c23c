#include "tests/results/sample.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <limits>

#include "results/store.h"

namespace rankscope::tests {

TrialRecord lora_trial(const std::string& targets, int64_t rank, int64_t seed, double exact) {
  TrialRecord t;
  t.trial = targets + "-r" + std::to_string(rank) + "-s" + std::to_string(seed);
  t.train_hash = std::string(64, 'a');
  t.eval_hash = std::string(64, 'b');
  t.sweep = "small";
  t.group = "ranks";
  t.state = "done";
  t.role = "scored";
  t.method = "lora";
  t.task = "wikisql";
  t.targets = targets;
  t.rank = rank;
  t.seed = seed;
  t.config = {{"method.rank", std::to_string(rank)},
              {"method.targets", targets},
              {"training.lr", "2e-4"},
              {"training.seed", std::to_string(seed)}};
  t.environment = {{"instruction_set", "avx2"}, {"git", "0123abc"}};
  t.trainable_parameters = rank * 1000;
  t.steps = 2;
  t.loss = 0.5;
  t.last_finite_loss = 0.5;
  t.attempts = 1;
  t.dataset = "d1";
  t.timings = {{"train_seconds", 12.5}, {"peak_memory_mib", 300}};
  t.curve = {{1, 2.5, 1e-4, 0.75, 100, 20, {}}, {2, 0.5, 2e-4, 0.25, 90, 18, 0.625}};
  t.metrics = {{"exact", exact, 0.25, 2, "ok"}};
  t.predictions = {{"e2", "SELECT b", {{"exact", 0}, {"rouge1", 1.0 / 3}}},
                   {"e1", "SELECT a", {{"exact", 1}, {"rouge1", 1}}}};
  t.stamp = "stamp of " + t.trial;
  return t;
}

DatasetRecord sample_dataset(const std::string& hash) {
  return {hash,
          "wikisql",
          "dev",
          "dev.jsonl",
          {{"e2", "Which b?", "SELECT b FROM table"}, {"e1", "Which a?", "SELECT a"}}};
}

std::vector<LatencyRecord> sample_latencies() {
  std::vector<LatencyRecord> records;
  for (const std::int64_t batch : {1, 4}) {
    const double base = 2.0 * static_cast<double>(batch);
    records.push_back({"small",
                       batch,
                       128,
                       5000,
                       {{"processor", "any\xff"}, {"threads", "1"}},
                       {{"base", 0, {}, 0, {base, 2 * base}},
                        {"lora_merged", 0, {{"rank", "4"}}, 40, {base, 2 * base}},
                        {"adapter_h", 8, {{"bottleneck", "8"}}, 150, {2 * base, 8 * base}}}});
  }
  return records;
}

SweepRecord sample_sweep(const std::string& name) {
  return {name, "name: " + name + "\n", "models/tiny", std::string(64, 'c')};
}

std::vector<TrialRecord> sample_trials() {
  std::vector<TrialRecord> trials{lora_trial("Wq", 1, 0, 0.25), lora_trial("Wq", 1, 1, 0.75),
                                  lora_trial("Wq+Wv", 4, 0, 0.5), lora_trial("Wq+Wv", 4, 1, 0.5)};
  TrialRecord base = lora_trial("", 0, 0, 0.125);
  base.trial = "base";
  base.method = "none";
  base.rank = {};
  base.curve.clear();
  trials.push_back(base);

  TrialRecord diverged = lora_trial("Wq", 1, 2, 0.125);
  diverged.state = "diverged";
  diverged.diverged_at = 2;
  diverged.loss = std::numeric_limits<double>::quiet_NaN();
  diverged.curve[1].loss = std::numeric_limits<double>::infinity();
  diverged.metrics = {{"exact", 0.125, 0.25, 2, "base"}};
  trials.push_back(diverged);

  TrialRecord failed = lora_trial("Wq", 8, 0, 0);
  failed.state = "failed";
  failed.attempts = 3;
  failed.error = "out of memory";
  failed.metrics = {{"exact", {}, {}, 0, "missing: the trial failed"}};
  failed.predictions.clear();
  trials.push_back(failed);

  TrialRecord pending;
  pending.trial = "pending";
  pending.sweep = "small";
  pending.state = "pending";
  pending.role = "tuning";
  trials.push_back(pending);

  TrialRecord hostile = lora_trial("Wq", 2, 0, 1);
  hostile.trial = "x'); DROP TABLE trial; --\"";
  hostile.task = std::string("nul\0inside", 10);
  hostile.error = "\x1b[2J\xff line\nend";
  std::string long_key(5000, 'k');
  long_key.back() = '\'';
  hostile.config[long_key] = "\"v\"";
  hostile.predictions[0].outcomes = {{"a\"b\xff", 1}};
  trials.push_back(hostile);
  return trials;
}

void fill_sample(const std::filesystem::path& db) {
  Store store = Store::open(db);
  store.put_sweep(sample_sweep());
  store.put_dataset(sample_dataset());
  for (const TrialRecord& trial : sample_trials()) store.put_trial(trial);
}

void fill_analyses(const std::filesystem::path& db) {
  const float none = std::numeric_limits<float>::quiet_NaN();
  Store store = Store::open(db);
  store.put_adapter({.trial = "Wq-r1-s0",
                     .stamp = "adapter",
                     .values = {{0, "Wq", "update_norm", 1.5, ""},
                                {0, "Wq", "projected", 0.25, ""},
                                {0, "Wq", "projected_random", 0.125, ""},
                                {0, "Wq", "projected_weight", {}, "W's values are equal"},
                                {3, "Wv", "stable_rank", {}, "the update is zero"}},
                     .spectra = {{0, "Wq", {1.5}}, {3, "Wv", {0, 0}}}});
  store.put_similarity(
      {.one = "Wq-r1-s0",
       .other = "Wq-r1-s1",
       .relation = "seeds",
       .stamp = "pair",
       .sites = {{0, "Wq", "a", 1, 2, 8, {0.5f, none}, "j = 2: equal", 0.75, 10, 80, 0.25},
                 {0, "Wq", "dw", 1, 1, 8, {1}, "", {}, {}, {}, {}}}});
  store.put_similarity({.one = "Wq-r1-s1",
                        .other = "base",
                        .relation = "base",
                        .stamp = "base",
                        .sites = {{0, "Wq", "a", 1, 1, 8, {0.25f}, "", {}, {}, {}, {}}}});
  store.put_chance(
      {.rows = 1, .cols = 2, .dimension = 8, .low = {0, 0.125f}, .high = {0.5f, 0.75f}});
}

namespace {

std::vector<std::string> column_of(SQLite::Database& database, const std::string& sql) {
  std::vector<std::string> values;
  SQLite::Statement statement(database, sql);
  while (statement.executeStep()) values.push_back(statement.getColumn(0).getString());
  return values;
}

std::string rows_of(SQLite::Database& database, const std::string& name) {
  const std::vector<std::string> columns =
      column_of(database, "SELECT name FROM pragma_table_info('" + name + "')");
  std::string quoted, order;
  for (size_t i = 0; i < columns.size(); ++i) {
    quoted += (i == 0 ? "" : " || ',' || ") + ("quote(" + columns[i] + ")");
    order += (i == 0 ? "" : ", ") + columns[i];
  }
  std::string text;
  for (const std::string& row :
       column_of(database, "SELECT " + quoted + " FROM " + name + " ORDER BY " + order))
    text += name + ": " + row + "\n";
  return text;
}

}  // namespace

std::string dump(const std::filesystem::path& db) {
  SQLite::Database database(db.string());
  std::string text;
  for (const std::string& sql :
       column_of(database, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"))
    text += sql + "\n";
  for (const std::string& name :
       column_of(database, "SELECT name FROM sqlite_schema WHERE type <> 'index' ORDER BY name"))
    text += rows_of(database, name);
  return text;
}

std::string answer(ResultsReader& reader, const std::string& question, RowFormat format,
                   const Row& parameters) {
  std::string text;
  const auto put = [&](std::string_view piece) { text += piece; };
  reader.run(question, *make_row_writer(format, put), parameters);
  return text;
}

}  // namespace rankscope::tests
