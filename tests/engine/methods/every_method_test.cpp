// What holds for every method: its gradient is the loss's, its start is the base (or is said not to
// be), and its bits depend on nothing but its settings.
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "common/draws.h"
#include "common/error.h"
#include "engine/checkpoint/adapter.h"
#include "engine/decoding/generator.h"
#include "engine/decoding/ranking.h"
#include "engine/methods/adalora.h"
#include "tests/engine/decoding/decoding_case.h"
#include "tests/engine/goldens/golden_case.h"
#include "tests/engine/methods/every_method.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

namespace rankscope::tests {
namespace {

bool fits(const MethodSettings& about, const ModelShape& shape) {
  return about.method != "bitfit" || shape.config.family == "gpt2";
}

std::string said(const std::string& model, const MethodSettings& about) {
  std::string text = model + " " + about.method;
  for (const std::string& s : about.settings) text += " " + s;
  return text;
}

// A model with a method on it, and examples.
struct Subject {
  Subject(const std::string& name, const MethodSettings& about, int threads = 1,
          uint64_t init_seed = 3)
      : golden(name), backend(make_cpu_backend(threads)), model(golden.load(*backend)) {
    examples = more_examples(golden, model->config(), {1, 3, 9, 14, 2, 7}, "examples");
    method = about.make();
    adaptation = method->adapt(*model, init_seed);
  }
  GoldenCase golden;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Model> model;
  std::unique_ptr<Method> method;
  std::unique_ptr<Adaptation> adaptation;
  std::vector<TokenExample> examples;

  std::string bytes() {
    std::string all;
    for (const TrainedParameter& t : adaptation->trained())
      all.append(reinterpret_cast<const char*>(t.parameter->value.data()),
                 static_cast<size_t>(t.parameter->value.size()) * sizeof(float));
    return all;
  }
  std::vector<double> nll() { return evaluate(*model, adaptation.get(), examples, 64).nll; }
  double mean_loss() { return evaluate(*model, adaptation.get(), examples, 4096).mean(); }
};

void for_every_method(const std::function<void(const std::string&, const MethodSettings&)>& check) {
  for (const char* model : {"gpt2_tied", "llama_gqa"}) {
    const ModelShape shape = read_model_shape(GoldenCase(model).folder());
    for (const MethodSettings& about : every_method()) {
      if (!fits(about, shape)) continue;
      INFO(said(model, about));
      check(model, about);
    }
  }
}

TEST_CASE("every method is among those that hold for all") {
  std::set<std::string> named;
  for (const MethodSettings& about : every_method()) named.insert(about.method);
  for (const std::string_view name : method_names())
    if (name != "none") CHECK(named.contains(std::string(name)));
}

TEST_CASE("each method's formula counts what it trains, and its reach says how deep") {
  for_every_method([](const std::string& model, const MethodSettings& about) {
    Subject s(model, about);
    int64_t total = 0;
    std::set<const Parameter*> seen;
    for (const TrainedParameter& t : s.adaptation->trained()) {
      CHECK(t.parameter->trainable());
      CHECK(seen.insert(t.parameter).second);
      total += t.parameter->value.size();
    }
    CHECK(total == s.method->trainable_parameters(s.model->shape()));
    CHECK(s.method->reach(s.model->shape()).lowest_layer == s.adaptation->lowest_trained_layer());
    CHECK(s.adaptation->special_tokens().count() == s.method->special_tokens().count());
  });
}

TEST_CASE("another init_seed gives another start to the methods that draw, and to no others") {
  for_every_method([](const std::string& model, const MethodSettings& about) {
    Subject one(model, about), other(model, about, 1, 4);
    const bool same = one.bytes() == other.bytes();
    // Pissa draws only what its search of the principal part begins with.
    if (one.method->settings()["init"] != "pissa") CHECK(same != one.method->draws());
  });
}

TEST_CASE("each method starts as the base, but for special tokens, which the base does not have") {
  for_every_method([](const std::string& model, const MethodSettings& about) {
    Subject s(model, about);
    const auto base = load_model(s.golden.folder(), *s.backend);
    const auto got = s.nll(), expected = evaluate(*base, nullptr, s.examples, 64).nll;
    double largest = 0;
    for (size_t i = 0; i < got.size(); ++i)
      largest = std::max(largest, std::abs(got[i] - expected[i]) / std::max(1.0, expected[i]));
    if (s.method->special_tokens().count() > 0)
      CHECK(largest > 1e-3);
    else
      CHECK(largest < 2e-6);
  });
}

// Central differences along one drawn direction through everything that is trained: of a norm that
// makes the step's own error and that of rounding alike. DoRA's gradient leaves the norm's part
// out, AdaLoRA's has more than the loss's: the goldens hold those.
TEST_CASE("each method's gradient is the difference quotient of the loss") {
  for_every_method([](const std::string& model, const MethodSettings& about) {
    if (about.method.find("dora") != std::string::npos || about.method == "adalora") return;
    MethodSettings without_dropout = about;
    std::erase(without_dropout.settings, "dropout=0.1");
    Subject s(model, without_dropout, 2);
    disturb(*s.model, *s.adaptation);
    const std::vector<TokenExample> computed =
        with_special_tokens(s.adaptation->special_tokens(), s.examples);
    std::vector<const TokenExample*> pointers;
    for (const TokenExample& e : computed) pointers.push_back(&e);
    const std::vector<uint64_t> ids(pointers.size());
    const Batch batch = pack_batch(pointers, ids);
    Tape tape(*s.backend, true);
    const Var hidden = s.model->forward({tape, batch, s.adaptation.get(), std::nullopt, 0.0});
    cross_entropy(tape, hidden, s.model->head(), batch.loss_labels,
                  {0.0f, 1.0f / static_cast<float>(batch.targets())});
    tape.run_backward();

    double slope = 0;
    std::vector<std::vector<float>> starts, directions;
    for (const TrainedParameter& p : s.adaptation->trained()) {
      starts.emplace_back(p.parameter->value.values().begin(), p.parameter->value.values().end());
      // Along the gradient, with noise: a direction of chance alone hardly moves the loss.
      const auto gradient = p.parameter->gradient.values();
      double size = 0;
      for (float g : gradient) size += double{g} * g;
      std::vector<float> direction(gradient.size());
      Draws(5, "test", p.parameter->name).fill_normal(direction);
      const double noise = 0.3 * std::sqrt(size / static_cast<double>(gradient.size()));
      for (size_t i = 0; i < direction.size(); ++i) {
        direction[i] = gradient[i] + static_cast<float>(noise) * direction[i];
        slope += double{gradient[i]} * direction[i];
      }
      directions.push_back(std::move(direction));
    }
    const auto loss_at = [&](double distance) {
      size_t n = 0;
      for (const TrainedParameter& p : s.adaptation->trained()) {
        auto values = p.parameter->value.values();
        for (size_t i = 0; i < values.size(); ++i)
          values[i] = starts[n][i] + static_cast<float>(distance) * directions[n][i];
        ++n;
      }
      s.adaptation->refresh(*s.model);
      return s.mean_loss();
    };
    // A step that moves the loss by some 1e-2, far above rounding.
    const double h = 1e-2 / slope;
    const double quotient = (loss_at(h) - loss_at(-h)) / (2 * h);
    CHECK(quotient == Approx(slope).epsilon(5e-3));
  });
}

TrainSettings training() {
  TrainSettings t;
  t.steps = 6;
  t.batch = 4;
  t.micro_batch_tokens = 40;
  t.learning_rate = 1e-2;
  t.max_gradient_norm = 1.0;
  t.label_smoothing = 0.1;
  t.init_seed = t.data_seed = 3;
  return t;
}

TEST_CASE("each method has the same bits with 1 and 3 threads, and stopped and resumed", "[bits]") {
  TemporaryFolder folder;
  const auto file = folder.path() / "state.safetensors";
  for_every_method([&](const std::string& model, const MethodSettings& about) {
    Subject whole(model, about);
    Trainer trainer(*whole.model, *whole.adaptation, whole.examples, training());
    while (!trainer.finished()) CHECK(std::isfinite(trainer.step().loss));
    Subject threads(model, about, 3);
    Trainer other(*threads.model, *threads.adaptation, threads.examples, training());
    while (!other.finished()) other.step();
    CHECK(threads.bytes() == whole.bytes());
    for (const int64_t stop : {1, 3, 5}) {
      INFO("stopped after step " << stop);
      Subject first(model, about), second(model, about);
      Trainer begun(*first.model, *first.adaptation, first.examples, training());
      while (begun.steps_done() < stop) begun.step();
      begun.save_state(file, {});
      Trainer resumed(*second.model, *second.adaptation, second.examples, training());
      resumed.load_state(file, {});
      while (!resumed.finished()) resumed.step();
      CHECK(second.bytes() == whole.bytes());
    }
  });
}

TEST_CASE("each method comes back from its files and predicts as it was, in any batch", "[bits]") {
  TemporaryFolder folder;
  for_every_method([&](const std::string& model, const MethodSettings& about) {
    Subject s(model, about);
    Trainer trainer(*s.model, *s.adaptation, s.examples, training());
    while (!trainer.finished()) trainer.step();
    save_adapter(folder.path() / "adapter", *s.model, *s.adaptation, *s.method);
    const auto base = load_model(s.golden.folder(), *s.backend);
    const auto loaded = load_adapter(folder.path() / "adapter", *base);
    const auto was = s.nll(), is = evaluate(*base, loaded.get(), s.examples, 64).nll;
    // PiSSA's and AdaLoRA's files hold plain LoRA of the same outputs; the others' the same bits.
    const bool converted = about.method == "adalora" ||
                           std::ranges::find(about.settings, "init=pissa") != about.settings.end();
    for (size_t i = 0; i < was.size(); ++i) {
      if (converted)
        CHECK(is[i] == Approx(was[i]).epsilon(1e-5));
      else
        CHECK(is[i] == was[i]);
    }
    // Alone, with others, and in one batch after another.
    const std::vector<double> alone = evaluate(*base, loaded.get(), s.examples, 1).nll;
    CHECK(alone == is);

    const auto prompts = drawn_prompts(6, 12, base->config().vocabulary);
    DecodingSettings decoding;
    decoding.max_new = 6;
    decoding.no_repeat_ngram = 2;
    const auto predictions = [&](const GeneratorOptions& options) {
      std::vector<std::vector<int32_t>> all(prompts.size());
      generate(*base, loaded.get(), prompts, decoding, options,
               [&](size_t index, Prediction p) { all[index] = std::move(p.ids); });
      return all;
    };
    const auto together = predictions({});
    CHECK(predictions({1, 1}) == together);
    // What is chosen first is the likeliest by a pass over the whole sequence.
    RankedPrompt ranked{prompts[0], {{together[0][0]}, {(together[0][0] + 1) % 7}}};
    rank_choices(*base, loaded.get(), {&ranked, 1}, 64, [&](size_t, std::span<const double> ll) {
      CHECK(ll[0] >= ll[1]);
      const std::vector<TokenExample> one{{prompts[0], {together[0][0]}}};
      CHECK(ll[0] == Approx(-evaluate(*base, loaded.get(), one, 64).nll[0]).margin(1e-5));
    });

    // Merged, where it can be, it computes the same.
    loaded->merge_into(*base);
    const auto merged = evaluate(*base, loaded.get(), s.examples, 64).nll;
    for (size_t i = 0; i < merged.size(); ++i) CHECK(merged[i] == Approx(is[i]).epsilon(2e-5));
    for (const SiteSpec& spec : base->shape().sites) {
      CHECK(loaded->update_at(spec.site) == nullptr);
      CHECK(loaded->column_scale_at(spec.site) == nullptr);
    }
  });
}

TEST_CASE("AdaLoRA reaches its budget and keeps whole triples") {
  Subject s("llama_gqa", {"adalora", {"rank=2", "init_rank=5", "targets=attention"}});
  TrainSettings t = training();
  t.steps = 30;
  t.learning_rate = 5e-2;
  Trainer trainer(*s.model, *s.adaptation, s.examples, t);
  while (!trainer.finished()) trainer.step();
  auto& adalora = dynamic_cast<AdaLoraAdaptation&>(*s.adaptation);
  int64_t kept = 0, sites = 0;
  std::set<int64_t> ranks;
  for (const auto& [site, factors] : adalora.factors()) {
    kept += adalora.kept(site);
    ranks.insert(adalora.kept(site));
    ++sites;
  }
  CHECK(sites == 8);
  CHECK(kept == 2 * sites);
  CHECK(ranks.size() > 1);  // importance differs between sites
  const auto plain = adalora.as_plain_lora();
  for (const auto& [site, factors] : plain->factors()) kept -= factors->a.value.rows();
  CHECK(kept == 0);
}

TEST_CASE("what AdaLoRA is saved as computes what it computes, between two choices too") {
  Subject s("llama_gqa",
            {"adalora", {"rank=2", "init_rank=5", "targets=attention", "delta_t=7", "t_final=0"}});
  TrainSettings t = training();
  t.steps = 20;
  t.learning_rate = 5e-2;
  Trainer trainer(*s.model, *s.adaptation, s.examples, t);
  auto& adalora = dynamic_cast<AdaLoraAdaptation&>(*s.adaptation);
  int64_t before = 40, grew = 0;
  while (!trainer.finished()) {
    trainer.step();
    const std::unique_ptr<LowRankAdaptation> plain = adalora.as_plain_lora();
    const auto saved = evaluate(*s.model, plain.get(), s.examples, 64).nll, is = s.nll();
    for (size_t i = 0; i < is.size(); ++i) CHECK(saved[i] == Approx(is[i]).epsilon(1e-6));
    int64_t kept = 0;
    for (const auto& [site, factors] : adalora.factors()) kept += adalora.kept(site);
    grew += kept > before;
    before = kept;
  }
  CHECK(grew > 0);  // triples that were given up took part again
}

TEST_CASE("AdaLoRA's scale is a site's rank at the end over that at the beginning") {
  Subject s("llama_gqa", {"adalora", {"ranks=Wq:2,Wv:6"}});
  const auto& adalora = dynamic_cast<const AdaLoraAdaptation&>(*s.adaptation);
  CHECK(adalora.factors().at({0, SiteKind::Wq})->scale == Approx(2.0 / 3));
  CHECK(adalora.factors().at({0, SiteKind::Wv})->scale == Approx(6.0 / 9));
  Subject ten("llama_gqa", {"adalora", {"ranks=Wq:2,Wv:6", "init_rank=10"}});
  const auto& from_ten = dynamic_cast<const AdaLoraAdaptation&>(*ten.adaptation);
  CHECK(from_ten.factors().at({0, SiteKind::Wq})->scale == Approx(0.2));
  CHECK(from_ten.factors().at({0, SiteKind::Wv})->scale == Approx(0.6));
}

TEST_CASE("AdaLoRA does not begin with fewer triples than it ends with") {
  const auto reason = [](const std::vector<std::string>& settings) {
    return error_text<InputError>([&] { MethodSettings{"adalora", settings}.make(); });
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(reason({"rank=8", "init_rank=2"}),
             Contains("init_rank") && Contains("below the rank at the end, 8"));
  CHECK_THAT(reason({"ranks=Wq:2,Wv:6", "init_rank=4"}), Contains("at the end, 6"));
  CHECK_THAT(reason({"rank=16", "ranks=Wq:4", "init_rank=8"}), Contains("at the end, 16"));
  CHECK_NOTHROW(MethodSettings{"adalora", {"ranks=Wq:2,Wv:6", "init_rank=6"}}.make());
}

TEST_CASE("the budget of AdaLoRA falls by a cube and stays at its end") {
  AdaLoraSettings s;
  s.t_init = 0.1;
  s.t_final = 30;
  s.delta_t = 10;
  CHECK(rank_budget(s, 0, 100, 48, 24).triples == 48);
  CHECK(rank_budget(s, 10, 100, 48, 24).triples == 48);
  CHECK_FALSE(rank_budget(s, 10, 100, 48, 24).choose);
  CHECK(rank_budget(s, 40, 100, 48, 24).triples == 27);  // 24 * (1/2)^3 + 24
  CHECK(rank_budget(s, 40, 100, 48, 24).choose);
  CHECK_FALSE(rank_budget(s, 41, 100, 48, 24).choose);
  CHECK(rank_budget(s, 70, 100, 48, 24).choose);
  CHECK(rank_budget(s, 99, 100, 48, 24).triples == 24);
}

TEST_CASE("methods that change one place are not combined, and keys of two need a name") {
  const ModelShape shape = read_model_shape(GoldenCase("gpt2_tied").folder());
  const auto reason = [&](const std::string& method, const std::vector<std::string>& settings) {
    return error_text<InputError>([&] {
      MethodSettings{method, settings}.make()->trainable_parameters(shape);
    });
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(reason("lora+dora", {}), Contains("both change layers.0.Wq"));
  CHECK_THAT(reason("full+lora", {}), Contains("both change layers.0.Wq"));
  CHECK_THAT(reason("full+bitfit", {}), Contains("both change"));
  CHECK_THAT(reason("prefix_embed+prefix_layer", {}), Contains("special tokens"));
  CHECK_THAT(reason("adapter_h+adapter_p", {}), Contains("the output of layers.0.W2"));
  CHECK_THAT(reason("lora+lora", {}), Contains("twice"));
  CHECK_THAT(reason("lora+none", {}), Contains("combines with nothing"));
  CHECK_THAT(reason("lora+", {}), Contains("there is no method ''"));
  CHECK_THAT(reason("lora+prefix_embed", {"init=random"}), Contains("lora_init"));
  CHECK_THAT(reason("lora+bitfit", {"init=pissa"}), Contains("pissa"));
  CHECK(reason("lora+prefix_embed", {"prefix_embed_init=random", "lora_init=gaussian"}) ==
        "nothing was thrown");
  CHECK(reason("bitfit+adapter_l", {}) == "nothing was thrown");
}

TEST_CASE("a method names the library that its start depends on") {
  const auto libraries = [](const std::string& method, const std::vector<std::string>& settings) {
    return MethodSettings{method, settings}.make()->libraries();
  };
  CHECK_THAT(libraries("lora", {"init=pissa"}),
             Catch::StartsWith("Eigen 3.") && Catch::EndsWith(" by 48 and 2048 KiB"));
  CHECK(libraries("lora", {"init=gaussian"}).empty());
  CHECK(libraries("dora", {}).empty());
}

TEST_CASE("methods' settings that cannot be are refused by key") {
  const ModelShape shape = read_model_shape(GoldenCase("gpt2_tied").folder());
  const auto reason = [&](const std::string& method, const std::vector<std::string>& settings) {
    return error_text<InputError>([&] {
      MethodSettings{method, settings}.make()->trainable_parameters(shape);
    });
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(reason("prefix_embed", {"prefix=0"}), Contains("prefix=0"));
  CHECK_THAT(reason("prefix_kv", {"prefix=0"}), Contains("at least 1"));
  CHECK_THAT(reason("prefix_kv", {"infix=1"}), Contains("no setting 'infix'"));
  CHECK_THAT(reason("prefix_layer", {"prefix=40", "infix=23"}), Contains("context of 64"));
  CHECK_THAT(reason("adapter_h", {"bottleneck=0"}), Contains("bottleneck=0"));
  CHECK_THAT(reason("adapter_p", {"activation=swish"}), Contains("one of gelu, relu"));
  CHECK_THAT(reason("dora", {"init=pissa"}), Contains("dora"));
  const std::string above = std::to_string(shape.config.width + 1);
  CHECK_THAT(reason("lora", {"init=pissa", "rank=" + above}),
             Contains("setting 'rank=" + above) && Contains("singular values"));
  CHECK_THAT(reason("lora", {"init=pissa", "ranks=Wv:" + above}),
             Contains("setting 'ranks=Wv:" + above) && Contains("singular values"));
  CHECK_THAT(reason("adalora", {"lr_ratio=2"}), Contains("lr_ratio"));
  CHECK_THAT(reason("lora", {"lr_ratio=0"}), Contains("lr_ratio=0"));
}

}  // namespace
}  // namespace rankscope::tests
