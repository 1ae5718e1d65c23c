// Training, evaluation and decoding on the CUDA backend against the CPU, and bits against bits.
#include <catch2/catch.hpp>

#include <cmath>

#include "common/draws.h"
#include "engine/backend/devices.h"
#include "engine/decoding/ranking.h"
#include "tests/engine/cuda/staged_backend.h"
#include "tests/engine/decoding/decoding_case.h"
#include "tests/engine/goldens/golden_case.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

namespace rankscope::tests {
namespace {

class Run {
 public:
  Run(const std::string& name, std::unique_ptr<Backend> backend, const std::string& method = "lora",
      int64_t steps = 10, int64_t micro_batch_tokens = 4096)
      : golden_(name),
        backend_(std::move(backend)),
        model_(golden_.load(*backend_)),
        // Of lengths that no tile divides.
        examples_(more_examples(golden_, model_->config(), {1, 3, 19, 30, 14, 2}, "examples")) {
    Settings settings;
    if (method == "lora")
      for (const char* s : {"rank=4", "targets=Wq+Wv+W2", "dropout=0.1"}) settings.add(s);
    adaptation_ = make_method(method, settings)->adapt(*model_, 3);
    TrainSettings t;
    t.steps = steps;
    t.batch = 4;
    t.micro_batch_tokens = micro_batch_tokens;
    t.learning_rate = method == "lora" ? 1e-2 : 1e-3;
    t.max_gradient_norm = 1.0;
    t.label_smoothing = 0.1;
    t.warmup = {Warmup::Unit::kRatio, 0.2};
    t.init_seed = t.data_seed = 3;
    trainer_ = std::make_unique<Trainer>(*model_, *adaptation_, examples_, t);
  }

  Trainer& trainer() { return *trainer_; }
  const Model& model() const { return *model_; }
  std::vector<double> to(int64_t step) {
    std::vector<double> losses;
    while (trainer_->steps_done() < step) losses.push_back(trainer_->step().loss);
    return losses;
  }
  std::vector<float> parameters() {
    std::vector<float> all;
    for (const TrainedParameter& t : adaptation_->trained())
      for (const float x : backend_->to_host(t.parameter->value.view())) all.push_back(x);
    return all;
  }
  Evaluation evaluated(int64_t micro_batch_tokens) {
    return evaluate(*model_, adaptation_.get(), examples_, micro_batch_tokens);
  }

 private:
  GoldenCase golden_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Model> model_;
  std::vector<TokenExample> examples_;
  std::unique_ptr<Adaptation> adaptation_;
  std::unique_ptr<Trainer> trainer_;
};

using Make = std::unique_ptr<Backend> (*)(DType precision);

void check_curves(Make make, int64_t steps) {
  for (const std::string name : {"gpt2_tied", "llama_gqa"}) {
    for (const std::string method : {"lora", "full"}) {
      INFO(name << " " << method);
      const auto expected = Run(name, make_cpu_backend(2), method, steps).to(steps);
      const auto got = Run(name, make(DType::kF32), method, steps).to(steps);
      const auto half = Run(name, make(DType::kBF16), method, steps).to(steps);
      for (size_t i = 0; i < expected.size(); ++i) {
        INFO("step " << i + 1 << ": " << expected[i] << " on the CPU, " << got[i] << ", " << half[i]
                     << " in bf16");
        CHECK(std::abs(got[i] / expected[i] - 1) < 1e-4);
        CHECK(std::abs(half[i] / expected[i] - 1) < 1e-2);
      }
    }
  }
}

// Again, in other micro-batches (of evaluation; a gradient's sum over them is another), and
// interrupted.
void check_same_bits(Make make) {
  for (const DType precision : {DType::kF32, DType::kBF16}) {
    for (const std::string name : {"gpt2_tied", "llama_gqa"}) {
      INFO(name << " in " << dtype_name(precision));
      Run once(name, make(precision)), again(name, make(precision));
      CHECK(once.to(6) == again.to(6));
      CHECK(once.parameters() == again.parameters());

      const Evaluation together = once.evaluated(4096);
      for (const int64_t bound : {1, 60}) CHECK(once.evaluated(bound).nll == together.nll);

      const TemporaryFolder folder;
      Run first(name, make(precision)), second(name, make(precision));
      first.to(3);
      first.trainer().save_state(folder.path() / "state.safetensors", {});
      second.trainer().load_state(folder.path() / "state.safetensors", {});
      second.to(6);
      CHECK(second.parameters() == once.parameters());
    }
  }
}

std::vector<std::vector<double>> ranked(const Model& model,
                                        const std::vector<RankedPrompt>& prompts, int64_t at_once) {
  std::vector<std::vector<double>> all(prompts.size());
  rank_choices(model, nullptr, prompts, at_once, [&](size_t index, std::span<const double> values) {
    all[index].assign(values.begin(), values.end());
  });
  return all;
}

void check_decoding(Make make, size_t count) {
  for (const char* name : {"gpt2_tied", "llama_gqa"}) {
    const auto cpu = make_cpu_backend(2);
    const auto cpu_model = GoldenCase(name).load(*cpu);
    const auto prompts = drawn_prompts(count, 36, cpu_model->config().vocabulary);
    for (const DType precision : {DType::kF32, DType::kBF16}) {
      const auto device = make(precision);
      const auto model = GoldenCase(name).load(*device);
      for (const int64_t beams : {1, 3}) {
        INFO(name << ", beams " << beams << ", " << dtype_name(precision));
        DecodingSettings settings;
        settings.max_new = 12;
        settings.beams = beams;
        settings.no_repeat_ngram = 3;
        const auto got = predict(*model, prompts, settings, {32, 1024});
        if (precision == DType::kF32) {
          const auto expected = predict(*cpu_model, prompts, settings, {32, 1024});
          for (size_t i = 0; i < prompts.size(); ++i) CHECK(got[i].ids == expected[i].ids);
        }
        const auto others = predict(*model, prompts, settings, {3, 50});
        for (size_t i = 0; i < prompts.size(); ++i) {
          CHECK(others[i].ids == got[i].ids);
          CHECK(others[i].score == got[i].score);
        }
      }
      std::vector<RankedPrompt> choices;
      for (const auto& prompt : prompts) choices.push_back({prompt, {{1}, {2, 3}, {4, 5, 6}}});
      const auto together = ranked(*model, choices, 1024);
      CHECK(ranked(*model, choices, 1) == together);
      if (precision != DType::kF32) continue;
      const auto expected = ranked(*cpu_model, choices, 1024);
      for (size_t i = 0; i < expected.size(); ++i)
        for (size_t j = 0; j < expected[i].size(); ++j)
          CHECK(together[i][j] == Approx(expected[i][j]).epsilon(1e-5));
    }
  }
}

TEST_CASE("cuda: training on the fake device follows the CPU", "[slow]") {
  check_curves(make_fake_backend, 4);
}

TEST_CASE(
    "cuda: training has its bits again, after an interruption and in other batches on the "
    "fake device",
    "[slow]") {
  check_same_bits(make_fake_backend);
}

TEST_CASE("cuda: decoding on the fake device gives the CPU's tokens", "[slow]") {
  check_decoding(make_fake_backend, 4);
}

// At the sizes of real models, where cuBLASLt chooses among its best algorithms.
TEST_CASE("cuda: a product's rows keep their bits whatever their number on a GPU", "[gpu]") {
  if (usable_gpus(gpus()).empty()) RANKSCOPE_SKIP("no GPU");
  constexpr int64_t kRows = 2000;
  for (const DType precision : {DType::kF32, DType::kBF16}) {
    const auto backend = make_gpu_backend(precision);
    const auto drawn = [&](int64_t rows, int64_t cols, const char* name) {
      std::vector<float> values(static_cast<size_t>(rows * cols));
      Draws(1, "test", name).fill_normal(values);
      Tensor t = backend->empty(rows, cols);
      backend->upload(values.data(), t.matrix());
      return t;
    };
    for (const auto& [k, n] : {std::pair<int64_t, int64_t>{192, 192},
                               {192, 512},
                               {512, 192},
                               {192, 4096},
                               {768, 768},
                               {1024, 1024},
                               {1024, 4096},
                               {4096, 1024},
                               {2048, 512},
                               {2048, 8192},
                               {8192, 2048},
                               {1024, 50257}}) {
      const Tensor left = drawn(kRows, k, "left");
      const Tensor right = drawn(n, k, "right");
      const PackedMatrix packed = backend->pack(WeightView::of(right.view()).transposed());
      for (const bool accumulate : {false, true}) {
        const ProductEpilogue epilogue{.accumulate = accumulate};
        const auto product = [&](int64_t begin, int64_t rows) {
          Tensor out = backend->empty(rows, n);
          backend->fill_zero(out.matrix());
          const ProductTerm term{left.view().row_range(begin, begin + rows), &packed};
          backend->product({&term, 1}, epilogue, out.matrix());
          return out;
        };
        const Tensor all = product(0, kRows);
        for (const int64_t rows : {1, 7, 64, 129, 745, 1600}) {
          const int64_t begin = (rows * 37) % (kRows - rows);
          INFO(dtype_name(precision) << " k " << k << " n " << n << " rows " << rows);
          // The first and the last columns tell: a tile is computed one way.
          const auto columns = [&](const Tensor& t, int64_t first) {
            const ConstMatrix part = t.view().row_range(first, first + rows);
            auto values = backend->to_host(part.columns(0, 64));
            for (const float x : backend->to_host(part.columns(n - 64, n))) values.push_back(x);
            return values;
          };
          CHECK(columns(product(begin, rows), 0) == columns(all, begin));
        }
      }
    }
  }
}

TEST_CASE("cuda: training on a GPU follows the CPU", "[gpu]") {
  if (usable_gpus(gpus()).empty()) RANKSCOPE_SKIP("no GPU");
  check_curves(make_gpu_backend, 50);
}

TEST_CASE("cuda: training has its bits again, after an interruption and in other batches on a GPU",
          "[gpu]") {
  if (usable_gpus(gpus()).empty()) RANKSCOPE_SKIP("no GPU");
  check_same_bits(make_gpu_backend);
}

TEST_CASE("cuda: decoding on a GPU gives the CPU's tokens", "[gpu]") {
  if (usable_gpus(gpus()).empty()) RANKSCOPE_SKIP("no GPU");
  check_decoding(make_gpu_backend, 40);
}

}  // namespace
}  // namespace rankscope::tests
