// The tokenizer file, and texts under whatever tokenizer it describes. The input is a
// tokenizer.json; behind a zero byte may stand a text.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/text.h"
#include "datasets/tokenizer/tokenizer.h"
#include "tests/fuzz/fuzz_one.h"

int fuzz_one(const std::uint8_t* data, std::size_t size) {
  using namespace rankscope;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t zero = std::min(input.find('\0'), size);
  std::string text(input.substr(std::min(zero + 1, size)));
  text += " it's caf\xc3\xa9 \xe2\x96\x81<s> 123\n\n \xf0\x9f\x91\x8d\xff";
  try {
    const Tokenizer tokenizer = Tokenizer::parse(input.substr(0, zero), "fuzz");
    const std::vector<std::int32_t> ids = tokenizer.encode(text);
    // Every id is one of the tokenizer's, a second look gives the same, and decoded text is
    // well-formed.
    for (const std::int32_t id : ids)
      if (id < 0 || id >= tokenizer.id_count()) std::abort();
    if (tokenizer.encode(text) != ids) std::abort();
    if (!valid_utf8(tokenizer.decode(ids))) std::abort();
  } catch (const InputError&) {
  }
  return 0;
}
