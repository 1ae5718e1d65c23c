// The machine's own matrix-product rate, which speeds are quoted against.
#pragma once

#include <string>

namespace rankscope {

// GFLOP/s of oneDNN's dnnl_sgemm at 1024 x 768 x 768 (m, n, k) on `threads` threads: the median of
// several timings over about `seconds`.
double reference_sgemm_gflops(int threads, double seconds = 0.5);

// "2.6.3"
std::string reference_library_version();

}  // namespace rankscope
