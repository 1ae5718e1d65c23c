// The figures about adapters, from a sweep of hand-made analyses.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <numeric>
#include <optional>

#include "common/draws.h"
#include "plots/adapters.h"
#include "plots/figures/makers.h"
#include "plots/figures/phi_panels.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "results/cells.h"
#include "results/store.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

// Adapters of WikiSQL's matrices, which differ in alpha.
class AnalysedSweep {
 public:
  AnalysedSweep() { store_.put_sweep({"s", "name: s\n", "models/tiny", std::string(64, 'c')}); }

  std::string put_adapter(const std::string& alpha, std::int64_t seed, bool shuffled = false,
                          const std::vector<std::string>& sites = {"Wq"},
                          const std::vector<int>& layers = {0}, std::int64_t rank = 2) {
    TrialRecord t;
    t.trial = "alpha" + alpha + "-" + std::to_string(rank) + "-" + std::to_string(seed) +
              (shuffled ? "-shuffled" : "");
    t.sweep = "s";
    t.state = "done";
    t.role = "scored";
    t.method = "lora";
    t.task = "wikisql";
    t.targets = sites.size() == 1 ? sites[0] : "all";
    t.rank = rank;
    t.seed = seed;
    t.config = {{"settings.alpha", alpha},
                {"settings.rank", std::to_string(rank)},
                {"seed", std::to_string(seed)}};
    if (shuffled) t.config["shuffle_targets"] = "true";
    store_.put_trial(t);
    AdapterFindings record{.trial = t.trial, .stamp = "s", .values = {}, .spectra = {}};
    for (const int layer : layers) {
      for (const std::string& site : sites) {
        for (const char* quantity :
             {"projected", "projected_weight", "projected_random", "update_norm", "weight_norm",
              "amplification", "relative", "stable_rank"})
          record.values.push_back({layer, site, quantity, 1.0, ""});
        record.spectra.push_back({layer, site, {2.0 + layer, 1.0}});
      }
    }
    store_.put_adapter(record);
    return t.trial;
  }

  // phi of two adapters, everywhere this value; `initial`: of what they began with.
  void put_pair(const std::string& one, const std::string& other, const std::string& relation,
                float phi, const std::string& directions = "a",
                std::optional<float> initial = std::nullopt) {
    SimilarityRecord record{
        .one = one, .other = other, .relation = relation, .stamp = "s", .sites = {}};
    const auto add = [&](const std::string& of, float value) {
      SiteSimilarity similarity;
      similarity.site = "Wq";
      similarity.directions = of;
      similarity.rows = similarity.cols = 2;
      similarity.dimension = 32;
      similarity.phi.assign(4, value);
      record.sites.push_back(std::move(similarity));
    };
    add(directions, phi);
    if (initial) add("initial", *initial);
    store_.put_similarity(record);
  }

  // For phi as put_pair stores it.
  void put_chance(float low, float high) {
    store_.put_chance({.rows = 2,
                       .cols = 2,
                       .dimension = 32,
                       .low = std::vector<float>(4, low),
                       .high = std::vector<float>(4, high)});
  }

  // Of which the settings are named by alpha, controls as these.
  ReportData& data() {
    results_.emplace(std::vector{folder_.path()});
    for (const Row& row : results_->rows(
             "SELECT DISTINCT t.setting, c.value FROM trials t JOIN config c ON c.trial = t.trial "
             "AND c.key = 'settings.alpha'")) {
      ScoreFinding score;
      score.sweep = "s";
      score.task = "wikisql";
      score.setting = text_in(row[0]);
      score.variant = "alpha " + text_in(row[1]);
      findings_.scores.push_back(std::move(score));
    }
    return data_.emplace(*results_, findings_);
  }

 private:
  TemporaryFolder folder_;
  Store store_ = Store::open(folder_ / "results.db");
  std::optional<ResultsReader> results_;
  Findings findings_;
  std::optional<ReportData> data_;
};

// The values of a figure's panel of this title.
std::vector<double> panel(const Figure& figure, const std::string& title) {
  std::vector<double> values;
  for (const Row& row : figure.data.rows)
    if (text_in(row[4]) == title) values.push_back(number_in(row[3]).value_or(-1));
  return values;
}

}  // namespace

TEST_CASE("each setting stands beside its own control, not beside a mean of all") {
  for (const bool both : {true, false}) {
    INFO(both);
    AnalysedSweep sweep;
    for (const char* alpha : {"8", "64"}) {
      sweep.put_pair(sweep.put_adapter(alpha, 1), sweep.put_adapter(alpha, 2), "seeds", 0.75F);
      const bool large = std::string(alpha) == "64";
      if (large || both)
        sweep.put_pair(sweep.put_adapter(alpha, 1, true), sweep.put_adapter(alpha, 2, true),
                       "seeds", large ? 0.5F : 0.25F);
    }
    const FigureSet set = between_seeds_figures(sweep.data());
    REQUIRE(set.figures.size() == 2);
    for (const Figure& figure : set.figures) {
      INFO(figure.title);
      const bool large = figure.title.find("alpha 64") != std::string::npos;
      CHECK(panel(figure, "Wq, trained") == std::vector<double>(4, 0.75));
      CHECK(panel(figure, "Wq, shuffled targets") == (large  ? std::vector<double>(4, 0.5)
                                                      : both ? std::vector<double>(4, 0.25)
                                                             : std::vector<double>()));
    }
  }
}

TEST_CASE("what training gave stands beside what it began with, of its own setting's adapters") {
  AnalysedSweep sweep;
  const auto put = [&](const std::string& alpha, float phi) {
    const auto adapter = [&](std::int64_t seed, std::int64_t rank) {
      return sweep.put_adapter(alpha, seed, false, {"Wq"}, {0}, rank);
    };
    const std::string one = adapter(1, 8), other = adapter(2, 8);
    sweep.put_pair(one, other, "seeds", phi, "a", phi / 4);
    sweep.put_pair(adapter(1, 2), one, "ranks", phi, "a", phi / 4);
    return std::pair(one, other);
  };
  const std::string of_8 = put("8", 0.5F).first, of_64 = put("64", 1).second;
  // A pair of two settings is of neither.
  sweep.put_pair(of_8, of_64, "seeds", 0.75F, "a", 0.75F);
  ReportData& data = sweep.data();
  for (const FigureSet& set : {between_ranks_figures(data), between_seeds_figures(data)}) {
    REQUIRE(set.figures.size() == 2);
    for (const Figure& figure : set.figures) {
      INFO(figure.title);
      const double phi = figure.title.find("alpha 64") != std::string::npos ? 1 : 0.5;
      CHECK(panel(figure, "Wq, trained") == std::vector<double>(4, phi));
      CHECK(panel(figure, "Wq, before training") == std::vector<double>(4, phi / 4));
      for (const Row& row : figure.data.rows)
        if (text_in(row[4]) == "Wq, trained") CHECK(integer_in(row[8]) == 1);
    }
  }
}

TEST_CASE("the small rank is the largest up to 8 that is not the largest of all") {
  const auto small = [](std::vector<std::int64_t> ranks) {
    AdapterGroup group;
    group.ranks = std::move(ranks);
    return group.small_rank();
  };
  CHECK(small({1, 4, 8, 64}) == 8);
  CHECK(small({1, 4, 8}) == 4);
  CHECK(small({1, 16, 64}) == 1);
  CHECK(small({16, 64}) == 16);
  CHECK_FALSE(small({8}));
}

TEST_CASE("some layers are spread evenly over all, the first and the last among them") {
  std::vector<std::int64_t> layers(12);
  std::iota(layers.begin(), layers.end(), 0);
  CHECK(some_layers(layers, 4) == std::vector<std::int64_t>{0, 3, 7, 11});
  CHECK(some_layers({5, 6, 9}, 4) == std::vector<std::int64_t>{5, 6, 9});
}

TEST_CASE("the spectra that are drawn are the middle layer's, as the caption says") {
  AnalysedSweep sweep;
  sweep.put_adapter("8", 1, false, {"Wq"}, {4, 5, 6});
  const FigureSet set = spectrum_figures(sweep.data());
  REQUIRE(set.figures.size() == 1);
  CHECK_THAT(set.figures[0].caption, Contains("layer 5 (from 0; 3 analysed)"));
  std::vector<double> values;
  for (const Row& row : set.figures[0].data.rows) values.push_back(number_in(row[2]).value_or(-1));
  CHECK(values == std::vector<double>{7, 1});
}

TEST_CASE("captions count the settings and sites of adapters that are not drawn") {
  AnalysedSweep sweep;
  for (int alpha = 1; alpha <= 8; ++alpha)
    sweep.put_pair(sweep.put_adapter(std::to_string(alpha), 1),
                   sweep.put_adapter(std::to_string(alpha), 2), "seeds", 0.75F);
  ReportData& data = sweep.data();
  const FigureSet seeds = between_seeds_figures(data), spectra = spectrum_figures(data);
  for (const FigureSet* set : {&seeds, &spectra}) {
    REQUIRE(set->figures.size() == 6);
    CHECK_THAT(set->figures.back().caption,
               Contains(" Not shown: 2 more settings of LoRA Wq on WikiSQL; the view s"));
    CHECK_THAT(set->figures.front().caption, !Contains("sites are drawn"));
  }

  AnalysedSweep wide;
  const std::vector<std::string> sites{"Wq", "Wk", "Wv", "Wo", "Wup"};
  wide.put_pair(wide.put_adapter("1", 1, false, sites), wide.put_adapter("1", 2, false, sites),
                "seeds", 0.75F);
  ReportData& wide_data = wide.data();
  CHECK_THAT(between_seeds_figures(wide_data).figures.at(0).caption,
             Contains("2 of 5 sites are drawn; the view similarities has all."));
  CHECK_THAT(spectrum_figures(wide_data).figures.at(0).caption,
             Contains("4 of 5 sites are drawn; the view spectra has all."));
}

TEST_CASE(
    "an analysis of other directions than A's is not called none, and what to ask for is said") {
  AnalysedSweep sweep;
  const std::string one = sweep.put_adapter("8", 1), other = sweep.put_adapter("8", 2);
  sweep.put_pair(one, other, "seeds", 0.75F, "dw");
  sweep.put_pair(one, "base", "base", 0.5F, "dw");
  ReportData& data = sweep.data();
  for (const FigureSet& set :
       {between_seeds_figures(data), between_seeds_layer_figures(data), base_figures(data)}) {
    CHECK(set.figures.empty());
    CHECK_THAT(set.missing, Contains("`directions: a` under `analysis:` in a sweep file"));
  }
  // These were not run at all.
  CHECK_THAT(between_ranks_figures(data).missing, Contains("no two ranks of one seed"));
}

TEST_CASE("captions name the middle layer of those analysed, and Table 7 each row's") {
  AnalysedSweep sweep;
  // One group of the sweep file names layers.
  sweep.put_adapter("8", 1, false, {"Wq"}, {4, 5, 6});
  sweep.put_adapter("64", 1, false, {"Wq"}, {0});
  ReportData& data = sweep.data();
  const TableSet table = amplification_tables(data);
  std::map<std::string, std::string> layers;  // by matrices
  for (const auto& row : table.tables.at(0).rows) layers[row[1].text] = row[3].text;
  CHECK(layers["Wq, alpha 8"] == "5");
  CHECK(layers["Wq, alpha 64"] == "0");
  CHECK_THAT(table.tables.at(0).caption, !Contains("layer 0 of 1"));
  // What the paper does not print is not shown as its own.
  for (const std::string& caption :
       {table.tables.at(0).caption, amplification_figures(data).figures.at(0).caption})
    CHECK_THAT(caption, Contains("its text has “as large as 20” and “around 2”") &&
                            !Contains("paper has 21.5"));
  CHECK_THAT(table.tables.at(0).caption,
             Contains("both its amplifications are quotients of the norms that it prints"));
  CHECK(table.tables.at(0).rows.back().back().text == "–");
  CHECK_THAT(spectrum_figures(data).figures.at(0).caption,
             Contains("layer 0 (from 0; 1 analysed)"));
}

TEST_CASE("Figure 8 says how many ranks it leaves out") {
  AnalysedSweep sweep;
  for (const std::int64_t rank : {1, 2, 4, 8})
    sweep.put_pair(sweep.put_adapter("8", 1, false, {"Wq"}, {0}, rank), "base", "base", 0.5F);
  const FigureSet set = base_figures(sweep.data());
  REQUIRE(set.figures.size() == 1);
  CHECK(panel(set.figures[0], "Wq, rank 1").empty());
  CHECK_FALSE(panel(set.figures[0], "Wq, rank 2").empty());
  CHECK_THAT(set.figures[0].caption, Contains("The largest 3 of 4 ranks are drawn"));
}

TEST_CASE("beside a mean of phi over pairs stands the band of such a mean by chance") {
  AnalysedSweep sweep;
  std::vector<std::string> seeds;
  for (const std::int64_t seed : {1, 2, 3, 4, 5}) {
    for (const std::string& other : seeds)
      sweep.put_pair(other, sweep.put_adapter("8", seed), "seeds", 0.5F);
    seeds.push_back(sweep.put_adapter("8", seed));
  }
  sweep.put_chance(0, 0.5F);
  const FigureSet set = between_seeds_figures(sweep.data());
  REQUIRE(set.figures.size() == 1);
  std::vector<std::pair<double, double>> bands;
  for (const Row& row : set.figures[0].data.rows) {
    if (text_in(row[4]) == "Wq, trained") {
      CHECK(integer_in(row[8]) == 10);
      bands.emplace_back(number_in(row[6]).value_or(-1), number_in(row[7]).value_or(-1));
    } else if (text_in(row[4]).starts_with("chance")) {
      CHECK(number_in(row[7]).value_or(-1) == Approx(0.5));
    }
  }
  REQUIRE(bands.size() == 4);

  // Of two random planes of R^32 one may be that of the first two axes.
  constexpr std::size_t kDimension = 32;
  constexpr int kMeans = 2000, kPairs = 10;
  int first_outside = 0, last_outside = 0;
  const Draws draws(1, "test", "random planes");
  std::vector<float> normals(2 * kDimension);
  std::uint64_t step = 0;
  for (int m = 0; m < kMeans; ++m) {
    double first = 0, last = 0;
    for (int pair = 0; pair < kPairs; ++pair) {
      draws.at_step(step++).fill_normal(normals);
      std::vector<double> u(normals.begin(), normals.begin() + kDimension),
          v(normals.begin() + kDimension, normals.end());
      const auto dot = [](const std::vector<double>& a, const std::vector<double>& b) {
        return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
      };
      const double along = dot(u, v) / dot(u, u);
      for (std::size_t k = 0; k < kDimension; ++k) v[k] -= along * u[k];
      const double of_u = 1 / dot(u, u), of_v = 1 / dot(v, v);
      first += u[0] * u[0] * of_u / kPairs;
      last +=
          ((u[0] * u[0] + u[1] * u[1]) * of_u + (v[0] * v[0] + v[1] * v[1]) * of_v) / 2 / kPairs;
    }
    first_outside += first < bands.front().first || first > bands.front().second;
    last_outside += last < bands.back().first || last > bands.back().second;
  }
  // Three standard errors of a share of 5 %.
  for (const int outside : {first_outside, last_outside})
    CHECK(static_cast<double>(outside) / kMeans == Approx(0.05).margin(0.0147));
}
