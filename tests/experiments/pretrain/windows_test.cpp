// Documents in windows: whole, in their order, as many as fit.
#include "experiments/pretrain/windows.h"

#include <catch2/catch.hpp>

#include "common/draws.h"

using namespace rankscope;

namespace {

using Ids = std::vector<std::int32_t>;
constexpr std::int32_t kEnd = 0;

// Documents of the given lengths, end token not counted; no two tokens are alike.
std::vector<Ids> documents_of(const std::vector<int>& lengths) {
  std::vector<Ids> documents;
  std::int32_t next = 1;
  for (const int length : lengths) {
    Ids& document = documents.emplace_back();
    for (int i = 0; i < length; ++i) document.push_back(next++);
  }
  return documents;
}

Windows pack(const std::vector<Ids>& documents, std::int64_t window,
             Joining joining = Joining::kMany) {
  WindowPacker packer(window, kEnd, joining);
  for (const Ids& document : documents) packer.add(document);
  return packer.finish();
}

Ids tokens_of(const TokenExample& example) {
  Ids tokens = example.prompt;
  tokens.insert(tokens.end(), example.target.begin(), example.target.end());
  return tokens;
}

std::vector<std::size_t> sizes_of(const Windows& windows) {
  std::vector<std::size_t> sizes;
  for (const TokenExample& example : windows.examples) sizes.push_back(tokens_of(example).size());
  return sizes;
}

}  // namespace

TEST_CASE("windows hold consecutive whole documents, as many as fit") {
  CHECK(sizes_of(pack(documents_of({3, 3, 3}), 8)) == std::vector<std::size_t>{8, 4});
  CHECK(sizes_of(pack(documents_of({3, 4, 2}), 8)) == std::vector<std::size_t>{4, 8});
  CHECK(sizes_of(pack(documents_of({7}), 8)) == std::vector<std::size_t>{8});
  CHECK(pack({}, 8).examples.empty());
}

TEST_CASE("windows hold one document each where none are joined") {
  const Windows windows = pack(documents_of({3, 9, 2}), 8, Joining::kOne);
  CHECK(sizes_of(windows) == std::vector<std::size_t>{4, 8, 3});
  CHECK(windows.documents_cut == 1);
}

TEST_CASE("a window's first token is its prompt, all others are targets") {
  const Windows windows = pack(documents_of({2, 1}), 8);
  REQUIRE(windows.examples.size() == 1);
  CHECK(windows.examples[0].prompt == Ids{1});
  CHECK(windows.examples[0].target == Ids{2, kEnd, 3, kEnd});
  CHECK(windows.documents == 2);
  CHECK(windows.tokens == 5);
}

TEST_CASE("windows cut no document that fits into one") {
  const Draws draws(5, "test", "lengths");
  std::vector<int> lengths;
  for (std::uint64_t i = 0; i < 500; ++i)
    lengths.push_back(1 + static_cast<int>(draws.below(i, 15)));
  const std::vector<Ids> documents = documents_of(lengths);
  const Windows windows = pack(documents, 16);
  CHECK(windows.documents_cut == 0);
  CHECK(windows.tokens_cut == 0);
  std::vector<Ids> found;
  for (const TokenExample& example : windows.examples) {
    const Ids tokens = tokens_of(example);
    REQUIRE(tokens.size() <= 16);
    REQUIRE(tokens.back() == kEnd);
    Ids document;
    for (const std::int32_t token : tokens) {
      if (token != kEnd) {
        document.push_back(token);
        continue;
      }
      found.push_back(document);
      document.clear();
    }
  }
  CHECK(found == documents);
}

TEST_CASE("a document longer than a window keeps its beginning and is counted") {
  const std::vector<Ids> documents = documents_of({2, 8, 20, 1});
  const Windows windows = pack(documents, 8);
  CHECK(sizes_of(windows) == std::vector<std::size_t>{3, 8, 8, 2});
  CHECK(tokens_of(windows.examples[1]) == documents[1]);  // its end token is what was cut
  CHECK(windows.documents == 4);
  CHECK(windows.documents_cut == 2);
  CHECK(windows.tokens_cut == 1 + 13);
  CHECK(windows.tokens == 3 + 8 + 8 + 2);
}
