// Exact match and accuracy over labels, with the confusion matrix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rankscope {

// Equal but for white space around either text: a generated text begins with a space.
bool exact_match(std::string_view prediction, std::string_view reference);

// counts[r][p]: how often the label labels[r] was answered by labels[p]. The labels are those of
// the references, sorted; the last column counts answers that are none of them.
struct ConfusionMatrix {
  std::vector<std::string> labels;
  std::vector<std::vector<std::uint64_t>> counts;  // labels.size() rows, one column more
};

// Both in the same order; labels are compared as exact_match does.
ConfusionMatrix confusion_matrix(std::span<const std::string> predictions,
                                 std::span<const std::string> references);

}  // namespace rankscope
