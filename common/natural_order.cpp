#include "common/natural_order.h"

#include <algorithm>

namespace rankscope {

std::string natural_key(std::string_view name) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string key;
  for (std::string_view rest = name; !rest.empty();) {
    if (!is_digit(rest.front())) {
      key += rest.front();
      rest.remove_prefix(1);
      continue;
    }
    const auto run =
        static_cast<std::size_t>(std::ranges::find_if_not(rest, is_digit) - rest.begin());
    const std::string_view digits = rest.substr(0, run);
    const std::string_view number = digits.substr(std::min(digits.find_first_not_of('0'), run - 1));
    // A number of more digits is the larger one; of as many they compare as text.
    key += '0';
    key += static_cast<char>(std::min<std::size_t>(number.size(), 255));
    key += number;
    rest.remove_prefix(run);
  }
  return key + '\0' + std::string(name);
}

}  // namespace rankscope
