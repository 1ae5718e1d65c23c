// The initial weights, against what transformers' GPT-2 draws them from.
#include "experiments/pretrain/gpt2_start.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <set>

using namespace rankscope;

namespace {

ModelShape shape_of(const PretrainPlan::ModelPlan& sizes) {
  return parse_model_shape(gpt2_config(sizes, 700, 0, "float32").dump(), "config.json");
}

}  // namespace

TEST_CASE("initial weights have GPT-2's means and deviations") {
  const PretrainPlan::ModelPlan sizes{96, 3, 4, 200, 0.05};
  for (const TensorSpec& tensor : shape_of(sizes).tensors) {
    INFO(tensor.name);
    const std::vector<float> values = initial_weights(tensor, sizes, 11);
    REQUIRE(static_cast<std::int64_t>(values.size()) == tensor.size());
    if (tensor.bias || tensor.norm) {
      CHECK(std::set<float>(values.begin(), values.end()) ==
            std::set<float>{tensor.bias ? 0.0f : 1.0f});
      continue;
    }
    double sum = 0, squares = 0;
    for (const float value : values) {
      sum += value;
      squares += double{value} * value;
    }
    const bool residual =
        tensor.name.ends_with("attn.c_proj.weight") || tensor.name.ends_with("mlp.c_proj.weight");
    const double deviation = residual ? 0.05 / std::sqrt(6.0) : 0.05;
    const auto count = static_cast<double>(values.size());
    // Five standard errors, of the mean and of the deviation.
    CHECK(std::abs(sum / count) < 5 * deviation / std::sqrt(count));
    CHECK(std::sqrt(squares / count) ==
          Approx(deviation).epsilon(5 / std::sqrt(2 * count)).margin(0));
  }
}

TEST_CASE("each tensor and each seed draws its own weights, and again the same") {
  const PretrainPlan::ModelPlan sizes{16, 3, 2, 32, 0.02};
  std::set<float> first;
  int drawn = 0;
  for (const TensorSpec& tensor : shape_of(sizes).tensors) {
    if (tensor.bias || tensor.norm) continue;
    for (const std::uint64_t seed : {1, 2}) {
      const std::vector<float> values = initial_weights(tensor, sizes, seed);
      CHECK(initial_weights(tensor, sizes, seed) == values);
      // Scaled alike, so that equal draws would show.
      first.insert(tensor.name.ends_with("c_proj.weight") ? values[0] * std::sqrt(6.0f)
                                                          : values[0]);
      ++drawn;
    }
  }
  CHECK(static_cast<int>(first.size()) == drawn);
}
