// Bits, not bounds: what a training run yields does not depend on threads, on neighbours, on where
// it was interrupted, or on who ran before. Bytes are compared in double parentheses: Catch would
// take minutes to print them.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "common/draws.h"
#include "common/error.h"
#include "common/interrupt.h"
#include "tests/engine/goldens/golden_case.h"
#include "tests/temporary_folder.h"

namespace rankscope::tests {
namespace {

const std::vector<std::string> kModels{"gpt2_tied", "llama_gqa", "llama_mqa_bias"};

struct Options {
  int threads = 1;
  std::string method = "lora";
  std::vector<std::string> settings{"rank=4", "targets=Wq+Wv+W2", "dropout=0.1"};
  int64_t micro_batch_tokens = 40;
  int64_t steps = 6;
  bool packed_once = false;
  double learning_rate = 1e-2;
  double warmup_ratio = 0.2;
  uint64_t init_seed = 3;
  uint64_t data_seed = 3;
};

TrainSettings training(const Options& o) {
  TrainSettings t;
  t.steps = o.steps;
  t.batch = 4;
  t.micro_batch_tokens = o.micro_batch_tokens;
  t.learning_rate = o.learning_rate;
  t.max_gradient_norm = 1.0;
  t.label_smoothing = 0.1;
  t.warmup = {Warmup::Unit::kRatio, o.warmup_ratio};
  t.init_seed = o.init_seed;
  t.data_seed = o.data_seed;
  return t;
}

// A run that can be stopped, and what came out of it.
class Run {
 public:
  Run(const std::string& name, const Options& o)
      : golden_(name),
        backend_(make_cpu_backend(o.threads)),
        model_(golden_.load(*backend_)),
        // More, and more unequal, examples than a golden batch has.
        examples_(more_examples(golden_, model_->config(), {1, 3, 9, 14, 2, 7}, "examples")) {
    if (o.packed_once) model_->pack_once();
    Settings settings;
    for (const std::string& s : o.settings) settings.add(s);
    adaptation_ = make_method(o.method, settings)->adapt(*model_, o.init_seed);
    trainer_ = std::make_unique<Trainer>(*model_, *adaptation_, examples_, training(o));
  }

  Trainer& trainer() { return *trainer_; }
  Model& model() { return *model_; }
  Adaptation& adaptation() { return *adaptation_; }
  // Or to where it diverges, which is no step done.
  void to(int64_t step) {
    while (trainer_->steps_done() < step) {
      losses_.push_back(trainer_->step().loss);
      if (!std::isfinite(losses_.back())) return;
    }
  }
  // Losses and every trained parameter, as bytes.
  std::string bytes() {
    std::string all(reinterpret_cast<const char*>(losses_.data()), losses_.size() * sizeof(double));
    for (const TrainedParameter& t : adaptation_->trained()) all += parameter_bytes(*t.parameter);
    return all;
  }
  std::string parameters() {
    std::string all;
    for (const TrainedParameter& t : adaptation_->trained()) all += parameter_bytes(*t.parameter);
    return all;
  }

 private:
  static std::string parameter_bytes(const Parameter& p) {
    return {reinterpret_cast<const char*>(p.value.data()),
            static_cast<size_t>(p.value.size()) * sizeof(float)};
  }

  GoldenCase golden_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Model> model_;
  std::vector<TokenExample> examples_;
  std::unique_ptr<Adaptation> adaptation_;
  std::unique_ptr<Trainer> trainer_;
  std::vector<double> losses_;
};

std::string trained_bytes(const std::string& name, const Options& o) {
  Run run(name, o);
  run.to(o.steps);
  return run.bytes();
}

TEST_CASE("the same seed gives the same bits twice, and with 1, 2 and 4 threads", "[bits]") {
  const std::string name = GENERATE(from_range(kModels));
  const std::string method = GENERATE("lora", "full");
  INFO(name << " " << method);
  Options o;
  o.method = method;
  if (method == "full") o.settings.clear();
  const std::string once = trained_bytes(name, o);
  CHECK((trained_bytes(name, o) == once));
  for (int threads : {2, 4}) {
    o.threads = threads;
    CHECK((trained_bytes(name, o) == once));
  }
}

TEST_CASE("weights packed once for both directions give the same bits", "[bits]") {
  const std::string name = GENERATE("gpt2_tied", "llama_gqa", "llama_mqa_bias", "dtypes/bf16");
  // With dropout a product's low-rank part is a product of its own.
  const std::string dropout = GENERATE("dropout=0.1", "dropout=0", "");
  INFO(name << " " << dropout);
  Options o;
  if (dropout.empty()) {
    o.method = "full";
    o.settings.clear();
  } else {
    o.settings.back() = dropout;
  }
  const std::string twice = trained_bytes(name, o);
  o.packed_once = true;
  CHECK((trained_bytes(name, o) == twice));
}

TEST_CASE("another seed gives other bits: init_seed of the start, data_seed of the steps",
          "[bits]") {
  Options other_init, other_data;
  other_init.init_seed = 4;
  other_data.data_seed = 4;
  Run run("llama_gqa", {}), init("llama_gqa", other_init), data("llama_gqa", other_data);
  CHECK((init.parameters() != run.parameters()));
  CHECK((data.parameters() == run.parameters()));
  for (Run* each : {&run, &init, &data}) each->to(2);  // the warm-up begins at 0
  CHECK((init.parameters() != run.parameters()));
  CHECK((data.parameters() != run.parameters()));
}

TEST_CASE("stopped and resumed at every step equals uninterrupted", "[bits]") {
  const std::string name = GENERATE(from_range(kModels));
  const std::string method = GENERATE("lora", "full");
  INFO(name << " " << method);
  Options o;
  o.method = method;
  if (method == "full") o.settings.clear();
  TemporaryFolder folder;
  const auto file = folder.path() / "state.safetensors";
  const Trainer::Identity identity{{"model", name}};
  Run whole(name, o);
  whole.to(o.steps);
  for (int64_t k = 0; k <= o.steps; ++k) {
    INFO("stopped after step " << k);
    Run first(name, o);
    first.to(k);
    first.trainer().save_state(file, identity);
    Run second(name, o);
    second.trainer().load_state(file, identity);
    CHECK(second.trainer().steps_done() == k);
    second.to(o.steps);
    CHECK((second.parameters() == whole.parameters()));
  }
}

TEST_CASE("a stop between two micro-batches costs the step that it falls into", "[bits]") {
  Options o;
  o.micro_batch_tokens = 12;
  TemporaryFolder folder;
  const auto file = folder.path() / "state.safetensors";
  Run whole("gpt2_tied", o);
  whole.to(o.steps);
  Run stopped("gpt2_tied", o);
  stopped.to(2);
  request_stop();
  CHECK_THROWS_AS(stopped.trainer().step(), Interrupted);
  clear_stop_request();
  CHECK(stopped.trainer().steps_done() == 2);
  stopped.trainer().save_state(file, {});
  Run second("gpt2_tied", o);
  second.trainer().load_state(file, {});
  second.to(o.steps);
  CHECK((second.parameters() == whole.parameters()));
}

TEST_CASE("a resume point of another run is refused, by the key that differs", "[bits]") {
  Options o;
  TemporaryFolder folder;
  const auto file = folder.path() / "state.safetensors";
  Run run("gpt2_tied", o);
  run.to(1);
  run.trainer().save_state(file, {{"data", "a"}});
  CHECK_THROWS_WITH(run.trainer().load_state(file, {{"data", "b"}}),
                    Catch::Contains("data was a and is now b"));
  CHECK_THROWS_WITH(run.trainer().load_state(file, {{"data", "a"}, {"keep", "best"}}),
                    Catch::Contains("keep was (absent) and is now best"));
  CHECK_THROWS_WITH(run.trainer().load_state(file, {}),
                    Catch::Contains("data was a and is now (absent)"));
}

TEST_CASE("a sequence's logits and loss do not depend on what shares its batch", "[bits]") {
  const std::string name = GENERATE(from_range(kModels));
  INFO(name);
  const GoldenCase c(name);
  const auto backend = make_cpu_backend(2);
  const auto model = c.load(*backend);
  const auto lora = golden_lora(c, *model, "Wq+Wv", true);
  const std::vector<TokenExample> examples = examples_that_begin_alike(c, model->config());
  const Evaluation together = evaluate(*model, lora.get(), examples, 1 << 20);
  const std::vector<float> logits = all_logits(*model, lora.get(), examples);
  size_t row = 0;
  for (size_t i = 0; i < examples.size(); ++i) {
    INFO("example " << i);
    const Evaluation alone = evaluate(*model, lora.get(), {examples[i]}, 1);
    CHECK(std::memcmp(&alone.nll[0], &together.nll[i], sizeof(double)) == 0);
    const std::vector<float> own = all_logits(*model, lora.get(), {examples[i]});
    REQUIRE(row + own.size() <= logits.size());
    CHECK(std::memcmp(own.data(), logits.data() + row, own.size() * sizeof(float)) == 0);
    row += own.size();
  }
}

TEST_CASE("LoRA with B = 0 gives exactly the base's logits", "[bits]") {
  const std::string name = GENERATE(from_range(kModels));
  const GoldenCase c(name);
  const auto backend = make_cpu_backend(2);
  const auto model = c.load(*backend);
  const std::vector<float> base = all_logits(*model, nullptr, c.examples());
  const auto lora = golden_lora(c, *model, "all", false);
  const std::vector<float> adapted = all_logits(*model, lora.get(), c.examples());
  CHECK(std::equal(base.begin(), base.end(), adapted.begin(), adapted.end()));
}

TEST_CASE("training leaves the frozen weights' hash as it was", "[bits]") {
  const std::string name = GENERATE(from_range(kModels));
  Options o;
  Run run(name, o);
  const std::string before = run.model().weights_hash();
  run.to(o.steps);
  CHECK(run.model().weights_hash() == before);
  o.method = "full";
  o.settings.clear();
  Run full(name, o);
  full.to(2);  // the warm-up begins at 0
  CHECK(full.model().weights_hash() != before);
}

TEST_CASE("micro-batches of any size give the same step within fp32", "[bits]") {
  const std::string name = GENERATE(from_range(kModels));
  Options whole, split;
  whole.micro_batch_tokens = 1 << 20;
  split.micro_batch_tokens = 1;  // each sequence alone
  whole.settings = split.settings = {"rank=4", "targets=Wq+Wv"};
  Run a(name, whole), b(name, split);
  for (int i = 0; i < 4; ++i) {
    const StepReport ra = a.trainer().step(), rb = b.trainer().step();
    CHECK(ra.loss == Approx(rb.loss).epsilon(1e-5));
    CHECK(ra.gradient_norm == Approx(rb.gradient_norm).epsilon(1e-4));
    CHECK(ra.target_tokens == rb.target_tokens);
  }
}

TEST_CASE("a micro-batch without target tokens is legal and changes nothing", "[bits]") {
  const GoldenCase c("llama_gqa");
  const auto backend = make_cpu_backend(1);
  const auto model = c.load(*backend);
  TokenExample silent{{5, 6, 7}, {}};
  const std::vector<TokenExample> one{c.examples()[2]}, two{c.examples()[2], silent};
  TrainSettings t;
  t.steps = 1;
  t.micro_batch_tokens = 1;
  t.learning_rate = 1e-2;
  auto step = [&](const std::vector<TokenExample>& examples) {
    auto lora = golden_lora(c, *model, "Wq+Wv", true);
    t.batch = static_cast<int64_t>(examples.size());
    Trainer trainer(*model, *lora, examples, t);
    const double loss = trainer.step().loss;
    std::vector<float> values;
    for (const TrainedParameter& p : lora->trained())
      values.insert(values.end(), p.parameter->value.values().begin(),
                    p.parameter->value.values().end());
    return std::pair(loss, values);
  };
  CHECK((step(one) == step(two)));
}

TEST_CASE("a loss that is not finite stops the run before the update", "[training]") {
  Options o;
  Run run("gpt2_tied", o);
  run.to(1);
  for (const TrainedParameter& t : run.adaptation().trained())
    t.parameter->value.data()[0] = std::numeric_limits<float>::quiet_NaN();
  const std::string before = run.parameters();
  const StepReport report = run.trainer().step();
  CHECK(report.diverged);
  CHECK(run.trainer().steps_done() == 1);
  CHECK((run.parameters() == before));
}

TEST_CASE("a last update that leaves what is not finite is a divergence", "[training]") {
  for (const int64_t steps : {1, 2}) {
    Options o;
    o.steps = steps;
    o.learning_rate = 1e39;
    o.warmup_ratio = 0;
    Run run("gpt2_tied", o);
    StepReport report = run.trainer().step();
    CHECK(std::isfinite(report.loss));
    CHECK(report.diverged == (steps == 1));
    CHECK(run.trainer().steps_done() == steps - 1);
    if (steps == 1) continue;
    // Before the last it is the next loss that tells.
    report = run.trainer().step();
    CHECK(report.diverged);
    CHECK(std::isnan(report.gradient_norm));
    CHECK(run.trainer().steps_done() == 1);
  }
}

}  // namespace
}  // namespace rankscope::tests
