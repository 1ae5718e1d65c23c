#include "experiments/machine.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <vector>

#include "engine/backend/cpu/reference_rate.h"

namespace rankscope {

namespace {

// The text after "KEY" and a colon in a file of such lines, or "".
std::string value_of(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(key)) {
      const size_t colon = line.find(':');
      const size_t begin = line.find_first_not_of(" \t", colon + 1);
      if (colon != std::string::npos && begin != std::string::npos) return line.substr(begin);
    }
  return "";
}

}  // namespace

std::string processor_name() {
  const std::string name = value_of("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown processor" : name;
}

int64_t total_memory_mib() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE) / (1 << 20);
}

double peak_memory_mib() {
  const std::string text = value_of("/proc/self/status", "VmHWM");
  return text.empty() ? 0.0 : std::strtod(text.c_str(), nullptr) / 1024.0;
}

std::string onednn_version() { return reference_library_version(); }

double own_product_gflops(Backend& backend, double seconds) {
  constexpr int64_t m = 1024, n = 768, k = 768;
  Tensor a = backend.empty(m, k), b = backend.empty(k, n), c = backend.empty(m, n);
  std::ranges::fill(a.values(), 0.5f);
  std::ranges::fill(b.values(), 0.25f);
  const PackedMatrix packed = backend.pack(WeightView::of(b.view()));
  const ProductTerm term{a.view(), &packed};
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                   std::chrono::duration<double>(seconds));
  std::vector<double> rates;
  do {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < 4; ++i) backend.product({&term, 1}, {}, c.matrix());
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    rates.push_back(4 * 2.0 * m * n * k / took * 1e-9);
  } while (Clock::now() < end);
  std::ranges::nth_element(rates, rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2));
  return rates[rates.size() / 2];
}

}  // namespace rankscope
