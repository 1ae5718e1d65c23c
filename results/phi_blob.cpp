#include "results/phi_blob.h"

#include <bit>
#include <iterator>

#include "common/error.h"

namespace rankscope {

namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

[[noreturn]] void refuse() {
  throw InputError(
      "a stored matrix does not hold the numbers that it should; delete the database and run "
      "`rankscope collect` on its folder");
}

}  // namespace

std::vector<float> floats_of_blob(std::string_view text) {
  constexpr std::size_t kDigits = 2 * sizeof(float);
  if (text.size() < 3 || !text.starts_with("X'") || !text.ends_with("'")) refuse();
  text.remove_prefix(2);
  text.remove_suffix(1);
  if (text.size() % kDigits != 0) refuse();
  std::vector<float> values;
  values.reserve(text.size() / kDigits);
  for (std::size_t at = 0; at < text.size(); at += kDigits) {
    std::uint32_t bits = 0;
    for (std::size_t byte = 0; byte < sizeof(float); ++byte) {
      const int high = digit_of(text[at + 2 * byte]), low = digit_of(text[at + 2 * byte + 1]);
      if (high < 0 || low < 0) refuse();
      bits |= static_cast<std::uint32_t>(high * 16 + low) << (8 * byte);
    }
    values.push_back(std::bit_cast<float>(bits));
  }
  return values;
}

std::vector<float> floats_of_blob(std::string_view text, std::int64_t count) {
  std::vector<float> values = floats_of_blob(text);
  if (count != std::ssize(values)) refuse();
  return values;
}

}  // namespace rankscope
