#include <catch2/catch.hpp>

#include <algorithm>
#include <stdexcept>

#include "engine/models/kv_cache.h"

namespace rankscope::tests {
namespace {

ModelConfig small_config() {
  ModelConfig config;
  config.layers = 2;
  config.kv_heads = 1;
  config.head_dim = 4;
  return config;
}

TEST_CASE("models: sequences of a cache share pages until one of them writes") {
  const auto backend = make_cpu_backend(2);
  KvCache cache(small_config(), *backend, 4);
  CachedSequence first;
  std::vector<int32_t> slots;
  cache.extend(first, 20, slots);
  CHECK(first.pages == std::vector<int32_t>{0, 1});
  CHECK(slots.size() == 20);
  CHECK(slots[19] == 1 * kPageTokens + 3);
  CHECK(cache.free_pages() == 2);
  for (int layer = 0; layer < 2; ++layer)
    std::fill_n(cache.layer(layer).keys.row(1), 4 * kPageTokens, 7.0f + static_cast<float>(layer));

  CachedSequence second = cache.fork(first);
  CHECK(cache.free_pages() == 2);
  slots.clear();
  cache.extend(second, 1, slots);
  cache.copy_shared_pages();
  CHECK(second.pages == std::vector<int32_t>{0, 2});
  CHECK(first.pages == std::vector<int32_t>{0, 1});
  CHECK(slots == std::vector<int32_t>{2 * kPageTokens + 4});
  for (int layer = 0; layer < 2; ++layer)
    CHECK(cache.layer(layer).keys.row(2)[63] == 7.0f + static_cast<float>(layer));

  // Alone on its last page, the first sequence writes where it is.
  cache.extend(first, 1, slots);
  CHECK(first.pages == std::vector<int32_t>{0, 1});
  cache.release(first);
  CHECK(cache.free_pages() == 2);
  cache.release(second);
  CHECK(cache.free_pages() == 4);
}

TEST_CASE("models: a full last page is shared for good, and a full cache says so") {
  const auto backend = make_cpu_backend(1);
  KvCache cache(small_config(), *backend, 2);
  CachedSequence first;
  std::vector<int32_t> slots;
  cache.extend(first, kPageTokens, slots);
  CachedSequence second = cache.fork(first);
  cache.extend(second, 1, slots);
  CHECK(second.pages == std::vector<int32_t>{0, 1});
  CHECK_THROWS_AS(cache.extend(first, 1, slots), std::logic_error);
}

}  // namespace
}  // namespace rankscope::tests
