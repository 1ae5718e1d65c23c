#include "engine/backend/cpu/reference_rate.h"

#include <dnnl.h>
#include <omp.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>
#include <vector>

namespace rankscope {

namespace {

double measured_gflops(int threads, double seconds) {
  constexpr int m = 1024, n = 768, k = 768;
  const std::vector<float> a(size_t{m} * k, 0.5f), b(size_t{k} * n, 0.25f);
  std::vector<float> c(size_t{m} * n);
  omp_set_num_threads(threads);
  auto multiply = [&] {
    dnnl_sgemm('N', 'N', m, n, k, 1.0f, a.data(), k, b.data(), n, 0.0f, c.data(), n);
  };
  using Clock = std::chrono::steady_clock;
  multiply();  // compiles its kernel
  const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                   std::chrono::duration<double>(seconds));
  std::vector<double> rates;
  do {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < 4; ++i) multiply();
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    rates.push_back(4 * 2.0 * m * n * k / took * 1e-9);
  } while (Clock::now() < end);
  std::ranges::nth_element(rates, rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2));
  return rates[rates.size() / 2];
}

}  // namespace

double reference_sgemm_gflops(int threads, double seconds) {
  // oneDNN's kernels for AVX2 and AVX-512 use the stack pointer as one more register and point it
  // into a buffer of theirs. A signal handler that runs on such a thread writes its frame there,
  // over the heap. The threads that OpenMP starts from this one inherit its mask.
  double gflops = 0;
  std::exception_ptr error;
  std::thread([&] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    try {
      gflops = measured_gflops(threads, seconds);
    } catch (...) {
      error = std::current_exception();
    }
  }).join();
  if (error) std::rethrow_exception(error);
  return gflops;
}

std::string reference_library_version() {
  const dnnl_version_t* v = dnnl_version();
  return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
}

}  // namespace rankscope
