#include "experiments/analysis/sweep_analysis.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "common/error.h"
#include "common/hash.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/parallel.h"
#include "common/text.h"
#include "engine/backend/cpu/thread_pool.h"
#include "engine/methods/lora_settings.h"
#include "experiments/analysis/site_vectors.h"
#include "experiments/analysis/weight_cache.h"
#include "metrics/intruder_dimensions.h"
#include "metrics/subspace_similarity.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kChanceSeed = 0;
constexpr const char* kInitial = "initial";

using Place = std::pair<int, std::string>;  // layer, site

// What one adapter has at one site.
struct SiteState {
  SiteFactors factors;
  std::map<std::string, LeadingVectors> vectors;  // by directions, and "initial"
  Singular update;
};

SiteSimilarity similarity_of(const Place& place, const std::string& directions,
                             const LeadingVectors& one, const LeadingVectors& other) {
  const SharedDirections shared = shared_directions(one, other);
  SiteSimilarity site;
  site.layer = place.first;
  site.site = place.second;
  site.directions = directions;
  site.rows = shared.phi.rows();
  site.cols = shared.phi.cols();
  site.dimension = one.vectors.rows();
  for (Eigen::Index i = 0; i < shared.phi.rows(); ++i)
    for (Eigen::Index j = 0; j < shared.phi.cols(); ++j)
      site.phi.push_back(static_cast<float>(shared.phi(i, j)));
  for (const std::string& reason : shared.undefined)
    site.reason += (site.reason.empty() ? "" : "; ") + reason;
  site.projection_metric = shared.projection_metric;
  site.smallest_angle = shared.smallest_angle;
  site.largest_angle = shared.largest_angle;
  site.mean_excess = shared.mean_excess;
  return site;
}

class Analysis {
 public:
  Analysis(const SweepFolder& folder, const Manifest& manifest, Store& store,
           FinishedAdapters& finished)
      : folder_(folder),
        manifest_(manifest),
        settings_(*manifest.analysis),
        store_(store),
        finished_(finished),
        threads_(cpu::available_processors()) {}

  AnalysisSummary run(AnalysisScope scope) {
    find_missing(scope);
    compute();
    // Of pairs that a program stored before their bands, and was ended in between.
    for (const auto& [rows, cols, dimension] : store_.shapes_without_chance())
      put_band(rows, cols, dimension);
    return summary_;
  }

  AnalysisSummary run_after(const Trial& ended, const AdapterFamilies& families) {
    const std::vector<AdapterPair> pairs = families.pairs_after(ended, has_adapter());
    if (summary_.closed) return summary_;
    for (const AdapterPair& pair : pairs) add_missing(pair);
    read_places();
    compute();
    return summary_;
  }

 private:
  struct Adapter {
    const Trial* trial;
    AdapterFindings record;
  };
  struct Pair {
    AdapterPair plan;
    SimilarityRecord record;
  };

  // And stores it.
  void compute() {
    if (!adapters_.empty() || !pairs_.empty()) analyse();
    // Before the pairs beside which they stand: a pair that is stored says that nothing is missing.
    for (const auto& [rows, cols, dimension] : bands_) put_band(rows, cols, dimension);
    for (Adapter& adapter : adapters_) store_.put_adapter(adapter.record);
    for (Pair& pair : pairs_) store_.put_similarity(pair.record);
    summary_.adapters = static_cast<std::int64_t>(adapters_.size());
    summary_.pairs = static_cast<std::int64_t>(pairs_.size());
  }

  void analyse() {
    const bool needs_base = !adapters_.empty() || std::ranges::any_of(pairs_, [](const Pair& p) {
      return p.plan.relation == "base";
    });
    if (needs_base) {
      backend_ = make_cpu_backend(threads_);
      model_ = load_model(manifest_.base, *backend_);
    }
    for (const Place& place : places_) {
      if (stop_requested()) throw Interrupted("interrupted; the same command goes on from here");
      analyse_place(place);
    }
  }

  void require_files_as_written(const Trial& trial) const {
    for (const auto& [name, hash] : finished_.find(trial)->hashes)
      if (const fs::path file = folder_.train_folder(trial) / name; sha256_file(file) != hash)
        throw AlteredFile(printable_path(file) +
                          ": is not the file that was written, by its SHA-256");
  }

  // Of one that has moved away what is stored stays, and so does what the others are set against.
  bool was_finished(const Trial& trial) {
    return store_.trial_state(trial.id()) == state_name(TrialState::kDone);
  }

  void say_what_moved_away(const Trial& trial) {
    if (has_weights(folder_, trial)) return;  // damaged, as the collector says
    summary_.problems.push_back(fmt::format(
        "trial {}: its adapter is not in '{}', and is not analysed; what is stored of it stays; "
        "put the adapter back, or let `run` train it again",
        trial.id(), printable_path(adapter_folder(folder_, trial))));
  }

  HasAdapter has_adapter() {
    return [this](const Trial& trial) {
      try {
        return finished_.find(trial) != nullptr || was_finished(trial);
      } catch (const PermissionDenied&) {
        summary_.closed = true;
        return false;
      }
    };
  }

  void find_missing(AnalysisScope scope) {
    const AnalysisPlan plan = AdapterFamilies(manifest_, settings_).plan(has_adapter());
    // Which adapters are compared depends on all of them: what is stored stays.
    if (summary_.closed) return;
    std::set<std::pair<std::string, std::string>> wanted;
    for (const Trial* trial : plan.adapters) {
      wanted.emplace(trial->id(), "");
      if (scope == AnalysisScope::kAdapters) continue;
      const FinishedAdapters::Facts* const facts = finished_.find(*trial);
      if (facts == nullptr) {
        say_what_moved_away(*trial);
        continue;
      }
      if (store_.analysis_stamp(trial->id(), "") == facts->stamp) continue;
      adapters_.push_back(
          {trial, {.trial = trial->id(), .stamp = facts->stamp, .values = {}, .spectra = {}}});
      used_.insert(trial);
    }
    for (const AdapterPair& pair : plan.pairs) {
      wanted.emplace(pair.one->id(), pair.other_id());
      if (scope == AnalysisScope::kAll || pair.relation != "base") add_missing(pair);
    }
    if (scope == AnalysisScope::kAll) store_.remove_analyses_not_in(wanted);
    read_places();
  }

  // Where both adapters are in place and the store lacks what is computed from them.
  void add_missing(const AdapterPair& pair) {
    const auto* const one = finished_.find(*pair.one);
    const auto* const other = pair.other == nullptr ? nullptr : finished_.find(*pair.other);
    if (one == nullptr || (pair.other != nullptr && other == nullptr)) return;
    std::string stamp = one->stamp;
    if (other != nullptr) stamp += " " + other->stamp;
    if (store_.analysis_stamp(pair.one->id(), pair.other_id()) == stamp) return;
    pairs_.push_back({pair,
                      {.one = pair.one->id(),
                       .other = pair.other_id(),
                       .relation = pair.relation,
                       .stamp = stamp,
                       .sites = {}}});
    used_.insert(pair.one);
    if (pair.other != nullptr) used_.insert(pair.other);
  }

  // Where the adapters have updates. One that cannot be read is left out, and with it its pairs.
  void read_places() {
    std::set<const Trial*> unreadable;
    for (const Trial* trial : used_) {
      try {
        require_files_as_written(*trial);
        const AdapterReader& reader =
            readers_.emplace(trial, adapter_folder(folder_, *trial)).first->second;
        for (const AdaptedSite& site : reader.sites()) places_.emplace(site.layer, site.site);
      } catch (const InputError& error) {
        if (dynamic_cast<const AlteredFile*>(&error))
          summary_.altered.push_back(trial->id());
        else
          summary_.problems.push_back(fmt::format("trial {}: {}", trial->id(), error.what()));
        unreadable.insert(trial);
      }
    }
    std::erase_if(adapters_, [&](const Adapter& a) { return unreadable.contains(a.trial); });
    std::erase_if(pairs_, [&](const Pair& p) {
      return unreadable.contains(p.plan.one) || unreadable.contains(p.plan.other);
    });
    std::erase_if(used_, [&](const Trial* trial) { return unreadable.contains(trial); });
  }

  void analyse_place(const Place& place) {
    const std::vector<const Trial*> trials(used_.begin(), used_.end());
    std::vector<std::optional<SiteState>> found(trials.size());
    parallel_for(trials.size(), threads_,
                 [&](std::size_t i) { found[i] = read_state(*trials[i], place); });
    std::map<const Trial*, const SiteState*> states;
    for (std::size_t i = 0; i < trials.size(); ++i)
      if (found[i]) states[trials[i]] = &*found[i];
    if (states.empty()) return;
    std::optional<WeightState> weight;
    // W first, which takes the longest.
    parallel_for(trials.size() + 1, threads_, [&](std::size_t i) {
      if (i == 0)
        weight = weight_of(place, states);
      else if (found[i - 1])
        complete(*found[i - 1], *trials[i - 1]);
    });

    std::vector<std::vector<SiteSimilarity>> similar(pairs_.size());
    parallel_for(pairs_.size(), threads_, [&](std::size_t i) {
      similar[i] = similarities(pairs_[i].plan, place, states, weight);
    });
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      for (SiteSimilarity& site : similar[i]) {
        bands_.insert({site.rows, site.cols, site.dimension});
        pairs_[i].record.sites.push_back(std::move(site));
      }
    }
    parallel_for(adapters_.size(), threads_, [&](std::size_t i) {
      const auto state = states.find(adapters_[i].trial);
      if (state != states.end())
        add_values(adapters_[i].record, place, *state->second, weight,
                   adapters_[i].trial->config.seed);
    });
  }

  // With its factors alone.
  std::optional<SiteState> read_state(const Trial& trial, const Place& place) const {
    std::vector<SiteFactors> read =
        readers_.at(&trial).read([&](int layer, const std::string& site) {
          return layer == place.first && site == place.second;
        });
    if (read.empty()) return std::nullopt;
    return SiteState{.factors = std::move(read.front()), .vectors = {}, .update = {}};
  }

  void complete(SiteState& state, const Trial& trial) const {
    const SiteFactors& f = state.factors;
    std::map<std::string, std::string> values = trial.config.settings;
    Settings settings(std::move(values));
    const LoraSettings lora = LoraSettings::read(settings);
    // PiSSA is saved as plain LoRA of twice the rank: below the trained A stands the one that
    // training began with.
    const bool pissa = lora.init == LoraInit::kPissa;
    const std::int64_t rank = pissa ? f.rank / 2 : f.rank;
    const auto of_a_from = [&](std::int64_t row) {
      const auto begin = f.a.begin() + row * f.in;
      return leading_vectors_of_a({begin, begin + rank * f.in}, rank, f.in);
    };
    state.update = singular_of_update(f);
    for (const std::string& word : settings_.directions) {
      const Directions directions = *directions_of(word);
      state.vectors[word] = directions == Directions::kA
                                ? of_a_from(0)
                                : leading_vectors(f, state.update, directions);
    }
    if (pissa) {
      state.vectors[kInitial] = of_a_from(rank);
    } else if (const std::optional<SiteKind> kind = site_kind(f.site)) {
      state.vectors[kInitial] = leading_vectors_of_a(
          initial_lora_a(lora, {f.layer, *kind}, f.rank, f.in, trial.config.seed_of_start()),
          f.rank, f.in);
    }
  }

  struct WeightTriples {
    WeightFacts facts;
    LeadingVectors right, left;  // empty where there are no triples
  };
  struct WeightState {
    std::vector<float> values;
    Eigen::Index share = 0;  // of the directions, that adapters are set against
    std::map<Eigen::Index, WeightTriples> triples;  // by triples_for
    RealMatrix all_left;                            // with intruders alone

    const WeightTriples& triples_beside(const SiteFactors& factors) const {
      return triples.at(triples_for(share, factors.rank));
    }
  };

  std::optional<WeightState> weight_of(
      const Place& place, const std::map<const Trial*, const SiteState*>& states) const {
    if (!model_) return std::nullopt;
    const SiteSpec& spec =
        spec_of(states.begin()->second->factors, *model_, manifest_.base.string());
    WeightState state;
    state.values = site_weight(*model_, spec);
    const WeightRows rows(state.values, spec.out, spec.in);
    state.share = share_of_base(spec.out, spec.in);
    const WeightCache cache(folder_.analysis(), manifest_.base_hash);
    for (const auto& [trial, adapter] : states) {
      const Eigen::Index k = triples_for(state.share, adapter->factors.rank);
      const auto [found, is_new] = state.triples.try_emplace(k);
      if (!is_new) continue;
      WeightTriples& triples = found->second;
      triples.facts = cache.facts(rows, place.first, place.second, k);
      if (!triples.facts.leading) continue;
      const Singular& leading = *triples.facts.leading;
      triples.right = {leading.right, determined_spans(leading.values, leading.right.rows())};
      triples.left = {leading.left, determined_spans(leading.values, leading.left.rows())};
    }
    if (settings_.intruders > 0)
      state.all_left = singular_of(matrix_of(state.values, spec.out, spec.in)).left;
    return state;
  }

  std::vector<SiteSimilarity> similarities(const AdapterPair& pair, const Place& place,
                                           const std::map<const Trial*, const SiteState*>& states,
                                           const std::optional<WeightState>& weight) const {
    std::vector<SiteSimilarity> all;
    const auto one = states.find(pair.one);
    if (one == states.end()) return all;
    const SiteState& first = *one->second;
    if (pair.relation == "initial") {
      const auto initial = first.vectors.find(kInitial), a = first.vectors.find("a");
      if (initial != first.vectors.end() && a != first.vectors.end())
        all.push_back(similarity_of(place, "a", a->second, initial->second));
      return all;
    }
    if (pair.relation == "base") {
      if (!weight) return all;
      const WeightTriples& triples = weight->triples_beside(first.factors);
      if (!triples.facts.leading) return all;
      const auto count = std::max<Eigen::Index>(weight->share, first.factors.rank);
      for (const std::string& word : settings_.directions)
        all.push_back(
            similarity_of(place, word, first.vectors.at(word),
                          first_of(word == "dw_left" ? triples.left : triples.right, count)));
      return all;
    }
    const auto other = states.find(pair.other);
    if (other == states.end()) return all;
    for (const auto& [word, vectors] : first.vectors) {
      const auto match = other->second->vectors.find(word);
      if (match != other->second->vectors.end() &&
          match->second.vectors.rows() == vectors.vectors.rows())
        all.push_back(similarity_of(place, word, vectors, match->second));
    }
    return all;
  }

  void add_values(AdapterFindings& record, const Place& place, const SiteState& state,
                  const std::optional<WeightState>& weight, std::uint64_t seed) const {
    const auto add = [&](const char* quantity, std::optional<double> value,
                         const std::string& reason) {
      if (value && !std::isfinite(*value)) value.reset();
      record.values.push_back({place.first, place.second, quantity, value, value ? "" : reason});
    };
    const RealVector& values = state.update.values;
    record.spectra.push_back({place.first, place.second, {values.begin(), values.end()}});
    add("scale", state.factors.scale, "");
    const char* const zero = zero_update_reason(state.factors);
    add("effective_rank", effective_rank(values), zero);
    add("stable_rank", stable_rank(values), zero);
    if (!weight || !settings_.amplification) {
      add("update_norm", values.norm(), "");
    } else {
      const WeightRows rows(weight->values, state.factors.out, state.factors.in);
      const SiteAmplification found = site_amplification(
          rows, weight->triples_beside(state.factors).facts, state.update, state.factors);
      std::string reason;
      for (const std::string& why : found.undefined) reason += (reason.empty() ? "" : "; ") + why;
      add("update_norm", found.update_norm, reason);
      add("projected", found.projected, reason);
      add("projected_weight", found.projected_weight, reason);
      add("projected_random", found.projected_random, reason);
      add("projected_drawn",
          drawn_projected_norm(
              rows, state.factors.rank, seed,
              fmt::format("{} {} r{}", place.first, place.second, state.factors.rank)),
          "");
      add("weight_norm", found.weight_norm, reason);
      add("amplification", found.amplification, reason);
      add("amplification_random", found.amplification_random, reason);
      add("relative", found.relative, reason);
      add("unscaled_update_norm", found.unscaled_update_norm, reason);
      add("unscaled_amplification", found.unscaled_amplification, reason);
    }
    if (weight && settings_.intruders > 0) {
      const RealMatrix tuned =
          matrix_of(weight->values, state.factors.out, state.factors.in) +
          state.update.left * values.asDiagonal() * state.update.right.transpose();
      add("intruder_dimensions",
          static_cast<double>(intruder_dimensions(weight->all_left, tuned, settings_.intruders)),
          "");
    }
  }

  void put_band(std::int64_t rows, std::int64_t cols, std::int64_t dimension) {
    if (std::max(rows, cols) > kLargestBand || store_.has_chance(rows, cols, dimension)) return;
    const ChanceBand band = chance_band(rows, cols, dimension, kChanceSeed, kChanceDraws, threads_);
    ChanceBandRecord record{
        .rows = rows, .cols = cols, .dimension = dimension, .low = {}, .high = {}};
    for (Eigen::Index i = 0; i < rows; ++i) {
      for (Eigen::Index j = 0; j < cols; ++j) {
        record.low.push_back(static_cast<float>(band.low(i, j)));
        record.high.push_back(static_cast<float>(band.high(i, j)));
      }
    }
    store_.put_chance(record);
  }

  const SweepFolder& folder_;
  const Manifest& manifest_;
  const AnalysisSettings& settings_;
  Store& store_;
  FinishedAdapters& finished_;
  int threads_;
  AnalysisSummary summary_;
  std::vector<Adapter> adapters_;
  std::vector<Pair> pairs_;
  std::set<const Trial*> used_;
  std::map<const Trial*, AdapterReader> readers_;  // of those in used_
  std::set<Place> places_;
  std::set<std::array<std::int64_t, 3>> bands_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Model> model_;
};

}  // namespace

AnalysisSummary analyse_sweep(const SweepFolder& folder, const Manifest& manifest, Store& store,
                              AnalysisScope scope, FinishedAdapters& finished) {
  if (!manifest.analysis) {
    if (scope == AnalysisScope::kAll) store.remove_analyses_not_in({});
    return {};
  }
  // What is stored in the end is by what the files are then.
  if (scope == AnalysisScope::kAll) finished.forget();
  return Analysis(folder, manifest, store, finished).run(scope);
}

AnalysisSummary analyse_after(const Trial& ended, const AdapterFamilies& families,
                              const SweepFolder& folder, const Manifest& manifest, Store& store,
                              FinishedAdapters& finished) {
  return Analysis(folder, manifest, store, finished).run_after(ended, families);
}

}  // namespace rankscope
