// A real model on real text: mean NLL per token against transformers (make_stories_nll.py).
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/engine/goldens/golden_case.h"
#include "tests/shared_files.h"
#include "tests/skip.h"

namespace rankscope::tests {
namespace {

TEST_CASE("stories3m: NLL of real text equals transformers' within 1e-5", "[goldens]") {
  const auto folder = shared_file("models/stories3m");
  if (!folder) RANKSCOPE_SKIP("no models/stories3m in RANKSCOPE_SHARED");
  const Json file =
      read_json_file(std::string(RANKSCOPE_SOURCE_DIR) + "/tests/reference/stories3m_nll.json");
  std::vector<TokenExample> examples;
  std::vector<double> expected;
  for (const Json& e : file.at("examples")) {
    examples.push_back({e.at("prompt_ids").get<std::vector<int32_t>>(),
                        e.at("target_ids").get<std::vector<int32_t>>()});
    expected.push_back(e.at("nll").get<double>());
  }
  const auto backend = make_cpu_backend(2);
  const auto model = load_model(*folder, *backend);
  const Evaluation result = evaluate(*model, nullptr, examples, 1024);
  double total = 0, tokens = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    INFO("passage " << i);
    CHECK(std::abs(result.nll[i] / expected[i] - 1) < 1e-5);
    total += expected[i];
    tokens += static_cast<double>(result.tokens[i]);
  }
  CHECK(std::abs(result.mean() / (total / tokens) - 1) < 1e-5);
}

}  // namespace
}  // namespace rankscope::tests
