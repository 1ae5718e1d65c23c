// What the claims' tables and figures say of where a verdict comes from, and of what it is.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "common/text.h"
#include "plots/figures/makers.h"
#include "plots/page.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "results/cells.h"
#include "results/store.h"
#include "tests/plots/given.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

ClaimFinding found_claim(const std::string& id, const std::string& verdict) {
  ClaimFinding claim;
  claim.id = id;
  claim.title = "a title";
  claim.verdict = verdict;
  claim.base = "models/one";
  claim.data = "wikisql";
  return claim;
}

}  // namespace

TEST_CASE("of the program's own claims alone a report says when they were committed") {
  Given given(std::vector<ScoreFinding>{});
  given.findings.claims = {found_claim("C1", "holds")};
  given.findings.claims_file_hash = std::string(64, 'e');
  const auto captions = [&] {
    return verdict_tables(*given.data).tables.at(0).caption +
           hash_tables(*given.data).tables.at(0).caption;
  };
  // Nothing tells when trials were run, of which that would be before.
  given.findings.claims_changed = "2026-11-26";
  CHECK_THAT(captions(), Contains("claims.yaml, last committed on 2026-11-26.") &&
                             !Contains("before the trials"));
  CHECK_THAT(shown(hash_tables(*given.data)), Contains("claims.yaml, last changed 2026-11-26"));
  for (const std::string changed : {"", "2026-11-26, changed since"}) {
    given.findings.claims_changed = changed;
    CHECK_THAT(captions(), Contains("is not known") && !Contains("committed on"));
  }
  given.findings.claims_changed = "";
  given.findings.claims_file = "mine.yaml";
  CHECK_THAT(captions(), !Contains("committed on") &&
                             Contains("The margins stand in mine.yaml, given with --claims; when "
                                      "it was written is not known."));
  CHECK_THAT(shown(hash_tables(*given.data)), Contains("claims | mine.yaml | "));
}

TEST_CASE("every verdict names its base and data, and among several sweeps its own") {
  const TemporaryFolder one, two;
  for (const TemporaryFolder* folder : {&one, &two})
    Store::open(*folder / "results.db")
        .put_sweep(
            {folder == &one ? "first" : "second", "name: s\n", "models/one", std::string(64, 'c')});
  Findings findings;
  findings.claims = {found_claim("C1", "holds"), found_claim("C2", "reproduced"),
                     found_claim("C3", "contradicted"), found_claim("C4", "underpowered"),
                     found_claim("C5", "not run")};
  for (ClaimFinding& claim : findings.claims) {
    claim.sweep = "second";
    claim.contrasts.emplace_back().name = "wikisql: one against another";
  }
  const auto verdicts = [&](const std::vector<std::filesystem::path>& folders) {
    ResultsReader results(folders);
    ReportData data(results, findings);
    CHECK_THAT(verdict_tables(data).tables.at(0).caption, Contains("reproduced: "));
    return shown(verdict_tables(data));
  };
  const std::string alone = verdicts({two.path()});
  for (const char* text : {"✓ holds", "✓ reproduced", "✗ contradicted", "? underpowered"}) {
    CHECK_THAT(alone, Contains(std::string(text) + " on models/one, wikisql | "));
    CHECK_THAT(verdicts({one.path(), two.path()}),
               Contains(std::string(text) + " on models/one, wikisql, sweep second | "));
  }
  CHECK_THAT(alone, Contains("○ not run | "));

  ResultsReader results({two.path()});
  ReportData data(results, findings);
  const DataGrid contrasts = contrast_tables(data).tables.at(0).data;
  CHECK(contrasts.columns.at(1) == "sweep");
  CHECK(contrasts.columns.at(2) == "base");
  CHECK(text_in(contrasts.rows.at(0).at(1)) == "second");
  CHECK(text_in(contrasts.rows.at(0).at(2)) == "models/one");
}

TEST_CASE("differences are shown with what corrects them: over the claims that were tested too") {
  Given given(std::vector<ScoreFinding>{});
  given.findings.claims = {found_claim("C1", "holds")};
  given.findings.claims_tested = 7;
  ContrastFinding& contrast = given.findings.claims[0].contrasts.emplace_back();
  contrast.unit = "points";
  contrast.region = "above";
  contrast.estimate = 1;
  CHECK_THAT(contrast_tables(*given.data).tables.at(0).caption,
             Contains("over the 7 that were tested") &&
                 Contains("p inside is the larger of two such p-values and p outside twice the "
                          "smaller of two. Verdicts"));
  CHECK_THAT(contrast_figures(*given.data).figures.at(0).caption,
             Contains("over the 7 claims tested"));
}

TEST_CASE("where no claim was tested, captions speak of no correction over claims") {
  Given given(std::vector<ScoreFinding>{});
  given.findings.claims = {found_claim("C1", "not run")};
  ContrastFinding& contrast = given.findings.claims[0].contrasts.emplace_back();
  contrast.unit = "points";
  contrast.region = "above";
  contrast.estimate = 1;
  CHECK_THAT(contrast_tables(*given.data).tables.at(0).caption,
             Contains("p outside within the claim. Seeds") && !Contains("were tested"));
  CHECK_THAT(contrast_figures(*given.data).figures.at(0).caption,
             Contains("over the claim's differences, so that") && !Contains("claims tested"));
}

TEST_CASE(
    "a difference of latencies shows its rounds, and no seeds and examples of which it has none") {
  Given given(std::vector<ScoreFinding>{});
  given.findings.claims = {found_claim("C8", "holds")};
  ContrastFinding& contrast = given.findings.claims[0].contrasts.emplace_back();
  contrast.name = "batch 1 x 16 tokens: lora_merged against the base";
  contrast.unit = "log2";
  contrast.region = "within";
  contrast.margin = 0.25;
  contrast.estimate = 0;
  contrast.rounds = 1200;
  CHECK_THAT(shown(contrast_tables(*given.data)), Contains(" | – | – | 1,200 | "));
  const DataGrid grid = contrast_tables(*given.data).tables.at(0).data;
  const auto column = std::ranges::find(grid.columns, "rounds") - grid.columns.begin();
  CHECK(integer_in(grid.rows.at(0).at(static_cast<std::size_t>(column))) == 1200);
}

TEST_CASE("each statistic has an axis of its own, and long names keep both their ends") {
  Given given(std::vector<ScoreFinding>{});
  const auto add = [&](const std::string& statistic, const std::string& name, double margin) {
    ClaimFinding& claim = given.findings.claims.emplace_back(found_claim("C1", "holds"));
    claim.statistic = statistic;
    ContrastFinding& contrast = claim.contrasts.emplace_back();
    contrast.name = name;
    contrast.unit = "log2";
    contrast.region = "within";
    contrast.margin = contrast.estimate.emplace(margin);
  };
  const std::string many = "é, é, é, é, é, é, é, é, é, é, é, é, é, é, é, é, é, é, é, é, é";
  add("latency", "batch 1: lora_merged against the base", 0.03125);
  add("amplification", "wikisql: one, " + many + " against another of rank 8", 5.5);
  const FigureSet set = contrast_figures(*given.data);
  REQUIRE(set.figures.size() == 2);
  CHECK_THAT(set.figures[0].title, Contains("amplification, in log2"));
  CHECK_THAT(set.figures[1].title, Contains("latencies, in log2"));
  CHECK(set.figures[0].data.rows.size() == 1);
  CHECK(set.figures[1].data.rows.size() == 1);
  const std::string& script = set.figures[0].script;
  CHECK(valid_utf8(script));
  CHECK_THAT(script, Contains("C1  wikisql: one, ") && Contains("...") &&
                         Contains(" against another of rank 8"));
}

TEST_CASE("a difference is named whole where both its sides are long, as C10's are") {
  Given given(std::vector<ScoreFinding>{});
  ContrastFinding& contrast =
      given.findings.claims.emplace_back(found_claim("C10", "holds")).contrasts.emplace_back();
  contrast.name = "mnli: prefix_embed prefix 64, infix 8 against prefix_embed prefix 128, infix 8";
  contrast.unit = "points";
  contrast.region = "above";
  contrast.estimate = 1;
  const Figure figure = contrast_figures(*given.data).figures.at(0);
  CHECK_THAT(figure.script, Contains("'C10  " + contrast.name + "'"));
}

TEST_CASE("what telling a difference would take is a clause with a width of its own") {
  Given given(std::vector<ScoreFinding>{});
  given.findings.claims.emplace_back(found_claim("C1", "underpowered"))
      .contrasts.emplace_back()
      .needed = "to tell 2.5 points: 12 seeds";
  const Table table = contrast_tables(*given.data).tables.at(0);
  CHECK(table.rows.at(0).back().style == CellStyle::kClause);
  const std::string page = html_page({"", "", {{"claims", "", {}, {table}}}});
  CHECK_THAT(page, Contains("<td class=\"clause\">to tell 2.5 points: 12 seeds</td>") &&
                       Contains(".clause { min-width: "));
}

TEST_CASE("the verdicts on scores say that examples are taken as independent") {
  Given given(std::vector<ScoreFinding>{});
  given.findings.claims = {found_claim("C1", "holds")};
  for (const std::string statistic : {"score", "latency"}) {
    given.findings.claims[0].statistic = statistic;
    const std::string caption = verdict_tables(*given.data).tables.at(0).caption;
    CHECK((caption.find("take examples as independent") != std::string::npos) ==
          (statistic == "score"));
  }
}
