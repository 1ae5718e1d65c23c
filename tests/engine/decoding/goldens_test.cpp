// Greedy and beam search against transformers' generate() (make_generation_goldens.py).
#include <catch2/catch.hpp>

#include <map>

#include "tests/engine/decoding/decoding_case.h"
#include "tests/engine/goldens/golden_case.h"

namespace rankscope::tests {
namespace {

TEST_CASE("decoding: greedy and beam search choose transformers' tokens", "[goldens]") {
  const auto backend = make_cpu_backend(2);
  std::map<std::string, std::unique_ptr<Model>> models;
  size_t ended = 0;
  const std::vector<GenerationCase> cases = generation_cases();
  REQUIRE(cases.size() > 400);
  for (const GenerationCase& c : cases) {
    std::unique_ptr<Model>& model = models[c.model];
    if (!model) model = GoldenCase(c.model).load(*backend);
    INFO(c.model << ": " << c.prompt.size() << " tokens, beams " << c.settings.beams
                 << ", length penalty " << c.settings.length_penalty << ", no repeat of "
                 << c.settings.no_repeat_ngram << ", most " << c.settings.max_new);
    const Prediction got = predict(*model, {c.prompt}, c.settings).front();
    CHECK(got.ids == c.ids);
    CHECK(c.score.has_value() == (c.settings.beams > 1));
    if (c.score) CHECK(got.score == Approx(*c.score).epsilon(1e-5).margin(1e-5));
    ended += got.ended ? 1 : 0;
  }
  CHECK(ended > 100);
}

}  // namespace
}  // namespace rankscope::tests
