// What the claims' tables and figures say of where a verdict comes from, and of what it is.
#include <catch2/catch.hpp>

#include "plots/tables/makers.h"
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

TEST_CASE("that margins were stated before the trials is said of the program's own file alone") {
  Given given(std::vector<ScoreFinding>{});
  given.findings.claims = {found_claim("C1", "holds")};
  given.findings.claims_file_hash = std::string(64, 'e');
  const auto captions = [&] {
    return verdict_tables(*given.data).tables.at(0).caption +
           hash_tables(*given.data).tables.at(0).caption;
  };
  const std::string before = "claims.yaml, which was committed before the trials were run.";
  given.findings.claims_changed = "2026-11-26";
  CHECK_THAT(captions(), Contains(before));
  CHECK_THAT(shown(hash_tables(*given.data)), Contains("claims.yaml, last changed 2026-11-26"));
  for (const std::string changed : {"", "2026-11-26, changed since"}) {
    given.findings.claims_changed = changed;
    CHECK_THAT(captions(), !Contains("before the trials were run"));
  }
  given.findings.claims_changed = "";
  given.findings.claims_file = "mine.yaml";
  CHECK_THAT(captions(), !Contains("before the trials were run") &&
                             Contains("The margins stand in mine.yaml, given with --claims; when "
                                      "it was written is not known."));
  CHECK_THAT(shown(hash_tables(*given.data)), Contains("claims | mine.yaml | "));
}
