// Where a subcommand computes.
#pragma once

#include <CLI/CLI.hpp>

#include "engine/backend/devices.h"

namespace rankscope {

// --device, --precision and --threads. Their values are checked where the backend is made.
void add_device_options(CLI::App& command, DeviceSettings& settings);

}  // namespace rankscope
