// The claims: verdicts, the differences they rest on, and where they come from.
#include <fmt/format.h>

#include <algorithm>

#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/claims_origin.h"
#include "plots/tables/makers.h"
#include "results/cells.h"

namespace rankscope {

namespace {

constexpr const char* kNoClaims = "No claims were evaluated.";

// With the base and the data that it is of, and of several sweeps the one.
ShownCell verdict_cell(const ClaimFinding& claim, bool several_sweeps) {
  if (claim.verdict == "not run") return {"○ not run", CellStyle::kNotRun};
  std::string text = fmt::format("{} on {}, {}", claim.verdict, claim.base, claim.data);
  if (several_sweeps) text += ", sweep " + claim.sweep;
  if (claim.verdict == "contradicted") return {"✗ " + text, CellStyle::kContradicted};
  if (claim.verdict == "underpowered") return {"? " + text, CellStyle::kUnderpowered};
  return {"✓ " + text, CellStyle::kHolds};
}

// What holds on its control too says nothing.
ShownCell control_cell(const std::string& verdict) {
  if (verdict.empty() || verdict == "not run") return {"not run", CellStyle::kNotRun};
  if (verdict == "holds" || verdict == "reproduced")
    return {"✗ holds there too", CellStyle::kContradicted};
  return {"does not hold: " + verdict};
}

// As a condition on the difference δ.
std::string region_text(const ContrastFinding& contrast) {
  const std::string margin = short_number(contrast.margin);
  if (contrast.region == "above") return "δ > " + margin;
  if (contrast.region == "within") return "|δ| < " + margin;
  if (contrast.region == "not below") return "δ > −" + margin;
  return contrast.region + " " + margin;
}

// Of what a difference may have none of, as latencies have no seeds and scores no rounds.
std::string count_or_none(std::int64_t count) {
  return count > 0 ? grouped(count) : std::string(kNone);
}

std::string probability(std::optional<double> p) {
  if (!p) return std::string(kNone);
  return *p < 0.001 ? "< 0.001" : fixed(*p, 3);
}

}  // namespace

TableSet verdict_tables(ReportData& data) {
  const std::vector<ClaimFinding>& claims = data.findings().claims;
  if (claims.empty()) return {{}, kNoClaims};
  Table table{.name = "verdicts",
              .title = "The paper's claims",
              .caption = {},
              .answers = {},
              .columns = {{""}, {"claim"}, {"verdict"}, {"what was seen"}},
              .rows = {},
              .data = {{"claim", "title", "verdict", "sweep", "base", "data", "explanation",
                        "source", "published"},
                       {}}};
  table.caption = fmt::format(
      "Each claim is a region that a difference must lie in. The margins stand in {}. "
      "✓ holds: the difference lies inside, at α = {}; ✓ reproduced: it does on the paper's kind, "
      "a base no smaller than GPT-2 medium and a whole validation set of unseen examples; ✗ "
      "contradicted: outside; ? "
      "underpowered: these seeds and examples cannot tell; ○ not run.",
      claims_origin(data.findings()), data.findings().alpha);
  if (std::ranges::find(claims, "score", &ClaimFinding::statistic) != claims.end())
    table.caption +=
        " Tests of scores take examples as independent; those that share a premise (MNLI) or a "
        "table (WikiSQL) may be alike, which their intervals leave out.";
  if (data.several_sweeps())
    table.caption += " A claim is judged on one sweep, which stands beside its verdict.";
  for (const ClaimFinding& claim : claims) {
    table.rows.push_back(
        {claim.id, claim.title, verdict_cell(claim, data.several_sweeps()), claim.explanation});
    table.data.rows.push_back({claim.id, claim.title, claim.verdict, claim.sweep, claim.base,
                               claim.data, claim.explanation, claim.source, claim.published});
  }
  return {{std::move(table)}, {}};
}

TableSet contrast_tables(ReportData& data) {
  Table table{.name = "contrasts",
              .title = "Each claim's differences",
              .caption = {},
              .answers = {},
              .columns = {{"claim"},
                          {"difference δ"},
                          {"estimate [interval]", true},
                          {"unit"},
                          {"claimed"},
                          {"p inside", true},
                          {"p outside", true},
                          {"seeds", true},
                          {"examples", true},
                          {"rounds", true},
                          {"what telling it would take"}},
              .rows = {},
              .data = {{"claim",    "sweep",    "base",      "contrast",   "unit",
                        "estimate", "low",      "high",      "df",         "region",
                        "margin",   "p_inside", "p_outside", "seeds_left", "seeds_right",
                        "examples", "rounds",   "needed",    "missing",    "reason"},
                       {}}};
  const std::int64_t tested = data.findings().claims_tested;
  table.caption = fmt::format(
      "Two-sided 95 % intervals; p inside and p outside are one-sided, before Holm's correction; "
      "of "
      "what is claimed within a margin, which has two ends, p inside is the larger of two such "
      "p-values and p outside twice the smaller of two. "
      "Verdicts are by it: p outside within the claim{}. Seeds: of the left and the right side; of "
      "latencies the rounds count. What telling it would take has power 0.8 at 5 %, before that "
      "correction too.",
      tested > 0 ? fmt::format(", then each claim's p over the {} that were tested", tested) : "");
  for (const ClaimFinding& claim : data.findings().claims) {
    for (const ContrastFinding& c : claim.contrasts) {
      ShownCell estimate{"missing: " + c.missing, CellStyle::kQuiet};
      if (c.estimate) {
        estimate = {short_number(c.estimate)};
        if (c.low && c.high)
          estimate.text += fmt::format(" [{}, {}]", short_number(c.low), short_number(c.high));
      }
      table.rows.push_back({claim.id, c.name, estimate, c.unit, region_text(c),
                            probability(c.p_inside), probability(c.p_outside),
                            c.seeds_left + c.seeds_right == 0
                                ? std::string(kNone)
                                : fmt::format("{} | {}", c.seeds_left, c.seeds_right),
                            count_or_none(c.examples), count_or_none(c.rounds),
                            ShownCell(c.needed, CellStyle::kClause)});
      table.data.rows.push_back({claim.id,
                                 claim.sweep,
                                 claim.base,
                                 c.name,
                                 c.unit,
                                 cell_of(c.estimate),
                                 cell_of(c.low),
                                 cell_of(c.high),
                                 cell_of(c.df),
                                 c.region,
                                 c.margin,
                                 cell_of(c.p_inside),
                                 cell_of(c.p_outside),
                                 c.seeds_left,
                                 c.seeds_right,
                                 c.examples,
                                 c.rounds,
                                 c.needed,
                                 c.missing,
                                 c.reason});
    }
  }
  if (table.rows.empty()) return {{}, "No claim has a difference that these sweeps could show."};
  return {{std::move(table)}, {}};
}

TableSet claim_source_tables(ReportData& data) {
  if (data.findings().claims.empty()) return {{}, kNoClaims};
  Table table{
      .name = "claim_sources",
      .title = "Where the claims come from, and their controls",
      .caption = {},
      .answers = {},
      .columns = {{"claim"},
                  {"source"},
                  {"the paper's numbers"},
                  {"margins and their reasons"},
                  {"control"},
                  {"on the control"}},
      .rows = {},
      .data = {{"claim", "source", "published", "margins", "control", "control_verdict"}, {}}};
  table.caption =
      "On its control, the same statistic where the claim must not hold, a claim that is worth "
      "anything does not hold.";
  for (const ClaimFinding& claim : data.findings().claims) {
    std::vector<std::string> reasons;
    for (const ContrastFinding& c : claim.contrasts) {
      const std::string reason = fmt::format("{} {}: {}", region_text(c), c.unit, c.reason);
      if (!c.reason.empty() && std::ranges::find(reasons, reason) == reasons.end())
        reasons.push_back(reason);
    }
    std::string margins;
    for (const std::string& reason : reasons) margins += (margins.empty() ? "" : "; ") + reason;
    table.rows.push_back({claim.id, claim.source, claim.published, margins, claim.control,
                          control_cell(claim.control_verdict)});
    table.data.rows.push_back(
        {claim.id, claim.source, claim.published, margins, claim.control, claim.control_verdict});
  }
  return {{std::move(table)}, {}};
}

}  // namespace rankscope
