#include "experiments/cli/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

namespace rankscope {

namespace {

constexpr std::array<std::string_view, 8> kLevels{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

std::optional<double> mean(std::span<const std::optional<double>> values) {
  double sum = 0;
  for (const std::optional<double>& value : values) {
    if (!value) return {};
    sum += *value;
  }
  return sum / static_cast<double>(values.size());
}

}  // namespace

std::string sparkline(std::span<const std::optional<double>> values, std::size_t width) {
  const std::size_t shares = std::min(width, values.size());
  std::vector<std::optional<double>> means;
  for (std::size_t i = 0; i < shares; ++i) {
    const std::size_t begin = i * values.size() / shares;
    const std::size_t end = (i + 1) * values.size() / shares;
    means.push_back(mean(values.subspan(begin, end - begin)));
  }
  std::vector<double> finite;
  for (const std::optional<double>& value : means) {
    if (value) finite.push_back(*value);
  }
  std::string line;
  if (finite.empty()) return std::string(shares, '!');
  const auto [low, high] = std::ranges::minmax(finite);
  for (const std::optional<double>& value : means) {
    if (!value) {
      line += '!';
      continue;
    }
    const double height = high > low ? (*value - low) / (high - low) : 0;
    line += kLevels[std::min<std::size_t>(7, static_cast<std::size_t>(height * 8))];
  }
  return line;
}

}  // namespace rankscope
