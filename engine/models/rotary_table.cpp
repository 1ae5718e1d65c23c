#include "engine/models/rotary_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace rankscope {
namespace {

constexpr int64_t kFirstPositions = 512;

// The frequency of one pair under the llama3 scaling.
float llama3_frequency(const RotarySettings& settings, float frequency) {
  const auto factor = static_cast<float>(settings.factor);
  const auto positions = static_cast<double>(settings.original_positions);
  const auto longest = static_cast<float>(positions / settings.low_freq_factor);
  const auto shortest = static_cast<float>(positions / settings.high_freq_factor);
  const float wavelength = static_cast<float>(2 * std::numbers::pi) / frequency;
  if (wavelength > longest) return frequency / factor;
  if (wavelength < shortest) return frequency;
  const float blend =
      (static_cast<float>(positions) / wavelength - static_cast<float>(settings.low_freq_factor)) /
      static_cast<float>(settings.high_freq_factor - settings.low_freq_factor);
  return (1 - blend) * frequency / factor + blend * frequency;
}

}  // namespace

std::vector<float> rotary_frequencies(const RotarySettings& settings, int64_t head_dim) {
  std::vector<float> frequencies(static_cast<size_t>(head_dim / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    float frequency = 1.0f / std::pow(static_cast<float>(settings.theta), exponent);
    if (settings.type == "linear") frequency /= static_cast<float>(settings.factor);
    if (settings.type == "llama3") frequency = llama3_frequency(settings, frequency);
    frequencies[i] = frequency;
  }
  return frequencies;
}

RotaryTables::RotaryTables(const RotarySettings& settings, int64_t head_dim, int64_t context,
                           Backend& backend)
    : frequencies_(rotary_frequencies(settings, head_dim)), context_(context), backend_(backend) {}

const RotaryTable& RotaryTables::up_to(const std::shared_ptr<const Indices>& positions) const {
  const int64_t needed = 1 + *std::max_element(positions->begin(), positions->end());
  const std::lock_guard lock(growing_);
  const int64_t have = tables_.empty() ? 0 : tables_.back().cos.rows();
  if (have >= needed) return tables_.back();
  const int64_t rows = std::max(needed, std::min(context_, std::max(kFirstPositions, 2 * have)));
  const auto pairs = static_cast<int64_t>(frequencies_.size());
  RotaryTable table{backend_.floats(rows, pairs), backend_.floats(rows, pairs)};
  std::vector<float> cosines, sines;
  for (int64_t position = 0; position < rows; ++position) {
    for (int64_t i = 0; i < pairs; ++i) {
      const float angle = static_cast<float>(position) * frequencies_[static_cast<size_t>(i)];
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
  }
  backend_.upload(cosines.data(), table.cos.matrix());
  backend_.upload(sines.data(), table.sin.matrix());
  tables_.push_back(std::move(table));
  return tables_.back();
}

}  // namespace rankscope
