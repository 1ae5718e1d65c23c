// The texts of the data sets, whose scores and stems by rouge_score and NLTK are here as hashes
// (tests/reference/make_shared_hashes.py, make_rouge_goldens.py).
#include <catch2/catch.hpp>

#include <bit>
#include <set>

#include "common/hash.h"
#include "common/jsonl.h"
#include "metrics/porter_stemmer.h"
#include "metrics/rouge.h"
#include "metrics/unicode.h"
#include "tests/shared_files.h"
#include "tests/skip.h"

using namespace rankscope;

namespace {

Json golden(const std::string& name) {
  return read_json_file(std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/goldens" /
                        name);
}

void add_words(const Json& text, std::set<std::string>& words) {
  std::string word;
  for (const char c : python_lower(text.get<std::string>()) + " ") {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      word += c;
    } else if (!word.empty()) {
      words.insert(std::exchange(word, {}));
    }
  }
}

void add_scores(const RougeScores& scores, Sha256& hash) {
  for (const RougeScore& s : {scores.rouge1, scores.rouge2, scores.rougeL, scores.rougeLsum}) {
    for (const double value : {s.precision, s.recall, s.f}) {
      hash.update_u64(std::bit_cast<std::uint64_t>(value));
    }
  }
}

}  // namespace

TEST_CASE("ROUGE of SAMSum's texts is rouge_score's bit for bit", "[slow]") {
  const auto file = tests::shared_file("data/samsum/train.json");
  if (!file) RANKSCOPE_SKIP("no data/samsum in RANKSCOPE_SHARED");
  const Json rows = read_json_file(*file);
  const Json want = golden("shared_rouge.json");
  CHECK(want["pairs"].get<std::size_t>() == 2 * rows.size());
  for (const bool stem : {false, true}) {
    RougeScorer scorer(stem);
    Sha256 hash;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string summary = rows[i]["summary"];
      const std::string other = rows[(i * 7 + 1) % rows.size()]["summary"];
      add_scores(scorer.score(summary, other), hash);
      add_scores(scorer.score(summary, rows[i]["dialogue"].get<std::string>()), hash);
    }
    CHECK(hash.hex() == want[stem ? "stemmed" : "plain"].get<std::string>());
  }
}

TEST_CASE("the stem of every word of the data sets is NLTK's", "[slow]") {
  std::set<std::string> words;
  for (const char* name : {"data/samsum/train.json", "data/samsum/val.json"}) {
    const auto file = tests::shared_file(name);
    if (!file) RANKSCOPE_SKIP("no data/samsum in RANKSCOPE_SHARED");
    for (const Json& row : read_json_file(*file)) {
      add_words(row["dialogue"], words);
      add_words(row["summary"], words);
    }
  }
  const std::vector<std::pair<const char*, std::vector<const char*>>> files{
      {"data/mnli/train.jsonl", {"sentence1", "sentence2"}},
      {"data/mnli/dev_matched.jsonl", {"sentence1", "sentence2"}},
      {"data/wikisql/train.jsonl", {"question"}},
      {"data/wikisql/dev.jsonl", {"question"}}};
  for (const auto& [name, keys] : files) {
    const auto file = tests::shared_file(name);
    if (!file) RANKSCOPE_SKIP("no data/mnli or data/wikisql in RANKSCOPE_SHARED");
    JsonlReader reader(*file);
    Json row;
    while (reader.next(row)) {
      for (const char* key : keys) add_words(row.at(key), words);
    }
  }
  const Json want = golden("dataset_stems.json");
  CHECK(words.size() == want["words"].get<std::size_t>());
  Sha256 hash;
  for (const std::string& word : words) {
    std::string stem = word;
    porter_stem(stem);
    hash.update(word + " " + stem + "\n");
  }
  CHECK(hash.hex() == want["sha256"].get<std::string>());
}
