// Every line of every file of the data sets, by the three shared tokenizers, against hashes of the
// ids that Hugging Face tokenizers gives (tests/reference/make_shared_hashes.py).
#include <catch2/catch.hpp>

#include "common/files.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/jsonl.h"
#include "datasets/tokenizer/tokenizer.h"
#include "tests/shared_files.h"
#include "tests/skip.h"

using namespace rankscope;

namespace {

std::string ids_hash(const Tokenizer& tokenizer, const std::filesystem::path& file) {
  Sha256 hash;
  LineReader lines(file);
  for (std::string_view line; lines.next(line);) {
    std::string text(1, '[');
    for (const int32_t id : tokenizer.encode(line)) {
      if (text.size() > 1) text += ',';
      text += std::to_string(id);
    }
    text += "]\n";
    hash.update(text);
  }
  return hash.hex();
}

}  // namespace

TEST_CASE("the shared tokenizers give Hugging Face's ids on every line of the data sets",
          "[slow]") {
  const Json hashes = read_json_file(std::filesystem::path(RANKSCOPE_SOURCE_DIR) /
                                     "tests/reference/goldens/shared_ids.json");
  REQUIRE(hashes.size() == 3);
  bool all_there = true;
  for (const auto& [model, files] : hashes.items()) {
    const auto folder = tests::shared_file("models/" + model);
    if (!folder) {
      all_there = false;
      continue;
    }
    const Tokenizer tokenizer = Tokenizer::load(*folder);
    for (const auto& [name, hash] : files.items()) {
      const auto file = tests::shared_file(name);
      if (!file) {
        all_there = false;
        continue;
      }
      CAPTURE(model, name);
      CHECK(ids_hash(tokenizer, *file) == hash.get<std::string>());
    }
  }
  // What was there has been checked.
  if (!all_there) RANKSCOPE_SKIP("not all of models/* and data/* in RANKSCOPE_SHARED");
}
