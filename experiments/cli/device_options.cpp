#include "experiments/cli/device_options.h"

#include "experiments/cli/checks.h"
#include "experiments/limits.h"

namespace rankscope {

void add_device_options(CLI::App& command, DeviceSettings& settings) {
  command
      .add_option(
          "--device", settings.device,
          "cpu, cuda, cuda:N, or auto: a GPU of compute capability 8.0 or later where there is one")
      ->capture_default_str();
  command
      .add_option("--precision", settings.precision,
                  "fp32; on a GPU also bf16: the base's weights and activations, not what is "
                  "trained")
      ->capture_default_str();
  command.add_option("--threads", settings.threads, "of the CPU; 0: all processors")
      ->transform(whole_number(0, kMostThreads));
}

}  // namespace rankscope
