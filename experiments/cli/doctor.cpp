// doctor: this machine, and what may be expected of it.
#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "common/error.h"
#include "common/instruction_set.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/cpu/reference_rate.h"
#include "engine/backend/devices.h"
#include "engine/training/numeric_version.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/environment.h"
#include "experiments/limits.h"
#include "experiments/machine.h"
#include "experiments/program_version.h"

namespace rankscope {

namespace {

// The sides of the square products that GPUs are measured by.
constexpr std::int64_t kBf16Side = 8192, kFp32Side = 4096;
constexpr double kGpuSeconds = 0.3;

struct DoctorOptions {
  bool json = false;
  int threads = 0;
};

OrderedJson gpu_report(int index, const GpuInfo& info) {
  OrderedJson gpu = {{"name", info.name},
                     {"memory_mib", info.memory_bytes >> 20},
                     {"capability", capability_text(info.capability)},
                     {"driver", info.driver},
                     {"runtime", info.runtime}};
  if (info.capability < kLeastCapability) {
    gpu["error"] = why_unusable(index, info);
    return gpu;
  }
  try {
    {
      const auto backend = make_cuda_backend(index, DType::kBF16);
      gpu["bf16_gflops"] = product_gflops(*backend, kBf16Side, kBf16Side, kBf16Side, kGpuSeconds);
    }
    const auto backend = make_cuda_backend(index, DType::kF32);
    gpu["fp32_gflops"] = product_gflops(*backend, kFp32Side, kFp32Side, kFp32Side, kGpuSeconds);
    gpu["memory_gigabytes_per_second"] = memory_gigabytes(*backend, kGpuSeconds);
  } catch (const MachineError& error) {  // what is wrong with a GPU is what is asked here
    gpu["error"] = error.what();
  }
  return gpu;
}

// "cuda": the GPUs, or null and beside it the "reason".
void add_gpus(OrderedJson& report) {
  report["cuda"] = nullptr;
  const std::vector<GpuInfo> found = gpus();
  if (found.empty()) report["reason"] = why_no_gpu();
  for (std::size_t i = 0; i < found.size(); ++i)
    report["cuda"].push_back(gpu_report(static_cast<int>(i), found[i]));
}

std::string gpu_text(std::size_t index, const OrderedJson& gpu) {
  std::string text =
      fmt::format("{:<16} {}, {} MiB, compute capability {}, driver {}, runtime {}\n",
                  fmt::format("GPU cuda:{}", index), gpu.at("name").get<std::string>(),
                  gpu.at("memory_mib").get<std::int64_t>(), gpu.at("capability").get<std::string>(),
                  gpu.at("driver").get<std::string>(), gpu.at("runtime").get<std::string>());
  if (gpu.contains("error"))
    return text + fmt::format("{:<16} {}\n", "", gpu.at("error").get<std::string>());
  return text + fmt::format(
                    "{:<16} products of {:.0f} GFLOP/s in bf16 ({} cubed), {:.0f} in fp32 "
                    "({} cubed); memory of {:.0f} GB/s\n",
                    "", gpu.at("bf16_gflops").get<double>(), kBf16Side,
                    gpu.at("fp32_gflops").get<double>(), kFp32Side,
                    gpu.at("memory_gigabytes_per_second").get<double>());
}

int run_doctor(const DoctorOptions& options) {
  exit_at_first_signal();
  const std::unique_ptr<Backend> backend = make_cpu_backend(options.threads);
  const double sgemm = reference_sgemm_gflops(backend->threads(), 1.0);
  const double own = product_gflops(*backend, 1024, 768, 768, 1.0);
  OrderedJson report;
  report["program"] = program_version();
  report["processor"] = processor_name();
  report["threads"] = backend->threads();
  report["instruction_set"] = backend->instruction_set();
  std::string sets;
  for (std::string_view set : available_instruction_sets()) {
    report["instruction_sets"].push_back(set);
    sets += (sets.empty() ? "" : ", ") + std::string(set);
  }
  report["memory_mib"] = total_memory_mib();
  report["sgemm_gflops"] = sgemm;
  report["product_gflops"] = own;
  report["onednn"] = onednn_version();
  report["numeric_version"] = kNumericVersion;
  add_gpus(report);
  if (options.json) {
    std::printf("%s\n", report.dump().c_str());
    return 0;
  }
  std::printf("program          %s\n", program_text().c_str());
  std::printf("processor        %s, %d threads used\n", processor_name().c_str(),
              backend->threads());
  std::printf("instruction sets %s (in use: %s)\n", sets.c_str(),
              std::string(backend->instruction_set()).c_str());
  std::printf("memory           %lld MiB\n", static_cast<long long>(total_memory_mib()));
  std::printf("matrix products  %.0f GFLOP/s here, %.0f by oneDNN %s sgemm (1024 x 768 x 768)\n",
              own, sgemm, onednn_version().c_str());
  if (report["cuda"].is_null())
    std::printf("GPU              none: %s\n", report["reason"].get<std::string>().c_str());
  for (std::size_t i = 0; i < report["cuda"].size(); ++i)
    std::fputs(gpu_text(i, report["cuda"][i]).c_str(), stdout);
  return 0;
}

}  // namespace

void add_doctor(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app.add_subcommand(
      "doctor",
      "this machine: processor, GPUs, libraries, measured speeds of products and of GPUs' memory");
  command->add_flag("--json", options->json, "one line of JSON on standard output");
  command->add_option("--threads", options->threads, "threads to measure with (0: all)")
      ->transform(whole_number(0, kMostThreads));
  command->callback([options, &exit_code] { exit_code = run_doctor(*options); });
}

}  // namespace rankscope
