// What "useful FLOPs" count, against what the mathematics needs, by hand.
#include "engine/training/useful_flops.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "tests/engine/goldens/golden_case.h"

namespace rankscope::tests {
namespace {

// Of one sequence that is target from its second token on. Its last token has a row, which predicts
// nothing: the last layer has one row less.
constexpr int64_t kTargets = 12, kRows = kTargets + 1;

double flops_of(const char* golden, const char* method, std::map<std::string, std::string> set,
                bool backward) {
  const auto backend = make_cpu_backend(1);
  const auto model = GoldenCase(golden).load(*backend);
  Settings settings(std::move(set));
  const auto adaptation = make_method(method, settings)->adapt(*model, 1);
  TokenExample example{{1}, std::vector<int32_t>(static_cast<size_t>(kTargets))};
  std::iota(example.target.begin(), example.target.end(), 2);
  const TokenExample* const all[] = {&example};
  const uint64_t draw_ids[] = {0};
  return useful_flops(model->shape(), *adaptation, pack_batch(all, draw_ids), backward);
}

ModelConfig config_of(const char* golden) {
  const auto backend = make_cpu_backend(1);
  return GoldenCase(golden).load(*backend)->config();
}

// Scores and weighted values of all pairs of a query and a key before or at it, in all layers.
double attention(const ModelConfig& config) {
  const auto pairs = [](int64_t queries) {
    return static_cast<double>(queries * (queries + 1) / 2);
  };
  const double all = static_cast<double>(config.layers - 1) * pairs(kRows) + pairs(kTargets);
  return 2 * 2 * all * static_cast<double>(config.heads * config.head_dim);
}

TEST_CASE("useful FLOPs: training every weight takes three times the forward pass") {
  for (const char* golden : {"gpt2_tied", "gpt2_untied", "llama_gqa"}) {
    INFO(golden);
    CHECK(flops_of(golden, "full", {}, true) == 3 * flops_of(golden, "none", {}, false));
  }
}

TEST_CASE("useful FLOPs: biases and first norms need the gradient of every layer's activations") {
  const ModelConfig config = config_of("gpt2_tied");
  const double forward = flops_of("gpt2_tied", "none", {}, false);
  CHECK(flops_of("gpt2_tied", "bitfit", {}, true) == 2 * forward + attention(config));
}

TEST_CASE("useful FLOPs: an adapter behind attention needs the gradient through the first MLP") {
  const ModelConfig config = config_of("gpt2_tied");
  const auto width = static_cast<double>(config.width);
  const double r = 5, rows = static_cast<double>((config.layers - 1) * kRows + kTargets);
  const double mlp = 2 * 2 * width * static_cast<double>(config.mlp_width) * kRows;
  const std::map<std::string, std::string> set{{"bottleneck", "5"}};
  CHECK(flops_of("gpt2_tied", "adapter_h", set, true) -
            flops_of("gpt2_tied", "adapter_p", set, true) ==
        3 * 4 * r * width * rows + mlp);
}

}  // namespace
}  // namespace rankscope::tests
