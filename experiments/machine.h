// Facts about the machine and the process.
#pragma once

#include <cstdint>
#include <string>

#include "engine/backend/backend.h"

namespace rankscope {

std::string processor_name();
int64_t total_memory_mib();
// The most memory this process has had resident, in MiB (VmHWM); 0 where the system does not say.
double peak_memory_mib();
std::string onednn_version();
// GFLOP/s of the backend's own product at 1024 x 768 x 768, the median over about `seconds`.
double own_product_gflops(Backend& backend, double seconds);

}  // namespace rankscope
