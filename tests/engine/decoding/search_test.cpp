#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "common/error.h"
#include "engine/decoding/search.h"

namespace rankscope::tests {
namespace {

std::vector<int32_t> banned(const std::vector<int32_t>& prompt, const std::vector<int32_t>& tokens,
                            int64_t ngram) {
  std::vector<int32_t> ids;
  ban_repeats(prompt, tokens, ngram, ids);
  return ids;
}

TEST_CASE("decoding: an n-gram is not completed twice, across prompt and new tokens") {
  CHECK(banned({1, 2, 3, 1, 2}, {}, 3) == std::vector<int32_t>{3});
  CHECK(banned({1, 2, 3}, {1, 2}, 3) == std::vector<int32_t>{3});
  CHECK(banned({5, 1, 5}, {2, 5}, 2) == std::vector<int32_t>{1, 2});
  CHECK(banned({1, 2, 3}, {4}, 2).empty());
  CHECK(banned({1}, {}, 3).empty());
  CHECK(banned({}, {}, 2).empty());
  CHECK(banned({7, 8}, {7}, 1) == std::vector<int32_t>{7, 8});
  CHECK(banned({9, 9, 9}, {}, 2) == std::vector<int32_t>{9});
}

TEST_CASE("decoding: a model that offers no token is an error, not a prediction") {
  DecodingSettings settings;
  const int32_t none[] = {-1, -1, -1, -1};
  CHECK_THROWS_AS(make_search(settings)->advance({none, 1}, {}), InputError);
  settings.beams = 2;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float log_probs[] = {-1.0f, nan, -2.0f, -3.0f};
  CHECK_THROWS_AS(make_search(settings)->advance({none, 4}, log_probs), InputError);
  const int32_t some[] = {4, 5, 6, 7};
  CHECK_THROWS_AS(make_search(settings)->advance(some, log_probs), InputError);
}

TEST_CASE("decoding: beams go on in the order of their scores, equal ones in the order of ids") {
  DecodingSettings settings;
  settings.beams = 2;
  settings.end_ids = {9};
  const auto search = make_search(settings);
  REQUIRE(search->candidates() == 4);
  const int32_t first[] = {3, 9, 5, 6};
  const float first_scores[] = {-1.0f, -1.0f, -1.5f, -2.0f};
  const auto rows = search->advance(first, first_scores);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].token == 3);
  CHECK(rows[1].token == 5);
  // Row 1's best equals row 0's second.
  const int32_t second[] = {1, 2, 4, 8, 7, 1, 2, 3};
  const float second_scores[] = {-0.1f, -0.6f, -3.0f, -4.0f, -0.1f, -5.0f, -6.0f, -7.0f};
  const auto next = search->advance(second, second_scores);
  REQUIRE(next.size() == 2);
  CHECK((next[0].parent == 0 && next[0].token == 1));
  CHECK((next[1].parent == 0 && next[1].token == 2));
  CHECK(std::vector<int32_t>(search->tokens(1).begin(), search->tokens(1).end()) ==
        std::vector<int32_t>{3, 2});
}

}  // namespace
}  // namespace rankscope::tests
