// doctor: this machine, and what may be expected of it.
#include <cstdio>
#include <string>

#include "common/json.h"
#include "engine/backend/backend.h"
#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/cpu/reference_rate.h"
#include "engine/training/numeric_version.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/machine.h"

namespace rankscope {

namespace {

struct DoctorOptions {
  bool json = false;
  int threads = 0;
};

int run_doctor(const DoctorOptions& options) {
  const std::unique_ptr<Backend> backend = make_cpu_backend(options.threads);
  const double sgemm = reference_sgemm_gflops(backend->threads(), 1.0);
  const double own = product_gflops(*backend, 1024, 768, 768, 1.0);
  OrderedJson report;
  report["processor"] = processor_name();
  report["threads"] = backend->threads();
  report["instruction_set"] = backend->instruction_set();
  std::string sets;
  for (std::string_view set : cpu::instruction_sets()) {
    report["instruction_sets"].push_back(set);
    sets += (sets.empty() ? "" : ", ") + std::string(set);
  }
  report["memory_mib"] = total_memory_mib();
  report["sgemm_gflops"] = sgemm;
  report["product_gflops"] = own;
  report["onednn"] = onednn_version();
  report["numeric_version"] = kNumericVersion;
  report["cuda"] = nullptr;
  if (options.json) {
    std::printf("%s\n", report.dump().c_str());
    return 0;
  }
  std::printf("processor        %s, %d threads used\n", processor_name().c_str(),
              backend->threads());
  std::printf("instruction sets %s (in use: %s)\n", sets.c_str(),
              std::string(backend->instruction_set()).c_str());
  std::printf("memory           %lld MiB\n", static_cast<long long>(total_memory_mib()));
  std::printf("matrix products  %.0f GFLOP/s here, %.0f by oneDNN %s sgemm (1024 x 768 x 768)\n",
              own, sgemm, onednn_version().c_str());
  std::printf("GPU              none used: this build has no CUDA backend\n");
  return 0;
}

}  // namespace

void add_doctor(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app.add_subcommand(
      "doctor", "this machine: processor, libraries, measured matrix-product speed");
  command->add_flag("--json", options->json, "one line of JSON on standard output");
  command->add_option("--threads", options->threads, "threads to measure with (0: all)")
      ->check(whole_number(0, kMostThreads));
  command->callback([options, &exit_code] { exit_code = run_doctor(*options); });
}

}  // namespace rankscope
