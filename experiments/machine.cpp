#include "experiments/machine.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <functional>
#include <vector>

#include "common/draws.h"
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

std::optional<std::int64_t> control_group_memory(const std::filesystem::path& root) {
  std::optional<std::int64_t> lowest;
  // A file that is missing, or says "max", sets no limit; version 1 says so by the largest number.
  const auto look = [&](const std::filesystem::path& file) {
    std::string text;
    std::ifstream(file) >> text;
    std::int64_t limit = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error == std::errc() && end == text.data() + text.size() && limit > 0)
      lowest = std::min(limit, lowest.value_or(limit));
  };
  std::ifstream groups(root / "proc/self/cgroup");
  // "0::/PATH" of version 2, "4:memory:/PATH" of version 1.
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool unified = controllers == ",,";
    if (!unified && controllers.find(",memory,") == std::string::npos) continue;
    const std::filesystem::path top = root / (unified ? "sys/fs/cgroup" : "sys/fs/cgroup/memory");
    const char* const file = unified ? "memory.max" : "memory.limit_in_bytes";
    look(top / file);
    // In a container the path may be the host's, which is not there.
    std::filesystem::path group = top;
    for (const std::filesystem::path& part :
         std::filesystem::path(line.substr(second + 1)).relative_path())
      look((group /= part) / file);
  }
  return lowest;
}

std::int64_t usable_memory_mib() {
  std::int64_t memory = total_memory_mib();
  if (const auto limit = control_group_memory()) memory = std::min(memory, *limit >> 20);
  rlimit own{};
  if (getrlimit(RLIMIT_AS, &own) == 0 && own.rlim_cur != RLIM_INFINITY)
    memory = std::min(memory, static_cast<std::int64_t>(own.rlim_cur >> 20));
  return memory;
}

double peak_memory_mib() {
  const std::string text = value_of("/proc/self/status", "VmHWM");
  return text.empty() ? 0.0 : std::strtod(text.c_str(), nullptr) / 1024.0;
}

double peak_memory_mib(const Backend& backend) {
  const std::int64_t bytes = backend.peak_bytes();
  return bytes > 0 ? static_cast<double>(bytes) / (1 << 20) : peak_memory_mib();
}

bool restart_peak_memory(Backend& backend) {
  if (backend.peak_bytes() > 0) {
    backend.restart_peak();
    return true;
  }
#ifdef __GLIBC__
  malloc_trim(0);  // freed, and kept for what comes
#endif
  std::ofstream marks("/proc/self/clear_refs");
  marks << "5" << std::flush;
  return marks.good();
}

std::string onednn_version() { return reference_library_version(); }

namespace {

// The median of work per second over about `seconds`, `repeats` runs between two looks at the
// clock.
double median_rate(Backend& backend, ConstMatrix result, double seconds, int repeats, double work,
                   const std::function<void()>& run) {
  using Clock = std::chrono::steady_clock;
  float last = 0;
  const auto wait = [&] { backend.download({result.data, 1, 1, 1, result.dtype}, &last); };
  run();
  wait();
  const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                   std::chrono::duration<double>(seconds));
  std::vector<double> rates;
  do {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < repeats; ++i) run();
    wait();
    rates.push_back(repeats * work / std::chrono::duration<double>(Clock::now() - start).count());
  } while (Clock::now() < end);
  std::ranges::nth_element(rates, rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2));
  return rates[rates.size() / 2];
}

Tensor drawn_tensor(Backend& backend, int64_t rows, int64_t cols, const std::string& name) {
  std::vector<float> values(static_cast<std::size_t>(rows * cols));
  // A chip's clock depends on what it multiplies: never zeros. Drawing all would take longer than
  // measuring.
  const std::size_t drawn = std::min<std::size_t>(values.size(), 1 << 20);
  Draws(0, "machine", name).fill_normal(std::span(values).first(drawn));
  for (std::size_t i = drawn; i < values.size(); ++i) values[i] = values[i - drawn];
  Tensor tensor = backend.empty(rows, cols);
  backend.upload(values.data(), tensor.matrix());
  return tensor;
}

}  // namespace

double product_gflops(Backend& backend, std::int64_t m, std::int64_t n, std::int64_t k,
                      double seconds) {
  const Tensor a = drawn_tensor(backend, m, k, "left"), b = drawn_tensor(backend, k, n, "right");
  const Tensor c = backend.empty(m, n);
  const PackedMatrix packed = backend.pack(WeightView::of(b.view()));
  const ProductTerm term{a.view(), &packed};
  return median_rate(
      backend, c.view(), seconds, 4,
      2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) * 1e-9, [&] {
        backend.product({&term, 1}, {}, c.matrix());
      });
}

double memory_gigabytes(Backend& backend, double seconds) {
  constexpr std::int64_t kRows = 1 << 14, kCols = 1 << 14;  // far more than a cache holds
  const Tensor x = drawn_tensor(backend, kRows, kCols, "x"),
               y = drawn_tensor(backend, kRows, kCols, "y");
  const double bytes =
      3.0 * static_cast<double>(x.size()) * static_cast<double>(dtype_size(x.dtype()));
  return median_rate(backend, y.view(), seconds, 4, bytes * 1e-9,
                     [&] { backend.add(x.view(), y.matrix()); });
}

}  // namespace rankscope
