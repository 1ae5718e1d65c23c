// The memory plan of a GPU, and what is said where a trial does not fit.
#include <catch2/catch.hpp>

#include "engine/models/memory_plan.h"
#include "experiments/sweep/gpu_fit.h"
#include "tests/experiments/sweep/sweep_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

constexpr PlanTarget kFp32{true, DType::kF32}, kBf16{true, DType::kBF16};
constexpr std::int64_t kGiB = std::int64_t{1} << 30;

ModelShape gpt2_small() { return gpt2_shape(12, 768, 12); }

MemoryPlan plan(const std::string& method, const PlanTarget& target, std::int64_t tokens = 1024) {
  Settings settings;
  return plan_memory(gpt2_small(), *make_method(method, settings), tokens, target);
}

GpuInfo gpu_of(std::int64_t memory_bytes) {
  GpuInfo gpu;
  gpu.memory_bytes = memory_bytes;
  return gpu;
}

Trial trial_of(const std::string& precision, const std::string& micro_batch_tokens) {
  Trial trial;
  trial.config.method = "lora";
  trial.config.precision = precision;
  trial.config.settings = {{"micro_batch_tokens", micro_batch_tokens}, {"rank", "8"}};
  return trial;
}

}  // namespace

TEST_CASE("on a GPU every weight lies once, in the precision, and what is trained in fp32") {
  const ModelShape shape = gpt2_small();
  std::int64_t matrices = 0, vectors = 0;
  for (const TensorSpec& tensor : shape.tensors)
    (tensor.shape.size() == 2 ? matrices : vectors) += tensor.size();
  for (const auto& [target, bytes] : {std::pair{kFp32, 4}, {kBf16, 2}}) {
    const MemoryPlan lora = plan("lora", target);
    CHECK(lora.packed_weights + lora.mapped_tables == bytes * matrices + 4 * vectors);
    CHECK(lora.trained == 16 * 294'912);
    CHECK(plan("full", target).trained == 16 * shape.parameters());
  }
  // Trained weights are multiplied by where they lie, or by copies in the precision, a way each.
  CHECK(plan("full", kFp32).packed_weights == 0);
  CHECK(plan("full", kBf16).packed_weights > 0);
  CHECK(plan("full", kBf16).total() > plan("lora", kBf16).total());
  // Softmax sums, statistics and x A^T are fp32 beside activations of half the size.
  CHECK(plan("lora", kBf16).activations > plan("lora", kFp32).activations / 2);
  CHECK(plan("lora", kBf16).activations < plan("lora", kFp32).activations * 6 / 10);
  CHECK(plan("none", kBf16).total() < plan("lora", kBf16).total());
}

TEST_CASE("the largest micro-batch is the last whose plan fits") {
  Settings settings;
  const auto method = make_method("lora", settings);
  const ModelShape shape = gpt2_small();
  for (const std::int64_t bytes : {kGiB, 8 * kGiB, 80 * kGiB}) {
    const std::int64_t largest = largest_micro_batch(shape, *method, kBf16, bytes);
    INFO(bytes);
    REQUIRE(largest > 0);
    CHECK(plan_memory(shape, *method, largest, kBf16).total() <= bytes);
    CHECK(plan_memory(shape, *method, largest + 1, kBf16).total() > bytes);
    CHECK(largest > largest_micro_batch(shape, *method, kFp32, bytes));
  }
  CHECK(largest_micro_batch(shape, *method, kBf16, 1 << 20) == 0);
}

TEST_CASE("a trial that does not fit is told the bound that would, and it alone changes it") {
  const ModelShape shape = gpt2_small();
  const GpuFit small = gpu_fit(trial_of("bf16", "1024"), shape, 8 * kGiB);
  CHECK(small.fits());
  CHECK(small.micro_batch == 1024);
  const GpuFit large = gpu_fit(trial_of("bf16", "1000000"), shape, 8 * kGiB);
  CHECK_FALSE(large.fits());
  CHECK(large.largest_micro_batch == small.largest_micro_batch);
  const std::string bound = "micro_batch_tokens=" + std::to_string(large.largest_micro_batch);
  CHECK(advice(large) == bound + " fits");
  CHECK_THAT(advice(gpu_fit(trial_of("bf16", "8"), shape, 1 << 20)),
             Catch::Contains("no micro_batch_tokens fits"));

  const std::string error =
      "out of GPU memory: 512 MiB more than the 7000 MiB in use do not fit; use a smaller "
      "micro_batch_tokens";
  const std::string refusal = training_refusal(error, large);
  CHECK_THAT(refusal, Catch::StartsWith("out of GPU memory: 512 MiB more than the 7000 MiB"));
  CHECK_THAT(refusal, Catch::Contains("micro_batch_tokens=1000000; "));
  CHECK_THAT(refusal, Catch::Contains(bound + " fits (it makes another trial)"));
  // The plan says that it fits: then something else is on the GPU.
  CHECK_THAT(training_refusal(error, small), Catch::Contains("run fewer workers"));
  CHECK_THAT(training_refusal(error, small), Catch::Contains("up to " + bound));
  // A worker's last message is cut at 500 bytes.
  for (const GpuFit& fit : {small, large}) CHECK(training_refusal(error, fit).size() < 500);
  CHECK_THAT(evaluation_refusal(error, small), Catch::Contains("in making predictions"));
}

TEST_CASE("an example longer than the bound sets the memory, and max_tokens is what shortens it") {
  const ModelShape shape = gpt2_small();
  const Trial trial = trial_of("bf16", "1024");
  const std::int64_t memory = plan("lora", kBf16, 2000).total();
  // One that the bound holds changes nothing.
  CHECK(gpu_fit(trial, shape, memory, 1000).needed == gpu_fit(trial, shape, memory).needed);
  CHECK(gpu_fit(trial, shape, memory, 1000).fits());

  const GpuFit large = gpu_fit(trial, shape, memory, 4000);
  CHECK(large.needed == plan("lora", kBf16, 4000).total());
  CHECK_FALSE(large.fits());
  const std::string most = std::to_string(large.largest_micro_batch);
  CHECK(large.largest_micro_batch >= 2000);
  CHECK(large.largest_micro_batch < 4000);
  CHECK_THAT(advice(large), Catch::Contains("example of 4000 tokens"));
  CHECK_THAT(advice(large), Catch::EndsWith("set max_tokens of the task to " + most + " or less"));
  CHECK_THAT(advice(large), !Catch::Contains("micro_batch_tokens"));
  const std::string error = "out of GPU memory: 512 MiB more than 7000 MiB; less";
  const std::string refusal = training_refusal(error, large);
  CHECK_THAT(refusal, Catch::Contains("in training with an example of 4000 tokens; "));
  CHECK_THAT(refusal, Catch::Contains("max_tokens of the task to " + most));
  CHECK_THAT(refusal, !Catch::Contains("micro_batch_tokens"));

  const GpuFit fits = gpu_fit(trial, shape, memory, 1500);
  CHECK(fits.fits());
  CHECK_THAT(training_refusal(error, fits), Catch::Contains("run fewer workers"));
  CHECK_THAT(training_refusal(error, fits), Catch::Contains("smaller max_tokens of the task"));
  CHECK_THAT(training_refusal(error, fits), !Catch::Contains("micro_batch_tokens"));

  // Neither the bound nor the example fits.
  const GpuFit both = gpu_fit(trial_of("bf16", "8000"), shape, memory, 4000);
  CHECK_THAT(advice(both), Catch::Contains("max_tokens of the task to " + most + " or less"));
  CHECK_THAT(advice(both), Catch::EndsWith("and micro_batch_tokens to " + most));
  for (const GpuFit& fit : {large, fits, both}) CHECK(training_refusal(error, fit).size() < 500);

  // Special tokens come on top of what max_tokens bounds.
  Trial prefixed = trial;
  prefixed.config.method = "prefix_embed";
  prefixed.config.settings = {{"prefix", "16"}};
  const GpuFit longer = gpu_fit(prefixed, shape, memory, 8000);
  CHECK_THAT(advice(longer),
             Catch::EndsWith("to " + std::to_string(longer.largest_micro_batch - 16) + " or less"));
}

TEST_CASE("what merging and PiSSA take of a GPU is planned, and refusals name what saves it") {
  const ModelShape shape = gpt2_small();
  // Wq and Wv are in tensors of three sites.
  const std::int64_t adapted = 12 * 768 * 3 * 768;
  CHECK(plan("lora", kBf16).merged == 4 * adapted);
  CHECK(plan("lora", kFp32).merged == 0);
  CHECK(plan("full", kBf16).merged == 0);
  CHECK(plan("bitfit", kBf16).merged == 0);
  Settings settings;
  settings.add("init=pissa");
  const MemoryPlan pissa = plan_memory(shape, *make_method("lora", settings), 1024, kBf16);
  CHECK(pissa.trained == plan("lora", kBf16).trained + 6 * adapted + 2 * adapted / 12);
  CHECK(pissa.packed_weights == plan("lora", kBf16).packed_weights);
  // Sensitivities, uncertainties, diag(E) A and masks.
  CHECK(plan("adalora", kFp32).trained > 24 * 3 * 294'912 / 2);

  const std::string error = "out of GPU memory: 512 MiB more than 7000 MiB; less";
  Trial trial = trial_of("bf16", "8");
  // The frozen weights fit, what merging makes of them does not.
  const std::int64_t between =
      plan("lora", kBf16).packed_weights + plan("lora", kBf16).mapped_tables + 3 * adapted;
  const GpuFit merged = gpu_fit(trial, shape, between);
  CHECK_FALSE(merged.fits());
  CHECK_THAT(advice(merged), Catch::Contains("with score.merged: false micro_batch_tokens="));
  CHECK_THAT(evaluation_refusal(error, merged), Catch::Contains("score.merged: false"));
  CHECK_THAT(evaluation_refusal(error, merged), !Catch::Contains("precision: bf16"));
  trial.config.task.score.merged = false;
  const GpuFit beside = gpu_fit(trial, shape, between);
  CHECK(beside.largest_micro_batch == merged.largest_unmerged);
  CHECK(beside.merged == 0);
  CHECK_THAT(evaluation_refusal(error, beside), !Catch::Contains("score.merged"));
  CHECK_THAT(advice(gpu_fit(trial, shape, 1 << 20)), !Catch::Contains("precision: bf16"));
  trial.config.precision = "fp32";
  CHECK_THAT(evaluation_refusal(error, gpu_fit(trial, shape, between)),
             Catch::Contains("precision: bf16"));
  for (const GpuFit& fit : {merged, beside}) {
    CHECK(evaluation_refusal(error, fit).size() < 500);
    CHECK(training_refusal(error, fit).size() < 500);
  }
}

TEST_CASE("workers of one GPU share its memory") {
  const std::vector<GpuInfo> all = {gpu_of(80 * kGiB), gpu_of(40 * kGiB)};
  RunOptions options{.workers = 2, .device = "cuda", .gpus = {0, 1}};
  CHECK(plan_memory_of_worker(options, all) == plan_memory_of(all[1]));
  options.workers = 3;
  CHECK(plan_memory_of_worker(options, all) == plan_memory_of(gpu_of(20 * kGiB)));
  options = {.workers = 1, .device = "cuda:0", .gpus = {0, 1}};
  CHECK(plan_memory_of_worker(options, all) == plan_memory_of(all[0]));
  options = {.workers = 2, .device = "cuda", .gpus = {0}};  // the other is not usable
  CHECK(plan_memory_of_worker(options, all) == plan_memory_of(gpu_of(40 * kGiB)));
  options.device = "cpu";
  CHECK(plan_memory_of_worker(options, all) == 0);
}
