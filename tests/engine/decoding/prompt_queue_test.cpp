// How many prompts begin together.
#include "engine/decoding/prompt_queue.h"

#include <catch2/catch.hpp>

namespace rankscope::tests {
namespace {

using Prompts = std::vector<std::vector<int32_t>>;

// No two of which begin alike.
Prompts unlike_prompts(int32_t count, size_t length) {
  Prompts prompts;
  for (int32_t i = 0; i < count; ++i) prompts.emplace_back(length, i);
  return prompts;
}

TEST_CASE("decoding: prompts begin together as far as their tokens do") {
  const Prompts prompts = unlike_prompts(10, 4);
  PromptQueue queue(prompts, 1, 15, 1);
  CHECK(queue.take(1, 8) == std::vector<size_t>{0, 1, 2});  // of 5 tokens each
  CHECK(queue.take(2, 2) == std::vector<size_t>{3, 4});
  // One that is longer than that begins alone.
  const Prompts longer = unlike_prompts(2, 40);
  PromptQueue few(longer, 1, 15, 1);
  CHECK(few.take(2, 2) == std::vector<size_t>{0});
  CHECK(few.take(2, 2) == std::vector<size_t>{1});
  CHECK(few.take(2, 2).empty());
}

TEST_CASE(
    "decoding: what prompts begin with in common counts an eighth where they begin together") {
  Prompts prompts(6, std::vector<int32_t>(32, 7));
  for (size_t i = 0; i < prompts.size(); ++i) prompts[i].push_back(static_cast<int32_t>(i));
  PromptQueue queue(prompts, 0, 43, 1);
  CHECK(queue.take(6, 6) == std::vector<size_t>{0, 1, 2});  // 33, then 1 + 32 / 8 each
  CHECK(queue.take(6, 6) == std::vector<size_t>{3, 4, 5});
}

TEST_CASE("decoding: of several lanes none takes so many of the last prompts that others wait") {
  const Prompts prompts = unlike_prompts(30, 2);
  PromptQueue queue(prompts, 0, 1000, 2);
  CHECK(queue.take(1, 16).size() == 10);
  CHECK(queue.take(1, 16).size() == 6);
  CHECK(queue.take(8, 16).size() == 8);  // as many as there is room for, always
  CHECK(queue.take(1, 16).size() == 2);
  CHECK(queue.take(1, 16).size() == 1);
  CHECK(queue.take(4, 16).size() == 3);
  CHECK(queue.take(4, 16).empty());
}

}  // namespace
}  // namespace rankscope::tests
