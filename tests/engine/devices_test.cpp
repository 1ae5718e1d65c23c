// Which device a computation gets, on machines with GPUs that are not here.
#include "engine/backend/devices.h"

#include <catch2/catch.hpp>

#include <fstream>
#include <string>
#include <vector>

#include "common/error.h"
#include "engine/models/model.h"
#include "tests/engine/cuda/staged_backend.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

namespace rankscope::tests {
namespace {

GpuInfo gpu_named(const std::string& name, int capability) {
  GpuInfo gpu;
  gpu.name = name;
  gpu.capability = capability;
  return gpu;
}

const GpuInfo kT4 = gpu_named("Tesla T4", 75), kA100 = gpu_named("NVIDIA A100", 80);

std::string device_of(const std::string& device, const std::vector<GpuInfo>& all) {
  return resolved({.device = device}, all).device;
}

std::string refusal_of(const std::string& device, const std::vector<GpuInfo>& all) {
  return error_text<InputError>([&] { device_of(device, all); });
}

TEST_CASE("a GPU that no code is compiled for is refused, and auto leaves it alone") {
  const std::string old =
      "device: cuda:0 is a Tesla T4 of compute capability 7.5; 8.0 or later is needed; use "
      "--device ";
  CHECK(usable_gpus(std::vector{kT4}).empty());
  CHECK(device_of("auto", {kT4}) == "cpu");
  CHECK(device_of("cpu", {kT4}) == "cpu");
  CHECK(refusal_of("cuda", {kT4}) == old + "cpu");
  CHECK(refusal_of("cuda:0", {kT4}) == old + "cpu");
  CHECK(refusal_of("cuda:0", {kT4, kA100}) == old + "cuda:1");
}

TEST_CASE("cuda is the first GPU that is usable") {
  const std::vector<std::vector<GpuInfo>> machines{{kA100}, {kA100, kA100}, {kT4, kA100}};
  for (const std::vector<GpuInfo>& all : machines) {
    CHECK(device_of("auto", all) == "cuda");
    CHECK(device_of("cuda", all) == "cuda");
    CHECK(gpu_of("cuda", all) == usable_gpus(all).front());
  }
  const std::vector<GpuInfo> mixed{kT4, kA100, kT4, gpu_named("NVIDIA H100", 90)};
  CHECK(usable_gpus(mixed) == std::vector{1, 3});
  CHECK(device_of("cuda:3", mixed) == "cuda:3");
  CHECK(gpu_of("cuda:3", mixed) == 3);
}

TEST_CASE("a GPU that is not there is refused with what there is") {
  CHECK(device_of("auto", {}) == "cpu");
  CHECK(refusal_of("cuda", {}) == "device: cuda: " + why_no_gpu());
  CHECK(refusal_of("cuda:2", {kA100, kA100}) ==
        "device: cuda:2: there are 2 GPUs, numbered from 0; `rankscope doctor` lists them");
}

TEST_CASE(
    "a base whose heads are too wide for a GPU is refused there, before its weights are read") {
  CHECK_NOTHROW(refuse_head_dim("cuda", kMostGpuHeadDim));
  CHECK_NOTHROW(refuse_head_dim("cpu", 2 * kMostGpuHeadDim));
  const std::string refusal =
      "attention heads of a width of 256, and a GPU computes up to 128; use --device cpu";
  CHECK_THAT(error_text<InputError>([] { refuse_head_dim("cuda:1", 256); }),
             Catch::StartsWith("device: cuda:1: ") && Catch::EndsWith(refusal));
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "config.json")
      << R"({"model_type": "gpt2", "vocab_size": 7, "n_positions": 8, "n_embd": 512, "n_layer": 1,)"
      << R"( "n_head": 2, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5})";
  const auto gpu = make_fake_backend(DType::kF32), cpu = make_cpu_backend(1);
  CHECK_THAT(error_text<InputError>([&] { load_model(folder.path(), *gpu); }),
             Catch::EndsWith(refusal));
  CHECK_THAT(error_text<InputError>([&] { load_model(folder.path(), *cpu); }),
             Catch::Contains("model.safetensors"));
}

}  // namespace
}  // namespace rankscope::tests
