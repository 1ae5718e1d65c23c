// The stems of every word of the data sets, against a hash of NLTK's.
#include <catch2/catch.hpp>

#include <set>

#include "common/hash.h"
#include "common/jsonl.h"
#include "metrics/porter_stemmer.h"
#include "metrics/unicode.h"
#include "tests/shared_files.h"
#include "tests/skip.h"

using namespace rankscope;

namespace {

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

}  // namespace

TEST_CASE("the stem of every word of the data sets is NLTK's", "[slow]") {
  const auto data = tests::shared_file("data");
  if (!data) RANKSCOPE_SKIP("no data sets on this machine");
  std::set<std::string> words;
  for (const char* name : {"train", "val"}) {
    for (const Json& row : read_json_file(*data / "samsum" / (std::string(name) + ".json"))) {
      add_words(row["dialogue"], words);
      add_words(row["summary"], words);
    }
  }
  const std::vector<std::pair<const char*, std::vector<const char*>>> files{
      {"mnli/train.jsonl", {"sentence1", "sentence2"}},
      {"mnli/dev_matched.jsonl", {"sentence1", "sentence2"}},
      {"wikisql/train.jsonl", {"question"}},
      {"wikisql/dev.jsonl", {"question"}}};
  for (const auto& [name, keys] : files) {
    JsonlReader reader(*data / name);
    Json row;
    while (reader.next(row)) {
      for (const char* key : keys) add_words(row.at(key), words);
    }
  }
  const Json golden = read_json_file(std::filesystem::path(RANKSCOPE_SOURCE_DIR) /
                                     "tests/reference/goldens/dataset_stems.json");
  CHECK(words.size() == golden["words"].get<std::size_t>());
  Sha256 hash;
  for (const std::string& word : words) {
    std::string stem = word;
    porter_stem(stem);
    hash.update(word + " " + stem + "\n");
  }
  CHECK(hash.hex() == golden["sha256"].get<std::string>());
}
