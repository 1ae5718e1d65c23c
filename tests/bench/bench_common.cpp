#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "common/draws.h"
#include "common/half.h"
#include "common/hash.h"
#include "common/json.h"

namespace {

using namespace rankscope;

void BM_DrawsUniform(benchmark::State& state) {
  const Draws draws(1, "bench", "uniform");
  std::vector<float> out(1 << 16);
  for (auto _ : state) {
    draws.fill_uniform(out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * out.size()));
}
BENCHMARK(BM_DrawsUniform);

void BM_DrawsNormal(benchmark::State& state) {
  const Draws draws(1, "bench", "normal");
  std::vector<float> out(1 << 16);
  for (auto _ : state) {
    draws.fill_normal(out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * out.size()));
}
BENCHMARK(BM_DrawsNormal);

void BM_Bf16ToFloat(benchmark::State& state) {
  std::vector<std::uint16_t> in(1 << 16);
  std::vector<float> out(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<std::uint16_t>(i);
  for (auto _ : state) {
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = bf16_to_float(in[i]);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * out.size()));
}
BENCHMARK(BM_Bf16ToFloat);

void BM_Sha256(benchmark::State& state) {
  const std::string bytes(1 << 20, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(sha256_hex(bytes));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK(BM_Sha256);

void BM_ParseJson(benchmark::State& state) {
  Json rows = Json::array();
  for (int i = 0; i < 1000; ++i) {
    rows.push_back({{"id", i}, {"prompt", "a question of some words"}, {"loss", 0.125 * i}});
  }
  const std::string text = rows.dump();
  for (auto _ : state) benchmark::DoNotOptimize(parse_json(text, "bench"));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}
BENCHMARK(BM_ParseJson);

}  // namespace
