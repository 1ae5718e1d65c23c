// Which adapters the figures and Table 7 show of several sweeps and bases, and what they say of the
// rest.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <set>

#include "plots/adapters.h"
#include "plots/figures/makers.h"
#include "plots/tables/makers.h"
#include "results/cells.h"
#include "results/store.h"
#include "tests/plots/given.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

// One sweep of two seeds of every adapter, each pair of seeds set against each other, and of one
// seed each rank against the next.
class AnalysedFolder {
 public:
  AnalysedFolder(const std::string& sweep, const std::string& base) : sweep_(sweep) {
    store_.put_sweep({sweep, "name: " + sweep + "\n", base, base + std::string(54, 'c')});
  }

  void put_adapters(const std::string& targets, const std::vector<std::int64_t>& ranks,
                    bool shuffled = false) {
    std::vector<std::string> sites;
    for (std::size_t at = 0; at < targets.size(); at += 3) sites.push_back(targets.substr(at, 2));
    std::string smaller;
    for (const std::int64_t rank : ranks) {
      std::vector<std::string> trials;
      for (const std::int64_t seed : {1, 2})
        trials.push_back(put_adapter(targets, sites, rank, seed, shuffled));
      put_pair(trials[0], trials[1], "seeds", sites);
      if (!smaller.empty()) put_pair(smaller, trials[0], "ranks", sites);
      smaller = trials[0];
    }
  }

  // Two seeds, set against each other, of ranks by site, which have no one rank.
  void put_ranks_by_site() {
    std::vector<std::string> trials;
    for (const std::int64_t seed : {1, 2})
      trials.push_back(put_adapter("Wq+Wv", {"Wq", "Wv"}, std::nullopt, seed, false,
                                   {{"settings.ranks", "Wq:4,Wv:8"}}));
    put_pair(trials[0], trials[1], "seeds", {"Wq", "Wv"});
  }

  // Of PiSSA two seeds, set against none, whose updates use so many directions.
  void put_pissa(std::int64_t rank, double effective_rank) {
    for (const std::int64_t seed : {1, 2})
      put_adapter("Wq", {"Wq"}, rank, seed, false, {{"settings.init", "pissa"}}, effective_rank);
  }

  // Of one site, set against none.
  void put_third_seed(const std::string& site, std::int64_t rank) {
    put_adapter(site, {site}, rank, 3, false);
  }

  // In the place of what is stored of the adapter: an update of zero has no amplification.
  void put_zero_update(const std::string& trial, const std::string& site) {
    AdapterFindings record{.trial = trial, .stamp = "zero", .values = {}, .spectra = {}};
    record.values = {{0, site, "projected", 0.0, ""},
                     {0, site, "projected_weight", 1.0, ""},
                     {0, site, "projected_random", 1.0, ""},
                     {0, site, "update_norm", 0.0, ""},
                     {0, site, "weight_norm", 1.0, ""},
                     {0, site, "amplification", {}, "the update is zero"}};
    store_.put_adapter(record);
  }

  // The same of one that has no random subspaces' amplification.
  void put_values(const std::string& trial, const std::string& site, double projected,
                  double amplification) {
    AdapterFindings record{.trial = trial, .stamp = "values", .values = {}, .spectra = {}};
    record.values = {{0, site, "projected", projected, ""},
                     {0, site, "projected_weight", 1.0, ""},
                     {0, site, "projected_random", 1.0, ""},
                     {0, site, "update_norm", 1.0, ""},
                     {0, site, "weight_norm", 1.0, ""},
                     {0, site, "amplification", amplification, ""},
                     {0, site, "relative", {}, "random ones have none"}};
    store_.put_adapter(record);
  }

  std::filesystem::path path() const { return folder_.path(); }

 private:
  void put_pair(const std::string& one, const std::string& other, const std::string& relation,
                const std::vector<std::string>& sites) {
    SimilarityRecord pair{
        .one = one, .other = other, .relation = relation, .stamp = "s", .sites = {}};
    for (const std::string& site : sites) {
      SiteSimilarity similarity;
      similarity.site = site;
      similarity.directions = "a";
      similarity.rows = similarity.cols = 2;
      similarity.dimension = 32;
      similarity.phi.assign(4, 0.5F);
      similarity.mean_excess = similarity.projection_metric = 0.25;
      pair.sites.push_back(std::move(similarity));
    }
    store_.put_similarity(pair);
  }

  std::string put_adapter(const std::string& targets, const std::vector<std::string>& sites,
                          std::optional<std::int64_t> rank, std::int64_t seed, bool shuffled,
                          const std::map<std::string, std::string>& config = {},
                          double effective_rank = 1) {
    TrialRecord t;
    t.trial = sweep_ + "-" + targets + "-" + (rank ? std::to_string(*rank) : "by-site") + "-" +
              std::to_string(seed) + (shuffled ? "-shuffled" : "");
    t.sweep = sweep_;
    t.state = "done";
    t.role = "scored";
    t.method = "lora";
    t.task = "wikisql";
    t.targets = targets;
    t.rank = rank;
    t.seed = seed;
    t.config = {{"settings.targets", targets}, {"seed", std::to_string(seed)}};
    if (rank) t.config["settings.rank"] = std::to_string(*rank);
    t.config.insert(config.begin(), config.end());
    if (shuffled) t.config["shuffle_targets"] = "true";
    store_.put_trial(t);
    AdapterFindings record{.trial = t.trial, .stamp = "s", .values = {}, .spectra = {}};
    for (const std::string& site : sites) {
      for (const char* quantity :
           {"projected", "projected_weight", "projected_random", "update_norm", "weight_norm",
            "amplification", "relative", "stable_rank"})
        record.values.push_back({0, site, quantity, 1.0, ""});
      record.values.push_back({0, site, "effective_rank", effective_rank, ""});
      record.spectra.push_back({0, site, {2.0, 1.0}});
    }
    store_.put_adapter(record);
    return t.trial;
  }

  std::string sweep_;
  TemporaryFolder folder_;
  Store store_ = Store::open(folder_ / "results.db");
};

struct JointReport {
  explicit JointReport(const std::vector<const AnalysedFolder*>& folders)
      : results([&] {
          std::vector<std::filesystem::path> paths;
          for (const AnalysedFolder* folder : folders) paths.push_back(folder->path());
          return ResultsReader(paths);
        }()),
        data(results, findings) {}
  ResultsReader results;
  Findings findings;
  ReportData data;
};

std::set<std::string> titles_of(const FigureSet& set) {
  std::set<std::string> titles;
  for (const Figure& figure : set.figures) titles.insert(figure.title);
  return titles;
}

bool any_contains(const std::set<std::string>& titles, const std::string& text) {
  return std::ranges::any_of(
      titles, [&](const std::string& title) { return title.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("factors of amplification are marked within a decade, and random ones' dashes are seen") {
  AnalysedFolder folder("a", "models/one");
  folder.put_adapters("Wq", {2, 4});
  JointReport report({&folder});
  const std::string script = amplification_figures(report.data).figures.at(0).script;
  CHECK_THAT(script, Contains("set ytics (") && Contains("samplen 4 "));
}

TEST_CASE("figures and Table 7 of two bases show the adapters of each and name the bases") {
  AnalysedFolder one("a", "models/one"), other("b", "models/two");
  one.put_adapters("Wq+Wv", {2, 4});
  other.put_adapters("Wq", {2});
  JointReport report({&one, &other});
  for (const FigureSet& set : {between_seeds_figures(report.data), spectrum_figures(report.data),
                               layer_map_figures(report.data)}) {
    const std::set<std::string> titles = titles_of(set);
    CHECK(any_contains(titles, "LoRA Wq+Wv on WikiSQL on models/one (sweep a)"));
    CHECK(any_contains(titles, "LoRA Wq on WikiSQL on models/two (sweep b)"));
    CHECK_THAT(set.figures.back().caption, !Contains("Not shown"));
  }
  const FigureSet amplified = amplification_figures(report.data);
  REQUIRE(amplified.figures.size() == 1);
  std::set<std::string> sweeps;
  for (const Row& row : amplified.figures[0].data.rows) sweeps.insert(text_in(row.back()));
  CHECK(sweeps == std::set<std::string>{"a", "b"});
  const std::string rows = shown(amplification_tables(report.data));
  CHECK_THAT(rows, Contains("WikiSQL on models/one | Wq+Wv | Wq | 0 | 4 |") &&
                       Contains("WikiSQL on models/two | Wq | Wq | 0 | 2 |"));
}

TEST_CASE("settings of adapters that are not shown are counted, and Table 7's CSV has all") {
  AnalysedFolder ranks("a", "models/one"), matrices("b", "models/one");
  ranks.put_adapters("Wq+Wv", {2, 4});
  for (const char* targets : {"Wq", "Wk", "Wq+Wv"}) matrices.put_adapters(targets, {2});
  JointReport report({&ranks, &matrices});
  const TableSet table = amplification_tables(report.data);
  CHECK_THAT(shown(table), !Contains("Wk") && Contains("WikiSQL | Wq+Wv | Wq | 0 | 4 |"));
  CHECK_THAT(
      table.tables.at(0).caption,
      Contains(" Not shown: 3 more settings of other matrices or sweeps on WikiSQL; the CSV has"));
  std::set<std::pair<std::string, std::string>> in_csv;
  for (const Row& row : table.tables.at(0).data.rows)
    if (row.back() == Cell("measured")) in_csv.emplace(text_in(row[0]), text_in(row[2]));
  CHECK(in_csv == std::set<std::pair<std::string, std::string>>{
                      {"a", "Wq+Wv"}, {"b", "Wk"}, {"b", "Wq"}, {"b", "Wq+Wv"}});
  for (const FigureSet& set : {between_seeds_figures(report.data), spectrum_figures(report.data),
                               amplification_figures(report.data), layer_map_figures(report.data)})
    CHECK_THAT(set.figures.back().caption,
               Contains(" Not shown: 3 more settings of other matrices or sweeps on WikiSQL; "));
}

TEST_CASE(
    "adapters with ranks by site are counted, and where there are no others said to be there") {
  AnalysedFolder folder("a", "models/one");
  folder.put_ranks_by_site();
  const std::string none = "Not shown: adapters with ranks by site (`ranks` in the sweep file)";
  {
    JointReport report({&folder});
    const TableSet table = amplification_tables(report.data);
    CHECK(table.tables.empty());
    CHECK_THAT(table.missing, Contains(none) && Contains("the view amplifications has them."));
    for (const auto& [set, view] : {std::pair(amplification_figures(report.data), "amplifications"),
                                    {spectrum_figures(report.data), "spectra"},
                                    {layer_map_figures(report.data), "adapter_values"},
                                    {between_seeds_figures(report.data), "similarities"}}) {
      INFO(view);
      CHECK(set.figures.empty());
      CHECK_THAT(set.missing,
                 Contains(none) && Contains("the view " + std::string(view) + " has them."));
    }
    // Of these there is nothing that could be drawn.
    CHECK_THAT(between_ranks_figures(report.data).missing, Contains("no two ranks of one seed"));
  }
  folder.put_adapters("Wq+Wv", {2, 4});
  JointReport report({&folder});
  const Table table = amplification_tables(report.data).tables.at(0);
  CHECK_THAT(table.caption,
             Contains(" Not shown: 1 more setting of LoRA Wq+Wv on WikiSQL; the CSV"));
  std::set<std::pair<std::string, bool>> in_csv;  // sites, and whether of a rank
  for (const Row& row : table.data.rows)
    if (row.back() == Cell("measured"))
      in_csv.emplace(text_in(row[4]), integer_in(row[6]).has_value());
  CHECK(in_csv == std::set<std::pair<std::string, bool>>{
                      {"Wq", false}, {"Wq", true}, {"Wv", false}, {"Wv", true}});
  for (const FigureSet& set : {between_seeds_figures(report.data), spectrum_figures(report.data),
                               amplification_figures(report.data), layer_map_figures(report.data)})
    CHECK_THAT(set.figures.back().caption,
               Contains(" Not shown: 1 more setting of LoRA Wq+Wv on WikiSQL; "));
}

TEST_CASE(
    "captions say that PiSSA's updates have twice the rank, and the scale of ranks has them") {
  constexpr const char* kTwice = "The update of init pissa has twice the rank that is stated here";
  for (const bool pissa : {true, false}) {
    INFO(pissa);
    AnalysedFolder folder("a", "models/one");
    if (pissa)
      folder.put_pissa(4, 7.5);
    else
      folder.put_adapters("Wq", {4});
    JointReport report({&folder});
    const Figure map = layer_map_figures(report.data).figures.at(0);
    for (const std::string& caption :
         {amplification_tables(report.data).tables.at(0).caption,
          amplification_figures(report.data).figures.at(0).caption,
          spectrum_figures(report.data).figures.at(0).caption, map.caption})
      CHECK((caption.find(kTwice) != std::string::npos) == pissa);
    CHECK_THAT(map.script, Contains(pissa ? "set cbrange [0:7.5]" : "set cbrange [0:4]"));
  }
}

TEST_CASE("Figure 4 shows the adapters that have controls, and Figure 3 those of the most ranks") {
  AnalysedFolder ranks("a", "models/one"), controls("b", "models/one");
  ranks.put_adapters("Wq+Wv", {2, 4});
  controls.put_adapters("Wq+Wv", {4});
  controls.put_adapters("Wq+Wv", {4}, true);
  JointReport report({&ranks, &controls});
  const FigureSet between_seeds = between_seeds_figures(report.data);
  CHECK(titles_of(between_seeds) ==
        std::set<std::string>{"Directions shared between seeds: LoRA Wq+Wv on WikiSQL (sweep b)"});
  REQUIRE(between_seeds.figures.size() == 1);
  CHECK(std::ranges::any_of(between_seeds.figures[0].data.rows, [](const Row& row) {
    return text_in(row[4]) == "Wv, shuffled targets";
  }));
  CHECK_THAT(between_seeds.figures[0].caption,
             Contains(" Not shown: 1 more setting of other matrices or sweeps on WikiSQL; "));
  const FigureSet between_ranks = between_ranks_figures(report.data);
  CHECK(titles_of(between_ranks) ==
        std::set<std::string>{"Directions shared between ranks: LoRA Wq+Wv on WikiSQL (sweep a)"});
  CHECK_THAT(between_ranks.figures.at(0).caption, !Contains("Not shown"));
  // What needs no controls stays with the most ranks.
  CHECK(titles_of(spectrum_figures(report.data)) ==
        std::set<std::string>{"Singular values of the update: LoRA Wq+Wv on WikiSQL (sweep a)"});
}

TEST_CASE("of two sweeps of one set of adapters that with more seeds is shown") {
  AnalysedFolder fewer("a", "models/one"), more("b", "models/one");
  fewer.put_adapters("Wq", {2});
  more.put_adapters("Wq", {2});
  more.put_third_seed("Wq", 2);
  JointReport report({&fewer, &more});
  CHECK(titles_of(spectrum_figures(report.data)) ==
        std::set<std::string>{"Singular values of the update: LoRA Wq on WikiSQL (sweep b)"});
  CHECK(any_contains(titles_of(between_seeds_figures(report.data)), "(sweep b)"));
  CHECK(amplification_tables(report.data).tables.at(0).rows.at(0).back().text == "3");
}

TEST_CASE("Table 7 counts the adapters that it averages") {
  AnalysedFolder folder("a", "models/one");
  folder.put_adapters("Wq", {2});
  folder.put_zero_update("a-Wq-2-2", "Wq");
  JointReport report({&folder});
  const Table table = amplification_tables(report.data).tables.at(0);
  REQUIRE_FALSE(table.rows.empty());
  CHECK(table.rows[0][4].text == "2");
  // Of what lies in the update's directions, and of how many.
  CHECK(table.rows[0][5].text == "1.00");
  CHECK(table.rows[0].back().text == "1");
}

TEST_CASE(
    "Table 7 averages each site, layer and rank of a group by itself, and factors as factors") {
  AnalysedFolder folder("a", "models/one");
  folder.put_adapters("Wq", {2, 4});
  folder.put_values("a-Wq-2-2", "Wq", 3.0, 4.0);
  JointReport report({&folder});
  const Table table = amplification_tables(report.data).tables.at(0);
  // And the paper's two.
  REQUIRE(table.data.rows.size() == 4);
  for (const Row& row : table.data.rows) {
    REQUIRE(row.size() == table.data.columns.size());
    if (row.back() != Cell("measured")) continue;
    const bool changed = integer_in(row[6]) == 2;
    CHECK(integer_in(row[7]) == 2);
    CHECK(number_in(row[8]).value_or(-1) == Approx(changed ? 2 : 1));
    CHECK(number_in(row[13]).value_or(-1) == Approx(changed ? 2 : 1));
    // Of the one that has it.
    CHECK(number_in(row[14]).value_or(-1) == Approx(1));
  }
  CHECK(table.rows.at(0).at(4).text == "2");
  CHECK(table.rows.at(0).at(10).text == "2.00");
  CHECK(table.rows.at(1).at(10).text == "1.00");
}

TEST_CASE("Table 7's CSV has the paper's rows, as the table shows them") {
  AnalysedFolder folder("a", "models/one");
  folder.put_adapters("Wq", {2});
  JointReport report({&folder});
  const Table table = amplification_tables(report.data).tables.at(0);
  std::vector<std::vector<double>> published;
  for (const Row& row : table.data.rows) {
    REQUIRE(row.size() == table.data.columns.size());
    if (row.back() != Cell("paper")) continue;
    published.emplace_back();
    for (std::size_t i = 5; i + 1 < row.size(); ++i)
      if (const auto number = number_in(row[i])) published.back().push_back(*number);
  }
  CHECK(published ==
        std::vector<std::vector<double>>{{48, 4, 0.32, 21.67, 0.02, 6.91, 61.95, 21.5},
                                         {48, 64, 1.90, 37.71, 0.33, 3.57, 61.95, 1.88}});
  CHECK(table.rows.at(1).at(5).text == "0.32");
  CHECK(table.rows.at(2).at(10).text == "1.88");
}

TEST_CASE("a panel that has nothing more than the others is named plain only where it is") {
  AnalysedFolder folder("a", "models/one");
  folder.put_adapters("Wq", {2, 4});
  ResultsReader results({folder.path()});
  const auto script = [&](const std::string& less, const std::string& more) {
    Findings findings;
    for (const Row& row : results.rows("SELECT DISTINCT setting, rank FROM trials")) {
      ScoreFinding score;
      score.sweep = "a";
      score.setting = text_in(row[0]);
      score.variant = integer_in(row[1]) == 2 ? less : more;
      findings.scores.push_back(std::move(score));
    }
    ReportData data(results, findings);
    return amplification_figures(data).figures.at(0).script;
  };
  CHECK_THAT(script("", "alpha 8"),
             Contains("set title 'plain'") && Contains("set title 'alpha 8'"));
  CHECK_THAT(script("init pissa", "init pissa, alpha 8"),
             Contains("set title 'init pissa'") && Contains("set title 'alpha 8'"));
}
