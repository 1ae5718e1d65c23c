// The initial weights, against what transformers' GPT-2 draws them from.
#include "experiments/pretrain/gpt2_start.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <set>
#include <string_view>

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

TEST_CASE("sinusoidal positions are the waves of arXiv 1706.03762 at the table's deviation") {
  PretrainPlan::ModelPlan sizes{96, 3, 4, 200, 0.05};
  const auto of = [&](std::string_view name) {
    for (const TensorSpec& tensor : shape_of(sizes).tensors)
      if (tensor.name.ends_with(name)) return initial_weights(tensor, sizes, 11);
    return std::vector<float>();
  };
  const std::vector<float> drawn = of("wte.weight");
  sizes.sinusoidal_positions = true;
  CHECK(of("wte.weight") == drawn);
  const std::vector<float> table = of("wpe.weight");
  REQUIRE(table.size() == 200 * 96);
  const double amplitude = 0.05 * std::sqrt(2.0);
  for (const int p : {0, 1, 199}) {
    for (const int pair : {0, 1, 47}) {
      const double angle = p / std::pow(10000.0, 2.0 * pair / 96);
      CAPTURE(p, pair);
      CHECK(table[static_cast<std::size_t>(p * 96 + 2 * pair)] ==
            Approx(amplitude * std::sin(angle)).margin(1e-8));
      CHECK(table[static_cast<std::size_t>(p * 96 + 2 * pair + 1)] ==
            Approx(amplitude * std::cos(angle)).margin(1e-8));
    }
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
