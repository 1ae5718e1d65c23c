// How LoRA starts: scale, initialisation, and its independence of rank and seed.
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "engine/methods/low_rank.h"
#include "tests/engine/models/model_folder.h"

namespace rankscope {
namespace {

struct Adapted {
  std::unique_ptr<Backend> backend = make_cpu_backend(1);
  std::unique_ptr<Model> model;
  std::unique_ptr<Adaptation> adaptation;

  Adapted(const std::string& golden, const std::vector<std::string>& assignments,
          uint64_t seed = 7) {
    Settings settings;
    for (const std::string& assignment : assignments) settings.add(assignment);
    model = load_model(tests::golden_folder(golden), *backend);
    adaptation = make_method("lora", settings)->adapt(*model, seed);
  }
  const LowRankUpdate& at(Site site) const {
    const LowRankUpdate* update = adaptation->update_at(site);
    REQUIRE(update != nullptr);
    return *update;
  }
  std::vector<float> a(Site site) const {
    const auto values = at(site).a->value.values();
    return {values.begin(), values.end()};
  }
};

constexpr Site kWq{0, SiteKind::Wq};
constexpr Site kWv{1, SiteKind::Wv};

TEST_CASE("The update is scaled by alpha over r, or over its root with rsLoRA") {
  CHECK(Adapted("gpt2_tied", {"rank=4"}).at(kWq).scale == 1.0f);
  CHECK(Adapted("gpt2_tied", {"rank=4", "alpha=8"}).at(kWq).scale == 2.0f);
  CHECK(Adapted("gpt2_tied", {"rank=4", "alpha=8", "rslora=true"}).at(kWq).scale == 4.0f);
  const Adapted two("gpt2_tied", {"rank=8", "ranks=Wq:2", "alpha=8"});
  CHECK(two.at(kWq).scale == 4.0f);
  CHECK(two.at(kWv).scale == 1.0f);
}

TEST_CASE("Without alpha each site's is its own rank") {
  for (const char* ranks : {"ranks=Wq:4,Wv:9", "ranks=Wq:4"}) {
    for (const char* init : {"init=kaiming", "init=pissa"}) {
      INFO(ranks << " " << init);
      const Adapted plain("gpt2_tied", {"rank=9", ranks, init});
      CHECK(plain.at(kWq).scale == 1.0f);
      CHECK(plain.at(kWv).scale == 1.0f);
      const Adapted root("gpt2_tied", {"rank=9", ranks, init, "rslora=true"});
      CHECK(root.at(kWq).scale == 2.0f);
      CHECK(root.at(kWv).scale == 3.0f);
    }
  }
}

TEST_CASE("B starts at zero and A does not") {
  const Adapted adapted("llama_gqa", {"rank=4"});
  for (float b : adapted.at(kWv).b->value.values()) REQUIRE(b == 0.0f);
  CHECK(adapted.at(kWv).a->value.rows() == 4);
  CHECK(adapted.at(kWv).a->value.cols() == 48);
  CHECK(adapted.at(kWv).b->value.rows() == 24);
  CHECK(adapted.at(kWv).a->name == "layers.1.Wv.lora_A");
  CHECK(adapted.at(kWv).b->name == "layers.1.Wv.lora_B");
  CHECK(adapted.adaptation->update_at({0, SiteKind::Wk}) == nullptr);
}

TEST_CASE("A is drawn with the distribution that its name says") {
  const auto moments = [](const std::vector<float>& values) {
    double square = 0, largest = 0;
    for (float v : values) {
      square += static_cast<double>(v) * v;
      largest = std::max(largest, std::abs(static_cast<double>(v)));
    }
    return std::pair(std::sqrt(square / static_cast<double>(values.size())), largest);
  };
  // 48 * 200 draws: the deviation's own error is about 1 %.
  const auto [uniform, bound] = moments(Adapted("llama_gqa", {"rank=200"}).a(kWq));
  CHECK(bound <= 1 / std::sqrt(48.0));
  CHECK(bound > 0.99 / std::sqrt(48.0));
  CHECK(uniform == Approx(1 / std::sqrt(3 * 48.0)).epsilon(0.03));
  const auto [normal, tail] = moments(Adapted("llama_gqa", {"rank=200", "init=gaussian"}).a(kWq));
  CHECK(normal == Approx(1 / 200.0).epsilon(0.03));
  CHECK(tail > 3 / 200.0);
}

TEST_CASE("The same seed gives the same A; seeds, sites and layers differ") {
  const Adapted first("gpt2_tied", {"rank=4"});
  CHECK(first.a(kWq) == Adapted("gpt2_tied", {"rank=4"}).a(kWq));
  CHECK(first.a(kWq) != Adapted("gpt2_tied", {"rank=4"}, 8).a(kWq));
  CHECK(first.a(kWq) != first.a({0, SiteKind::Wv}));
  CHECK(first.a(kWq) != first.a({1, SiteKind::Wq}));
  // What else is adapted does not matter.
  CHECK(first.a(kWq) == Adapted("gpt2_tied", {"rank=4", "targets=all"}).a(kWq));
}

TEST_CASE("Two ranks at one seed share no initial value") {
  for (const char* init : {"init=kaiming", "init=gaussian"}) {
    const std::vector<float> a = Adapted("gpt2_tied", {"rank=4", init}).a(kWq);
    const std::vector<float> b = Adapted("gpt2_tied", {"rank=8", init}).a(kWq);
    // Rows as sets of directions: no row of one is a multiple of a row of the other.
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 8; ++j) {
        double dot = 0, aa = 0, bb = 0;
        for (int k = 0; k < 36; ++k) {
          const double x = a[static_cast<size_t>(i * 36 + k)],
                       y = b[static_cast<size_t>(j * 36 + k)];
          dot += x * y;
          aa += x * x;
          bb += y * y;
        }
        CHECK(std::abs(dot) / std::sqrt(aa * bb) < 0.75);
      }
    }
  }
}

}  // namespace
}  // namespace rankscope
