// A fine-tuned model's updates, each made when it is asked for.
#include "experiments/analysis/checkpoint_update.h"

#include <catch2/catch.hpp>

#include "common/error.h"
#include "experiments/analysis/site_amplification.h"
#include "tests/engine/models/model_folder.h"
#include "tests/error_text.h"

namespace rankscope::tests {
namespace {

// B A: one of the two is the identity.
std::vector<float> product(const SiteFactors& f) {
  std::vector<float> values(static_cast<std::size_t>(f.out * f.in));
  for (std::int64_t o = 0; o < f.out; ++o)
    for (std::int64_t k = 0; k < f.rank; ++k)
      for (std::int64_t i = 0; i < f.in; ++i)
        values[static_cast<std::size_t>(o * f.in + i)] +=
            f.b[static_cast<std::size_t>(o * f.rank + k)] *
            f.a[static_cast<std::size_t>(k * f.in + i)];
  return values;
}

TEST_CASE("updates of a checkpoint come in any order, and as often as they are asked for") {
  const ModelFolder tuned("gpt2_tied");
  OwnedTensors tensors = read_tensors(tuned.path() / "model.safetensors");
  for (auto& [name, tensor] : tensors) {
    if (!name.ends_with("mlp.c_fc.weight") && !name.ends_with("attn.c_proj.weight")) continue;
    // A bit of the first value's mantissa.
    tensor.bytes[2] ^= std::byte{0x40};
  }
  write_tensors(tuned.path() / "model.safetensors", tensors);
  const CheckpointUpdates updates(tuned.path(), golden_folder("gpt2_tied"), {});
  const auto backend = make_cpu_backend(1);
  const auto model = load_model(tuned.path(), *backend),
             base = load_model(golden_folder("gpt2_tied"), *backend);
  const std::vector<SiteSpec>& sites = base->shape().sites;
  REQUIRE(updates.size() == sites.size());
  std::size_t changed = 0;
  for (std::size_t i = sites.size(); i-- > 0;) {
    const SiteFactors f = updates.at(i);
    INFO(sites[i].site.name());
    CHECK(f.layer == sites[i].site.layer);
    CHECK(f.site == site_name(sites[i].site.kind));
    CHECK(f.of_checkpoint);
    std::vector<float> expected = site_weight(*model, sites[i]);
    const std::vector<float> before = site_weight(*base, sites[i]);
    if (expected != before) ++changed;
    for (std::size_t j = 0; j < before.size(); ++j) expected[j] -= before[j];
    CHECK(product(f) == expected);
    CHECK(updates.at(i).a == f.a);
    CHECK(updates.at(i).b == f.b);
  }
  CHECK(changed == 4);  // W1 and Wo of two layers

  const CheckpointUpdates one(
      tuned.path(), golden_folder("gpt2_tied"),
      [](int layer, const std::string& site) { return layer == 1 && site == "Wo"; });
  REQUIRE(one.size() == 1);
  CHECK(one.at(0).site == "Wo");
}

TEST_CASE("a checkpoint of another shape is refused before any update is made") {
  CHECK_THAT(error_text<InputError>([] {
               CheckpointUpdates(golden_folder("gpt2_tied"), golden_folder("llama_gqa"), {});
             }),
             Catch::Contains("give the base that it was trained from"));
}

}  // namespace
}  // namespace rankscope::tests
