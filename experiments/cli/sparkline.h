// A curve as one line of text.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace rankscope {

// At most `width` characters from low to high, each the mean of an equal share of the values; '!'
// where a share holds a value that is absent.
std::string sparkline(std::span<const std::optional<double>> values, std::size_t width);

}  // namespace rankscope
