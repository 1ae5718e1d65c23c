#include "tests/experiments/pretrain/pretrain_scene.h"

#include <algorithm>
#include <array>

#include "common/draws.h"

namespace rankscope::tests {

const std::string kPretrainFile = R"(seed: 3
documents: documents.jsonl
held_out: 9
tokenizer: {vocabulary: 280, tokens_from: 60}
model: {n_embd: 16, n_layer: 2, n_head: 2, n_positions: 64}
window: 48
training:
  steps: 20
  batch: 4
  lr: 1e-2
  schedule: cosine
  warmup_ratio: 0.1
  eval_every: 10
)";

std::vector<std::string> small_documents(int count) {
  constexpr std::array<const char*, 6> kWords{"rank", "low", "matrix", "of a", "the", "adapts"};
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) {
    const Draws draws(1, "test", "documents", static_cast<std::uint64_t>(i));
    std::string text;
    const std::uint64_t words = 1 + draws.below(0, 12);
    for (std::uint64_t w = 0; w < words; ++w) {
      text += (w == 0 ? "" : " ") + std::string(kWords[draws.below(1 + w, kWords.size())]);
    }
    texts.push_back(text + ".");
  }
  return texts;
}

std::string document_lines(const std::vector<std::string>& texts) {
  std::vector<Json> objects;
  for (const std::string& text : texts) objects.push_back({{"text", text}});
  return to_lines(objects);
}

PretrainScene::PretrainScene() {
  write_file(kPretrainFile);
  write_documents(document_lines(small_documents(90)));
}

ProgramResult PretrainScene::run(const std::string& out, const std::vector<std::string>& more,
                                 const ProgramOptions& options) const {
  std::vector<std::string> words{"pretrain", file().string(), "--out", (folder_ / out).string()};
  if (std::ranges::find(more, "--threads") == more.end()) {
    words.insert(words.end(), {"--threads", "1"});
  }
  return run_with(words, more, options);
}

}  // namespace rankscope::tests
