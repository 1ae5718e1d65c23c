// What may be missing, as JSON: null where it is.
#pragma once

#include <cmath>
#include <optional>

#include "common/json.h"

namespace rankscope {

template <typename T>
OrderedJson json_or_null(const std::optional<T>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

// JSON has no infinities and no NaN.
inline OrderedJson number_or_null(double value) {
  return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr);
}

}  // namespace rankscope
