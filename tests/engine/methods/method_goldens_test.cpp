// Every method against PyTorch and PEFT (make_method_goldens.py): loss, likelihoods and gradients
// at a random point, and 20 AdamW steps from its own start.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <map>

#include "engine/backend/devices.h"
#include "engine/methods/pissa.h"
#include "tests/engine/cuda/staged_backend.h"
#include "tests/engine/goldens/golden_case.h"
#include "tests/skip.h"

namespace rankscope::tests {
namespace {

constexpr double kLosses = 1e-5, kGradients = 1e-4, kFinals = 1e-3;

struct GoldenMethod {
  std::string file;  // of goldens/methods/CASE, without its ending
  std::string method;
  std::vector<std::string> settings;
};

std::vector<GoldenMethod> golden_methods() {
  const std::vector<std::string> bottleneck = {"bottleneck=4"};
  const std::vector<std::string> tokens = {"prefix=3", "infix=2"};
  const std::vector<std::string> with_lora = {"rank=3", "alpha=6", "prefix=3", "infix=2"};
  return {
      {"dora", "dora", {"rank=3", "alpha=6", "targets=Wq+Wv+W1"}},
      {"adalora",
       "adalora",
       {"rank=3", "init_rank=6", "alpha=6", "targets=attention", "t_init=4", "t_final=6",
        "delta_t=2"}},
      {"adapter_h", "adapter_h", bottleneck},
      {"adapter_l", "adapter_l", bottleneck},
      {"adapter_p", "adapter_p", bottleneck},
      {"prefix_embed", "prefix_embed", tokens},
      {"prefix_layer", "prefix_layer", tokens},
      {"prefix_kv", "prefix_kv", {"prefix=3"}},
      {"lora_plus", "lora", {"rank=3", "alpha=6", "lr_ratio=16"}},
      {"lora+prefix_embed", "lora+prefix_embed", with_lora},
      {"lora+prefix_layer", "lora+prefix_layer", with_lora},
      {"pissa", "lora", {"rank=3", "alpha=12", "init=pissa"}},
      {"ft_top2", "ft_top2", {}},
  };
}

// One method on one golden model.
class MethodCase {
 public:
  MethodCase(const std::string& model, const GoldenMethod& about, Backend& backend)
      : golden_(model),
        file_(golden_.folder() + "/../methods/" + model + "/" + about.file + ".safetensors"),
        json_(read_json_file(golden_.folder() + "/../methods/" + model + "/methods.json")
                  .at("methods")
                  .at(about.file)),
        model_(golden_.load(backend)) {
    Settings settings;
    for (const std::string& s : about.settings) settings.add(s);
    method_ = make_method(about.method, settings);
    settings.refuse_unknown(about.method);
    adaptation_ = method_->adapt(*model_, 1);
  }

  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  std::vector<float> tensor(const std::string& name) const {
    const auto bytes = file_.bytes(file_.at(name));
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  Model& model() { return *model_; }
  const Method& method() const { return *method_; }
  Adaptation& adaptation() { return *adaptation_; }
  const Json& json() const { return json_; }
  const std::vector<TokenExample>& examples() const { return golden_.examples(); }
  std::vector<float> host(const Tensor& tensor) { return model_->backend().to_host(tensor.view()); }

  // Gives every trained parameter the first of these tensors that there is.
  void set(const std::vector<std::string>& prefixes) {
    for (const TrainedParameter& trained : adaptation_->trained()) {
      for (const std::string& prefix : prefixes) {
        if (!has(prefix + trained.parameter->name)) continue;
        const std::vector<float> values = tensor(prefix + trained.parameter->name);
        REQUIRE(values.size() == static_cast<size_t>(trained.parameter->value.size()));
        model_->backend().upload(values.data(), trained.parameter->value.matrix());
        break;
      }
    }
    adaptation_->refresh(*model_);
  }

  TrainSettings training() const {
    TrainSettings t;
    t.steps = 20;
    t.batch = static_cast<int64_t>(examples().size());
    t.learning_rate = json_.at("lr").get<double>();
    t.schedule = Schedule::kConstant;
    return t;
  }

 private:
  GoldenCase golden_;
  SafetensorsFile file_;
  Json json_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Method> method_;
  std::unique_ptr<Adaptation> adaptation_;
};

// Loss of the whole batch, with gradients in the parameters.
double loss_and_gradients(MethodCase& c) {
  const std::vector<TokenExample> examples =
      with_special_tokens(c.adaptation().special_tokens(), c.examples());
  std::vector<const TokenExample*> pointers;
  for (const TokenExample& e : examples) pointers.push_back(&e);
  const std::vector<uint64_t> ids(pointers.size());
  const Batch batch = pack_batch(pointers, ids);
  Tape tape(c.model().backend(), true);
  const Var hidden = c.model().forward({tape, batch, &c.adaptation(), std::nullopt, 0.0});
  const float scale = 1.0f / static_cast<float>(batch.targets());
  const LossResult losses =
      cross_entropy(tape, hidden, c.model().head(), batch.loss_labels, {0.0f, scale});
  tape.run_backward();
  c.adaptation().complete_gradients();
  double sum = 0;
  for (float x : c.host(losses.loss)) sum += x;
  return sum / static_cast<double>(batch.targets());
}

void check_at_random_point(MethodCase& c) {
  if (!c.has("loss")) return;  // only trained
  c.set({"init."});
  const Evaluation evaluation = evaluate(c.model(), &c.adaptation(), c.examples(), 1024);
  const std::vector<float> nll = c.tensor("nll");
  REQUIRE(evaluation.nll.size() == nll.size());
  for (size_t i = 0; i < nll.size(); ++i) CHECK(std::abs(evaluation.nll[i] / nll[i] - 1) < kLosses);
  CHECK(std::abs(loss_and_gradients(c) / c.tensor("loss")[0] - 1) < kLosses);
  int64_t trained = 0;
  for (const TrainedParameter& t : c.adaptation().trained()) {
    INFO(t.parameter->name);
    trained += t.parameter->value.size();
    CHECK(relative_error(c.host(t.parameter->gradient), c.tensor("grad." + t.parameter->name)) <
          kGradients);
    c.model().backend().fill_zero(t.parameter->gradient.matrix());
  }
  CHECK(trained == c.json().at("trained_parameters").get<int64_t>());
  CHECK(trained == c.method().trainable_parameters(c.model().shape()));
}

void check_steps(MethodCase& c) {
  c.set({"start.", "init."});
  Trainer trainer(c.model(), c.adaptation(), c.examples(), c.training());
  for (float expected : c.tensor("losses")) {
    const StepReport report = trainer.step();
    INFO("step " << report.step);
    CHECK(std::abs(report.loss / expected - 1) < kLosses);
  }
  for (const TrainedParameter& t : c.adaptation().trained()) {
    INFO(t.parameter->name);
    // Where only the training is compared it is so by its losses alone.
    CHECK(c.has("final." + t.parameter->name) == c.has("loss"));
    if (c.has("final." + t.parameter->name))
      CHECK(relative_error(c.host(t.parameter->value), c.tensor("final." + t.parameter->name)) <
            kFinals);
  }
}

void check_all(Backend& backend, const std::vector<std::string>& models) {
  for (const std::string& model : models) {
    for (const GoldenMethod& about : golden_methods()) {
      INFO(model << " " << about.file << " on " << backend.instruction_set());
      MethodCase c(model, about, backend);
      check_at_random_point(c);
      check_steps(c);
    }
  }
}

TEST_CASE("gradients and 20 AdamW steps of every method equal PyTorch's", "[goldens]") {
  check_all(*make_cpu_backend(2), {"gpt2_tied", "llama_gqa"});
}

TEST_CASE("cuda: every method equals PyTorch's on the fake device in fp32", "[slow]") {
  check_all(*make_fake_backend(DType::kF32), {"gpt2_tied"});
}

TEST_CASE("cuda: every method equals PyTorch's on a GPU in fp32", "[gpu]") {
  if (usable_gpus(gpus()).empty()) RANKSCOPE_SKIP("no GPU");
  check_all(*make_gpu_backend(DType::kF32), {"gpt2_tied", "llama_gqa"});
}

TEST_CASE("PiSSA takes its start out of the base, and what it learns is PyTorch's", "[goldens]") {
  const std::string model = GENERATE("gpt2_tied", "llama_gqa");
  INFO(model);
  const auto backend = make_cpu_backend(1);
  MethodCase c(model, {"pissa", "lora", {"rank=3", "alpha=12", "init=pissa"}}, *backend);
  // alpha / r B A
  const auto update = [](const std::vector<float>& b, const std::vector<float>& a, int64_t r) {
    constexpr float kScale = 12.0f / 3;
    const auto in = static_cast<int64_t>(a.size()) / r, out = static_cast<int64_t>(b.size()) / r;
    std::vector<float> ba(static_cast<size_t>(in * out));
    for (int64_t i = 0; i < out; ++i)
      for (int64_t k = 0; k < r; ++k)
        for (int64_t j = 0; j < in; ++j)
          ba[static_cast<size_t>(i * in + j)] +=
              kScale * b[static_cast<size_t>(i * r + k)] * a[static_cast<size_t>(k * in + j)];
    return ba;
  };
  auto& pissa = dynamic_cast<PissaAdaptation&>(c.adaptation());
  for (const auto& [site, factors] : pissa.factors()) {
    INFO(site.name());
    CHECK(relative_error(update(c.host(factors->b.value), c.host(factors->a.value), 3),
                         c.tensor("start." + site.name() + ".product")) < 1e-4);
  }
  // W_res + alpha / r B A = W: the same outputs as the base's.
  const auto base = load_model(c.model().folder(), *backend);
  CHECK(largest_error(all_logits(c.model(), &pissa, c.examples()),
                      all_logits(*base, nullptr, c.examples())) < 2e-6);
  Trainer trainer(c.model(), pissa, c.examples(), c.training());
  while (!trainer.finished()) trainer.step();
  const auto plain = pissa.as_plain_lora();
  for (const auto& [site, factors] : plain->factors()) {
    INFO(site.name());
    CHECK(relative_error(update(c.host(factors->b.value), c.host(factors->a.value), 6),
                         c.tensor("final." + site.name() + ".delta")) < 2e-3);
  }
  CHECK(largest_error(all_logits(*base, plain.get(), c.examples()),
                      all_logits(c.model(), &pissa, c.examples())) < 1e-5);
}

}  // namespace
}  // namespace rankscope::tests
