#include "metrics/accuracy.h"

#include <algorithm>
#include <stdexcept>

#include "common/text.h"

namespace rankscope {

bool exact_match(std::string_view prediction, std::string_view reference) {
  return trimmed(prediction) == trimmed(reference);
}

ConfusionMatrix confusion_matrix(std::span<const std::string> predictions,
                                 std::span<const std::string> references) {
  if (predictions.size() != references.size()) {
    throw std::invalid_argument("confusion_matrix: a prediction per reference is needed");
  }
  ConfusionMatrix matrix;
  for (const std::string& reference : references) matrix.labels.emplace_back(trimmed(reference));
  std::sort(matrix.labels.begin(), matrix.labels.end());
  matrix.labels.erase(std::unique(matrix.labels.begin(), matrix.labels.end()), matrix.labels.end());
  const std::size_t labels = matrix.labels.size();
  matrix.counts.assign(labels, std::vector<std::uint64_t>(labels + 1, 0));
  // The label's index, or that of the last column.
  const auto index_of = [&](std::string_view text) {
    const auto it = std::lower_bound(matrix.labels.begin(), matrix.labels.end(), trimmed(text));
    const bool known = it != matrix.labels.end() && *it == trimmed(text);
    return known ? static_cast<std::size_t>(it - matrix.labels.begin()) : labels;
  };
  for (std::size_t i = 0; i < references.size(); ++i) {
    ++matrix.counts[index_of(references[i])][index_of(predictions[i])];
  }
  return matrix;
}

}  // namespace rankscope
