// claims: what the paper claims, judged on sweeps' results.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "common/interrupt.h"
#include "common/json_optional.h"
#include "common/text.h"
#include "experiments/claims/judgement.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "results/query.h"

namespace rankscope {

namespace {

struct ClaimsCommand {
  std::vector<std::string> folders;
  std::string file;
  bool json = false;
};

OrderedJson claim_json(const ClaimFinding& claim) {
  OrderedJson json{{"id", claim.id},
                   {"title", claim.title},
                   {"source", claim.source},
                   {"published", claim.published},
                   {"verdict", claim.verdict},
                   {"sweep", claim.sweep},
                   {"base", claim.base},
                   {"data", claim.data},
                   {"explanation", claim.explanation},
                   {"control", claim.control},
                   {"control_verdict", claim.control_verdict}};
  json["contrasts"] = OrderedJson::array();
  for (const ContrastFinding& c : claim.contrasts) {
    json["contrasts"].push_back({{"name", c.name},
                                 {"unit", c.unit},
                                 {"region", c.region},
                                 {"margin", c.margin},
                                 {"estimate", json_or_null(c.estimate)},
                                 {"low", json_or_null(c.low)},
                                 {"high", json_or_null(c.high)},
                                 {"df", json_or_null(c.df)},
                                 {"p_inside", json_or_null(c.p_inside)},
                                 {"p_outside", json_or_null(c.p_outside)},
                                 {"seeds_left", c.seeds_left},
                                 {"seeds_right", c.seeds_right},
                                 {"examples", c.examples},
                                 {"rounds", c.rounds},
                                 {"control_estimate", json_or_null(c.control_estimate)},
                                 {"control_low", json_or_null(c.control_low)},
                                 {"control_high", json_or_null(c.control_high)},
                                 {"missing", c.missing},
                                 {"needed", c.needed}});
  }
  return json;
}

void print_claim(const ClaimFinding& claim, bool several_sweeps) {
  std::string on;
  if (claim.verdict != "not run") {
    on = " on " + claim.base + ", " + claim.data;
    if (several_sweeps) on += ", sweep " + claim.sweep;
  }
  fmt::print("{}  {}{}\n    {} ({})\n    {}\n", claim.id, claim.verdict, printable(on, 300),
             claim.title, claim.source, printable(claim.explanation, 4000));
  for (const ContrastFinding& c : claim.contrasts) {
    if (!c.missing.empty()) {
      fmt::print("      {}: {}\n", printable(c.name, 200), printable(c.missing, 300));
      continue;
    }
    fmt::print("      {}: {:.3g} [{:.3g}, {:.3g}] {}, claimed {} {}{:.3g}\n",
               printable(c.name, 200), *c.estimate, *c.low, *c.high, c.unit, c.region,
               c.region == "above"    ? ""
               : c.region == "within" ? "±"
                                      : "-",
               c.margin);
  }
  fmt::print("    control ({}): {}\n", claim.control, claim.control_verdict);
}

int run_claims(const ClaimsCommand& c) {
  exit_at_first_signal();
  ResultsReader results(std::vector<std::filesystem::path>(c.folders.begin(), c.folders.end()));
  Evidence evidence(results);
  const Findings findings = judge_results(read_claims(c.file), evidence);
  for (const ClaimFinding& claim : findings.claims) {
    if (c.json)
      std::puts(json_text(claim_json(claim)).c_str());
    else
      print_claim(claim, evidence.sweeps().size() > 1);
  }
  return 0;
}

}  // namespace

void add_claims(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<ClaimsCommand>();
  CLI::App* command =
      app.add_subcommand("claims", "what the paper claims, judged on the results of sweeps");
  every_word(command->add_option("folders", c->folders, "DIR...: folders with a results.db"))
      ->required()
      ->check(not_empty());
  command->add_option("--claims", c->file, "another file of claims (experiments/claims/CLAIMS.md)")
      ->check(not_empty())
      ->check(no_standard_input());
  command->add_flag("--json", c->json, "JSON Lines, one a claim");
  command->callback([c, &exit_code] { exit_code = run_claims(*c); });
}

}  // namespace rankscope
