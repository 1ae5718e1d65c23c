#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

#include "common/draws.h"
#include "common/json.h"
#include "common/jsonl.h"
#include "metrics/longest_common_subsequence.h"
#include "metrics/porter_stemmer.h"
#include "metrics/rouge.h"

using namespace rankscope;

namespace {

const std::filesystem::path kGoldens =
    std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/goldens";

std::string stem_of(std::string word) {
  porter_stem(word);
  return word;
}

void check_equal(const RougeScore& got, const Json& want) {
  CHECK(got.precision == want[0].get<double>());
  CHECK(got.recall == want[1].get<double>());
  CHECK(got.f == want[2].get<double>());
}

// The textbook table, read out as rouge_score does.
std::vector<bool> plain_positions(const std::vector<std::uint32_t>& r,
                                  const std::vector<std::uint32_t>& p) {
  std::vector<std::vector<int>> t(r.size() + 1, std::vector<int>(p.size() + 1, 0));
  for (std::size_t i = 1; i <= r.size(); ++i) {
    for (std::size_t j = 1; j <= p.size(); ++j) {
      t[i][j] = r[i - 1] == p[j - 1] ? t[i - 1][j - 1] + 1 : std::max(t[i - 1][j], t[i][j - 1]);
    }
  }
  std::vector<bool> taken(r.size(), false);
  for (std::size_t i = r.size(), j = p.size(); i > 0 && j > 0;) {
    if (r[i - 1] == p[j - 1]) {
      taken[--i] = true;
      --j;
    } else if (t[i][j - 1] > t[i - 1][j]) {
      --j;
    } else {
      --i;
    }
  }
  return taken;
}

}  // namespace

TEST_CASE("stems equal NLTK's") {
  const Json stems = read_json_file(kGoldens / "porter_stems.json");
  REQUIRE(stems.size() > 1000);
  for (const auto& [word, stem] : stems.items()) {
    CAPTURE(word);
    CHECK(stem_of(word) == stem.get<std::string>());
  }
}

TEST_CASE("NLTK's extensions to Porter's algorithm") {
  CHECK(stem_of("dying") == "die");
  CHECK(stem_of("flies") == "fli");
  CHECK(stem_of("dies") == "die");
  CHECK(stem_of("spied") == "spi");
  CHECK(stem_of("enjoy") == "enjoy");
  CHECK(stem_of("at") == "at");
}

TEST_CASE("ROUGE equals rouge_score bit for bit") {
  RougeScorer plain(false);
  RougeScorer stemmed(true);
  JsonlReader reader(kGoldens / "rouge.jsonl");
  Json row;
  int rows = 0;
  while (reader.next(row)) {
    ++rows;
    CAPTURE(reader.line_number());
    for (const bool stem : {false, true}) {
      const RougeScores got =
          (stem ? stemmed : plain)
              .score(row["reference"].get<std::string>(), row["prediction"].get<std::string>());
      const Json& want = row[stem ? "stemmed" : "plain"];
      check_equal(got.rouge1, want["rouge1"]);
      check_equal(got.rouge2, want["rouge2"]);
      check_equal(got.rougeL, want["rougeL"]);
      check_equal(got.rougeLsum, want["rougeLsum"]);
    }
  }
  CHECK(rows >= 200);
}

TEST_CASE("the longest common subsequence is the one that the plain table gives") {
  const Draws draws(1, "test", "longest common subsequence");
  std::vector<float> numbers(1 << 16);
  draws.fill_uniform(numbers);
  std::size_t next = 0;
  const auto draw = [&](std::size_t below) {
    return static_cast<std::size_t>(numbers[next++ % numbers.size()] * 0.9999f *
                                    static_cast<float>(below));
  };
  LongestCommonSubsequence common;
  for (const std::size_t size : {1, 5, 63, 64, 65, 127, 128, 129, 200, 300}) {
    for (const std::size_t tokens : {1, 3, 20, 200}) {
      CAPTURE(size, tokens);
      std::vector<std::uint32_t> r(size), p(1 + draw(2 * size));
      for (auto& token : r) token = static_cast<std::uint32_t>(draw(tokens));
      for (auto& token : p) {
        const std::size_t drawn = draw(tokens + 1);
        token = drawn == tokens ? LongestCommonSubsequence::kElsewhere
                                : static_cast<std::uint32_t>(drawn);
      }
      const std::vector<bool> want = plain_positions(r, p);
      common.set_reference(r, tokens);
      std::vector<bool> got(size, false);
      common.mark_positions(p, got);
      CHECK(got == want);
      CHECK(common.length(p) ==
            static_cast<std::size_t>(std::count(want.begin(), want.end(), true)));
    }
  }
}

// Going through all tokens for each line, or through all places of a token for each of its like,
// would take minutes.
TEST_CASE("references of many lines, and of few words often, are scored in time") {
  RougeScorer scorer(false);
  std::string lines, pairs, prediction;
  for (int i = 0; i < 200000; ++i) lines += "w" + std::to_string(i) + "\n";
  const RougeScores many = scorer.score(lines, "w5 w7\nw199999 none");
  CHECK(many.rougeLsum.precision == 0.75);
  CHECK(many.rougeLsum.recall == 3 / 200000.0);
  for (int i = 0; i < 100000; ++i) pairs += "a b ";
  for (int i = 0; i < 20000; ++i) prediction += "a ";
  const RougeScores often = scorer.score(pairs, prediction);
  CHECK(often.rougeL.precision == 1);
  CHECK(often.rougeL.recall == 0.1);
}

TEST_CASE("a scorer that forgot its words scores as a fresh one") {
  RougeScorer fresh(true);
  RougeScorer used(true);
  std::string words;
  for (int i = 0; i <= 1 << 20; ++i) words += std::to_string(i) + " ";
  CHECK(used.score(words, "7 8").rouge1.precision == 1);
  for (const char* prediction : {"a runner ran\nhome runs", "7 home"}) {
    const RougeScores a = fresh.score("the runner runs\nhome", prediction);
    const RougeScores b = used.score("the runner runs\nhome", prediction);
    CHECK(a.rouge1.f == b.rouge1.f);
    CHECK(a.rouge2.f == b.rouge2.f);
    CHECK(a.rougeL.f == b.rougeL.f);
    CHECK(a.rougeLsum.f == b.rougeLsum.f);
    CHECK(a.rouge1.f > 0);
  }
}

TEST_CASE("a scorer's earlier pairs do not change a score") {
  RougeScorer fresh(true);
  RougeScorer used(true);
  for (int i = 0; i < 3000; ++i) used.score("w" + std::to_string(i), "v" + std::to_string(i));
  const RougeScores a = fresh.score("the runner runs\nhome", "a runner ran\nhome runs");
  const RougeScores b = used.score("the runner runs\nhome", "a runner ran\nhome runs");
  CHECK(a.rouge1.f == b.rouge1.f);
  CHECK(a.rougeLsum.f == b.rougeLsum.f);
  CHECK(a.rouge1.f > 0);
}
