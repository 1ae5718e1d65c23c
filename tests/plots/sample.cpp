#include "tests/plots/sample.h"

#include <limits>

#include "results/store.h"

namespace rankscope::tests {

namespace {

constexpr int kLayers = 3;

// Numbers that look random and are the same each time.
class Digits {
 public:
  double next() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<double>(state_ >> 11) / static_cast<double>(std::uint64_t{1} << 53);
  }

 private:
  std::uint64_t state_ = 7;
};

struct Configuration {
  std::string method, targets;
  std::optional<std::int64_t> rank;
  std::int64_t parameters = 0;
};

TrialRecord trial_of(const std::string& task, const Configuration& c, std::int64_t seed,
                     std::int64_t examples, Digits& digits) {
  TrialRecord t;
  t.trial = task + "-" + c.method + "-" + c.targets + "-" + std::to_string(c.rank.value_or(0)) +
            "-" + std::to_string(examples) + "-" + std::to_string(seed);
  t.train_hash = std::string(64, 'a');
  t.eval_hash = std::string(64, 'b');
  t.sweep = "sweep " + kHostile;
  t.group = "group " + kHostile;
  t.state = "done";
  t.role = "scored";
  t.method = c.method;
  t.task = task;
  t.targets = c.targets;
  t.rank = c.rank;
  t.seed = seed;
  t.config = {{"settings.lr", "0.01"},
              {"seed", std::to_string(seed)},
              {"train.limit", std::to_string(examples)},
              {"name " + kHostile, kHostile},
              {"method", c.method},
              {"settings.targets", c.targets},
              {"settings.rank", std::to_string(c.rank.value_or(0))}};
  t.environment = {
      {"processor", seed == 1 ? "one" : kHostile}, {"instruction_set", "avx2"}, {"program", "abc"}};
  t.trainable_parameters = c.parameters;
  t.steps = 40;
  t.loss = 0.5;
  t.attempts = 1;
  t.dataset = "data " + task;
  t.timings = {{"train_seconds", 10 + digits.next()},
               {"train_peak_memory_mib", 60},
               {"train_tokens_per_second", 1000}};
  for (int step = 1; step <= 40; ++step)
    t.curve.push_back({step, 3.0 / step + 0.1 * digits.next(), 1e-2, 0.5, 100, 10, {}});
  const bool labels = task == "mnli";
  const std::string metric = labels ? "accuracy" : task == "wikisql" ? "logical_form" : "accuracy";
  double right = 0;
  for (int e = 0; e < 6; ++e) {
    const double outcome = digits.next() < 0.5 ? 1 : 0;
    right += outcome;
    const std::string reference = e % 2 == 0 ? "yes" : "no";
    t.predictions.push_back({"e" + std::to_string(e),
                             labels ? (outcome == 1         ? reference
                                       : reference == "yes" ? "no"
                                                            : "yes")
                                    : kHostile,
                             {{metric, outcome}}});
  }
  t.metrics = {{metric, right / 6, 0.1, 6, "ok"}};
  t.stamp = "s";
  return t;
}

std::vector<Configuration> configurations() {
  std::vector<Configuration> all{
      {"none", "", {}, 0}, {"full", "", {}, 1000000}, {"bitfit", "", {}, 900}};
  for (const std::int64_t rank : {1, 4, 8})
    for (const char* targets : {"Wq", "Wv", "Wq+Wv"})
      all.push_back(
          {"lora", targets, rank, 100 * rank * (std::string(targets) == "Wq+Wv" ? 2 : 1)});
  all.push_back({"lora", "W " + kHostile, 4, 400});
  return all;
}

SiteSimilarity similarity(int layer, const std::string& site, const std::string& directions,
                          std::int64_t rows, std::int64_t cols, Digits& digits) {
  SiteSimilarity s;
  s.layer = layer;
  s.site = site;
  s.directions = directions;
  s.rows = rows;
  s.cols = cols;
  s.dimension = 32;
  for (std::int64_t i = 0; i < rows * cols; ++i) s.phi.push_back(static_cast<float>(digits.next()));
  if (layer == 2 && site == "Wv") {
    s.phi.back() = std::numeric_limits<float>::quiet_NaN();
    s.reason = "equal singular values " + kHostile;
  } else {
    s.projection_metric = 0.5;
    s.mean_excess = 0.25;
  }
  return s;
}

void put_analysis(Store& store, const std::vector<TrialRecord>& trials, Digits& digits) {
  const auto sites_of = [](const TrialRecord& t) {
    return t.targets == "Wq+Wv" ? std::vector<std::string>{"Wq", "Wv"}
                                : std::vector<std::string>{t.targets};
  };
  const auto put_pair = [&](const TrialRecord& one, const std::string& other,
                            const std::string& relation, std::int64_t cols,
                            const std::vector<std::string>& directions) {
    SimilarityRecord record{
        .one = one.trial, .other = other, .relation = relation, .stamp = "s", .sites = {}};
    for (int layer = 0; layer < kLayers; ++layer)
      for (const std::string& site : sites_of(one))
        for (const std::string& each : directions)
          record.sites.push_back(similarity(layer, site, each, *one.rank, cols, digits));
    store.put_similarity(record);
  };
  for (const TrialRecord& t : trials) {
    if (t.method != "lora" || t.task != "wikisql" || t.state != "done") continue;
    AdapterFindings record{.trial = t.trial, .stamp = "s", .values = {}, .spectra = {}};
    for (int layer = 0; layer < kLayers; ++layer) {
      for (const std::string& site : sites_of(t)) {
        for (const char* quantity :
             {"projected", "projected_weight", "projected_random", "update_norm", "weight_norm",
              "amplification", "relative", "effective_rank", "stable_rank"})
          record.values.push_back({layer, site, quantity, 1 + digits.next(), ""});
        record.values.push_back(
            {layer, site, "unscaled_amplification", {}, "the update is zero " + kHostile});
        SiteSpectrum spectrum{layer, site, {}};
        for (std::int64_t k = 0; k < *t.rank; ++k)
          spectrum.values.push_back(10.0 / static_cast<double>(k + 1));
        record.spectra.push_back(std::move(spectrum));
      }
    }
    store.put_adapter(record);
    put_pair(t, "base", "base", 4, {"a", "dw"});
    put_pair(t, "initial", "initial", *t.rank, {"a"});
    for (const TrialRecord& other : trials) {
      if (other.method != "lora" || other.task != t.task || other.targets != t.targets ||
          &other == &t)
        continue;
      if (other.seed == t.seed && *t.rank < 8 && other.rank == 8)
        put_pair(t, other.trial, "ranks", 8, {"a", "initial"});
      if (other.rank == t.rank && t.seed < other.seed)
        put_pair(t, other.trial, "seeds", *t.rank, {"a", "initial"});
    }
  }
  ChanceBandRecord band{.rows = 4,
                        .cols = 8,
                        .dimension = 32,
                        .low = std::vector<float>(32, 0.1F),
                        .high = std::vector<float>(32, 0.2F)};
  store.put_chance(band);
}

}  // namespace

void fill_report_sample(const std::filesystem::path& db, SampleKind kind) {
  Store store = Store::open(db);
  if (kind == SampleKind::kEmpty) return;
  store.put_sweep({"sweep " + kHostile, "name: " + kHostile + "\n```\n", "base " + kHostile,
                   std::string(64, 'c')});
  Digits digits;
  std::vector<TrialRecord> trials;
  const std::vector<std::string> tasks{"wikisql", "mnli", "task " + kHostile};
  for (const std::string& task : tasks) {
    DatasetRecord dataset{.dataset = "data " + task,
                          .task = task,
                          .split = "dev",
                          .file = "dev " + kHostile,
                          .examples = {}};
    for (int e = 0; e < 6; ++e)
      dataset.examples.push_back({"e" + std::to_string(e), "asked " + kHostile,
                                  task == "mnli" ? (e % 2 == 0 ? "yes" : "no") : kHostile});
    store.put_dataset(dataset);
    for (const Configuration& c : configurations())
      for (std::int64_t seed = 1; seed <= (c.method == "none" ? 1 : 3); ++seed)
        trials.push_back(trial_of(task, c, seed, 100, digits));
  }
  for (const std::int64_t examples : {100, 1000})
    for (std::int64_t seed = 1; seed <= 2; ++seed)
      trials.push_back(trial_of("mnli", {"lora", "Wk", 2, 200}, seed, examples + 1, digits));

  TrialRecord tuning = trial_of("wikisql", {"lora", "Wq", 1, 100}, 1000, 100, digits);
  tuning.role = "tuning";
  tuning.trial = "tuning";
  tuning.metrics = {{"nll", 0.5, {}, 10, "ok"}};
  trials.push_back(tuning);
  TrialRecord diverged = trial_of("wikisql", {"lora", "Wq", 1, 100}, 4, 100, digits);
  diverged.state = "diverged";
  diverged.diverged_at = 12;
  diverged.metrics.front().state = "base";
  trials.push_back(diverged);
  TrialRecord failed = trial_of("wikisql", {"lora", "Wq", 1, 100}, 5, 100, digits);
  failed.state = "failed";
  failed.error = "out of memory " + kHostile;
  failed.metrics = {{"logical_form", {}, {}, 0, "missing: the trial failed"}};
  failed.predictions.clear();
  trials.push_back(failed);
  if (kind == SampleKind::kHalf) {
    for (std::size_t i = 0; i < trials.size(); ++i) {
      TrialRecord& t = trials[i];
      if (t.state != "done" || i % 3 == 0) continue;
      t.state = i % 3 == 1 ? "pending" : "failed";
      t.metrics.clear();
      t.predictions.clear();
      t.curve.clear();
      t.timings.clear();
      t.environment.clear();
    }
  }
  for (const TrialRecord& trial : trials) store.put_trial(trial);
  if (kind == SampleKind::kWhole) put_analysis(store, trials, digits);
}

}  // namespace rankscope::tests
