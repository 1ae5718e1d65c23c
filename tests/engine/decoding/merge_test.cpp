// Merging an adapter into the base.
#include <catch2/catch.hpp>

#include "common/draws.h"
#include "engine/methods/low_rank.h"
#include "tests/engine/goldens/golden_case.h"

namespace rankscope::tests {
namespace {

TEST_CASE("methods: a merged adapter is the base with W + s B A, and computes the same") {
  // GPT-2 stores [in, out] with three sites in one tensor, LLaMA [out, in].
  for (const char* name : {"gpt2_tied", "llama_gqa"}) {
    const GoldenCase golden(name);
    const auto backend = make_cpu_backend(2);
    const auto model = golden.load(*backend);
    Settings settings;
    settings.add("rank=3");
    settings.add("alpha=5");
    settings.add("targets=all");
    const auto adaptation = make_method("lora", settings)->adapt(*model, 1);
    auto& low_rank = dynamic_cast<LowRankAdaptation&>(*adaptation);
    for (const auto& [site, factors] : low_rank.factors())
      Draws(1, "test", factors->b.name).fill_normal(factors->b.value.values());

    std::map<std::string, std::vector<double>> expected;
    for (const SiteSpec& spec : model->shape().sites) {
      const LinearWeight& weight = model->site(spec.site);
      const auto& f = *low_rank.factors().at(spec.site);
      std::vector<double>& values = expected[spec.site.name()];
      for (int64_t i = 0; i < spec.in; ++i)
        for (int64_t o = 0; o < spec.out; ++o) {
          double sum = 0.0;
          for (int64_t r = 0; r < 3; ++r)
            sum += double{f.b.value.row(o)[r]} * double{f.a.value.row(r)[i]};
          const WeightView& w = weight.view();
          values.push_back(
              double{static_cast<const float*>(w.data)[i * w.row_stride + o * w.col_stride]} +
              5.0 / 3.0 * sum);
        }
    }
    const std::vector<float> before = all_logits(*model, adaptation.get(), golden.examples());
    adaptation->merge_into(*model);
    for (const SiteSpec& spec : model->shape().sites) {
      INFO(name << " " << spec.site.name());
      CHECK(adaptation->update_at(spec.site) == nullptr);
      const WeightView& w = model->site(spec.site).view();
      double worst = 0.0;
      for (int64_t i = 0; i < spec.in; ++i)
        for (int64_t o = 0; o < spec.out; ++o)
          worst = std::max(
              worst, std::abs(double{static_cast<const float*>(
                                  w.data)[i * w.row_stride + o * w.col_stride]} -
                              expected[spec.site.name()][static_cast<size_t>(i * spec.out + o)]));
      CHECK(worst < 2e-6);
    }
    const std::vector<float> merged = all_logits(*model, nullptr, golden.examples());
    CHECK(largest_error(merged, before) < 1e-5);
    CHECK(largest_error(merged, before) > 0.0);
  }
}

}  // namespace
}  // namespace rankscope::tests
