// Reading the cells of a query's rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "results/query.h"

namespace rankscope {

// None for NULL and for a text.
inline std::optional<double> number_in(const Cell& cell) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return static_cast<double>(*integer);
  if (const auto* real = std::get_if<double>(&cell)) return *real;
  return std::nullopt;
}

inline std::optional<std::int64_t> integer_in(const Cell& cell) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return *integer;
  return std::nullopt;
}

// Empty for what is no text.
inline std::string text_in(const Cell& cell) {
  const auto* text = std::get_if<std::string>(&cell);
  return text == nullptr ? std::string() : *text;
}

// NULL for none.
template <typename T>
Cell cell_of(const std::optional<T>& value) {
  if (!value) return {};
  return Cell(*value);
}

}  // namespace rankscope
