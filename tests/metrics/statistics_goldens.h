// SciPy's and NumPy's answers (tests/reference/make_statistics_goldens.py).
#pragma once

#include <filesystem>

#include "common/json.h"
#include "metrics/singular.h"

namespace rankscope::tests {

inline const Json& statistics_goldens() {
  static const Json goldens = read_json_file(std::filesystem::path(RANKSCOPE_SOURCE_DIR) /
                                             "tests/reference/goldens/statistics.json");
  return goldens;
}

inline RealVector vector_of(const Json& json) {
  RealVector values(static_cast<Eigen::Index>(json.size()));
  for (std::size_t i = 0; i < json.size(); ++i)
    values[static_cast<Eigen::Index>(i)] = json[i].get<double>();
  return values;
}

inline RealMatrix matrix_of(const Json& json) {
  RealMatrix values(static_cast<Eigen::Index>(json.size()),
                    static_cast<Eigen::Index>(json[0].size()));
  for (std::size_t i = 0; i < json.size(); ++i)
    values.row(static_cast<Eigen::Index>(i)) = vector_of(json[i]).transpose();
  return values;
}

}  // namespace rankscope::tests
