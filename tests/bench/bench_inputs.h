// What the training benchmarks run on: models of a given shape with random weights, and token files
// with the lengths of the real tasks. Speed and memory depend on neither weights nor ids.
#pragma once

#include <filesystem>
#include <string>

namespace rankscope::bench {

// A Hugging Face folder below `root`, made on first use and where the shape has changed:
// "gpt2-small" (124 M parameters), "stories3m" (LLaMA, d 192, 6 layers, 2 KV heads), and in bf16
// "gpt2-small-bf16", "gpt2-medium" (355 M) and "llama-1b" (1.2 B, as Llama 3.2).
std::filesystem::path model_folder(const std::filesystem::path& root, const std::string& shape);
// Lines of random ids with the lengths of the task's first 256 training examples (lengths.json);
// made anew where those have changed.
std::filesystem::path token_file(const std::filesystem::path& root, const std::string& shape,
                                 const std::string& task);

}  // namespace rankscope::bench
