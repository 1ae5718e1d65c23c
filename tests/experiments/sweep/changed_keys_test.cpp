// The former training that a new one is nearest to, and the keys in which they differ.
#include "experiments/sweep/changed_keys.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "common/draws.h"

using namespace rankscope;

namespace {

using Former = std::map<std::string, IdentityKeys>;

// How many keys are of one alone or have two values, in plain words.
std::size_t plainly_differing(const IdentityKeys& one, const IdentityKeys& other) {
  std::size_t count = 0;
  for (const auto& [key, value] : one) {
    const auto found = other.find(key);
    count += found == other.end() || found->second != value;
  }
  for (const auto& [key, value] : other) count += !one.contains(key);
  return count;
}

}  // namespace

TEST_CASE("a new training is set against the former one that differs in the fewest keys") {
  const IdentityKeys training = {{"batch", "8"}, {"lr", "0.1"}, {"rank", "4"}, {"seed", "1"}};
  const auto with = [&](const IdentityKeys& changes, const std::string& without = "") {
    IdentityKeys keys = training;
    for (const auto& [key, value] : changes) keys[key] = value;
    keys.erase(without);
    return keys;
  };
  const IdentityKeys three = with({{"batch", "4"}, {"alpha", "2"}}, "seed"),
                     two = with({{"rank", "8"}, {"seed", "2"}}), one = with({{"lr", "0.2"}});
  // The training's own keys first, then those that only the former one has.
  CHECK(changed_keys(training, Former{{"a", three}}) == "new: batch, seed, alpha changed since a");
  CHECK(changed_keys(training, Former{{"a", three}, {"b", two}}) ==
        "new: rank, seed changed since b");
  CHECK(changed_keys(training, Former{{"a", three}, {"b", two}, {"c", one}, {"d", two}}) ==
        "new: lr changed since c");
  CHECK(changed_keys(training, Former{{"a", two}, {"b", two}}) ==
        "new: rank, seed changed since a");
  CHECK(changed_keys(training, Former{{"a", one}, {"b", one}}) == "new: lr changed since a");
  // One that does not differ says nothing, and more than four keys are none.
  CHECK(changed_keys(training, Former{{"a", training}, {"b", two}}) ==
        "new: rank, seed changed since b");
  const IdentityKeys four = with({{"batch", "1"}, {"lr", "1"}, {"rank", "1"}, {"seed", "9"}});
  CHECK(changed_keys(training, Former{{"a", four}}) ==
        "new: batch, lr, rank, seed changed since a");
  IdentityKeys five = four;
  five["zeros"] = "0";
  CHECK(changed_keys(training, Former{{"a", five}}).empty());
  CHECK(changed_keys(training, Former{{"a", {}}}) == "new: batch, lr, rank, seed changed since a");
  CHECK(changed_keys({}, Former{{"a", five}}).empty());
  CHECK(changed_keys(training, {}).empty());
}

TEST_CASE("the nearest of many former trainings is that of comparing all their keys") {
  const Draws draws(1, "changed keys", "", 0);
  std::uint64_t drawn = 0;
  const auto below = [&](std::uint64_t bound) {
    return static_cast<std::uint64_t>(draws.uniform_double(drawn++) * static_cast<double>(bound));
  };
  const auto drawn_keys = [&] {
    IdentityKeys keys;
    for (char key = 'a'; key <= 'i'; ++key)
      if (below(5) > 0) keys[std::string(1, key)] = std::to_string(below(2));
    return keys;
  };
  std::size_t named = 0;
  for (int round = 0; round < 200; ++round) {
    const IdentityKeys training = drawn_keys();
    Former former;
    for (int i = 0; i < 6; ++i) former[std::to_string(i)] = drawn_keys();
    std::string nearest;
    std::size_t fewest = 5;
    for (const auto& [id, keys] : former) {
      const std::size_t count = plainly_differing(training, keys);
      if (count == 0 || count >= fewest) continue;
      fewest = count;
      nearest = id;
    }
    const std::string got = changed_keys(training, former);
    INFO(got);
    REQUIRE(got.empty() == nearest.empty());
    if (nearest.empty()) continue;
    ++named;
    CHECK(got.ends_with(" changed since " + nearest));
    CHECK(static_cast<std::size_t>(std::ranges::count(got, ',')) + 1 == fewest);
  }
  CHECK(named > 20);
}
