// --device and --precision of the commands that compute, and what doctor and info say of GPUs.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "common/json.h"
#include "engine/backend/devices.h"
#include "experiments/environment.h"
#include "experiments/program_version.h"
#include "tests/experiments/bad_input.h"
#include "tests/skip.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

// A command that computes, on the golden model; what it is refused for does not depend on the rest.
std::vector<std::vector<std::string>> commands(const Scene& scene) {
  const std::string model = scene.arguments[2], data = scene.arguments[4];
  return {scene.arguments,
          {"nll", "--model", model, "--data", data},
          {"generate", "--model", model, "--prompts", data}};
}

void check_all_refused(const std::vector<std::string>& words, const std::string& expected) {
  const Scene scene;
  for (const std::vector<std::string>& command : commands(scene)) {
    INFO(command[0]);
    check_refused(run_with(command, words), expected);
    CHECK_FALSE(std::filesystem::exists(scene.out()));
  }
}

// Why there is no GPU: CUDA was not compiled in, or none is found or can be used.
std::string why_none() {
  return cuda_compiled() ? why_no_gpu() : "built without CUDA; install the CUDA toolkit";
}

Json info_of(const std::vector<std::string>& words) {
  const Scene scene;
  const ProgramResult result =
      run_with({"info", scene.arguments[2], "--method", "lora", "--json"}, words);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return Json::parse(result.out).at("memory");
}

}  // namespace

TEST_CASE("devices and precisions that are none are refused before anything is made") {
  check_all_refused({"--device", "gpu"}, "device: 'gpu' is none of cpu, cuda, cuda:N, auto");
  check_all_refused({"--device", "cuda:x"}, "device: 'cuda:x' is none of");
  check_all_refused({"--precision", "fp16"}, "precision: 'fp16' is neither fp32 nor bf16");
  check_all_refused({"--device", "cuda:4095"}, "device: cuda:4095: ");
}

TEST_CASE("bf16 on the CPU is refused") {
  check_all_refused({"--precision", "bf16"}, "precision: bf16 needs a GPU");
  check_all_refused({"--device", "cpu", "--precision", "bf16"}, "precision: bf16 needs a GPU");
}

TEST_CASE("a GPU that is not there is refused with what is missing, and auto is then the CPU") {
  if (!gpus().empty()) RANKSCOPE_SKIP("a GPU is here");
  check_all_refused({"--device", "cuda"}, "device: cuda: ");
  check_all_refused({"--device", "cuda"}, why_none());
  check_all_refused({"--device", "auto", "--precision", "bf16"}, "precision: bf16 needs a GPU");

  Scene scene;
  const ProgramResult by_default = run_with(scene.arguments, {"--json"});
  scene.set("--out", scene.beside("auto"));
  const ProgramResult on_auto = run_with(scene.arguments, {"--device", "auto", "--json"});
  INFO(on_auto.err);
  REQUIRE(on_auto.exit_code == 0);
  const auto loss = [](const ProgramResult& result) {
    return Json::parse(result.out_lines().back()).at("loss");
  };
  CHECK(loss(on_auto) == loss(by_default));
}

TEST_CASE("doctor lists the GPUs, or says why there is none") {
  const ProgramResult result = run_program({"doctor", "--threads", "1", "--json"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const Json report = Json::parse(result.out);
  CHECK(report.at("program") == program_version());
  CHECK_THAT(run_program({"doctor", "--threads", "1"}).out,
             Catch::StartsWith("program          " + program_text() + "\n"));
  if (gpus().empty()) {
    CHECK(report.at("cuda").is_null());
    CHECK_THAT(report.at("reason").get<std::string>(), Catch::Contains(why_none()));
    return;
  }
  CHECK_FALSE(report.contains("reason"));
  REQUIRE(report.at("cuda").size() == gpus().size());
  for (const Json& gpu : report.at("cuda")) {
    for (const char* key : {"name", "driver", "runtime", "capability"})
      CHECK_FALSE(gpu.at(key).get<std::string>().empty());
    CHECK(gpu.at("memory_mib") > 0);
    if (gpu.contains("error")) continue;  // another process has its memory
    for (const char* key : {"bf16_gflops", "fp32_gflops", "memory_gigabytes_per_second"})
      CHECK(gpu.at(key) > 0);
  }
}

TEST_CASE("info plans the memory of a GPU whether there is one or not") {
  const Json cpu = info_of({}), fp32 = info_of({"--device", "cuda"}),
             bf16 = info_of({"--device", "cuda:1", "--precision", "bf16"});
  CHECK(cpu.at("device") == "cpu");
  CHECK(fp32.at("device") == "cuda");
  CHECK(fp32.at("precision") == "fp32");
  CHECK(bf16.at("precision") == "bf16");
  CHECK(info_of({"--precision", "bf16"}) == bf16);
  // What is trained is fp32 everywhere.
  CHECK(fp32.at("trained") == cpu.at("trained"));
  CHECK(bf16.at("trained") == cpu.at("trained"));
  CHECK(bf16.at("activations") < fp32.at("activations"));
  CHECK(bf16.at("packed_weights") < fp32.at("packed_weights"));
  Scene scene;
  Json config = read_json_file(std::filesystem::path(scene.arguments[2]) / "config.json");
  config["n_embd"] = 512;
  config["n_head"] = 2;
  const std::filesystem::path wide = scene.beside("wide");
  std::filesystem::create_directories(wide);
  std::ofstream(wide / "config.json") << config.dump();
  CHECK(run_program({"info", wide.string()}).exit_code == 0);
  check_refused(run_program({"info", wide.string(), "--device", "cuda"}),
                "device: cuda: the base has attention heads of a width of 256");
  check_refused(run_program({"info", scene.arguments[2], "--device", "gpu"}),
                "device: 'gpu' is none of cpu, cuda, cuda:N or auto");
  check_refused(run_program({"info", scene.arguments[2], "--precision", "half"}),
                "precision: 'half' is neither fp32 nor bf16");
  check_refused(run_program({"info", scene.arguments[2], "--device", "cpu", "--precision", "bf16"}),
                "precision: bf16 needs a GPU");
}
