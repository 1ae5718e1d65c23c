// What `claims` prints of a verdict.
#include <catch2/catch.hpp>

#include "common/files.h"
#include "tests/experiments/claims/planted_results.h"
#include "tests/experiments/program.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

TEST_CASE("claims prints margins and what was not trained alike, as text and as JSON") {
  PlantedResults planted;
  planted.add({.targets = "Wq+Wv", .rank = 4, .steps = 20, .share = 0.6});
  planted.add({.targets = "Wq", .rank = 8, .steps = 60, .share = 0.3});
  TemporaryFolder folder;
  const std::string file = (folder / "claims.yaml").string();
  write_file_atomically(file, score_claim("within", 0.8));
  const std::vector<std::string> words{"claims", planted.folder().string(), "--claims", file};
  const ProgramResult text = run_program(words);
  INFO(text.err);
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out, Contains("points, claimed within ±0.8\n"));
  const std::string unlike = "not trained alike: 20 steps against 60 steps;";
  CHECK_THAT(text.out, Contains(unlike));
  std::vector<std::string> as_json = words;
  as_json.push_back("--json");
  CHECK_THAT(json_lines(run_program(as_json)).at(0).at("explanation"), Contains(unlike));
}
