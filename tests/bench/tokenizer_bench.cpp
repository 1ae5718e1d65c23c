// Tokenizing the lines of real files with each shared tokenizer, one thread;
// peers/tokenizers_speed.py does the same with Hugging Face tokenizers. Without the shared folder:
// own text, a small tokenizer.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>
#include <vector>

#include "common/jsonl.h"
#include "datasets/tokenizer/tokenizer.h"
#include "tests/shared_files.h"

namespace {

using namespace rankscope;

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::vector<std::string> lines;
  LineReader reader(path);
  for (std::string_view line; reader.next(line);) lines.emplace_back(line);
  return lines;
}

void tokenize(benchmark::State& state, const std::filesystem::path& folder,
              const std::vector<std::string>& lines) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  std::vector<int32_t> ids;
  int64_t bytes = 0, tokens = 0;
  for (auto _ : state) {
    for (const std::string& line : lines) {
      ids.clear();
      tokenizer.encode(line, true, ids);
      benchmark::DoNotOptimize(ids.data());
      bytes += static_cast<int64_t>(line.size());
      tokens += static_cast<int64_t>(ids.size());
    }
  }
  state.SetBytesProcessed(bytes);
  state.counters["tokens_per_second"] =
      benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate);
}

void BM_Tokenize(benchmark::State& state, const std::string& model) {
  const auto folder = tests::shared_file("models/" + model);
  std::vector<std::string> lines;
  for (const char* name : {"data/mnli/dev_matched.jsonl", "data/samsum/val.json"}) {
    const auto path = tests::shared_file(name);
    if (!folder || !path) {
      state.SkipWithError("the shared models or data are not on this machine");
      return;
    }
    for (std::string& line : lines_of(*path)) lines.push_back(std::move(line));
  }
  tokenize(state, *folder, lines);
}
BENCHMARK_CAPTURE(BM_Tokenize, gpt2, std::string("gpt2-tokenizer"))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Tokenize, stories3m, std::string("stories3m"))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Tokenize, stories260k, std::string("stories260k"))
    ->Unit(benchmark::kMillisecond);

void BM_TokenizeOwnText(benchmark::State& state, const std::string& kind) {
  const std::filesystem::path folder =
      std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/tokenizers";
  tokenize(state, folder / kind, lines_of(folder / "trained" / "text.txt"));
}
BENCHMARK_CAPTURE(BM_TokenizeOwnText, llama3, std::string("llama3"));
BENCHMARK_CAPTURE(BM_TokenizeOwnText, llama2, std::string("llama2"));

}  // namespace
