// Colours that people with colour-blindness can tell apart, the same for the same thing everywhere.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rankscope {

// "#0072B2". Of Okabe and Ito's set: each known method has its own, unknown ones share one.
std::string_view method_colour(std::string_view method);
// gnuplot's point type of a method: shapes differ where colours might not.
int method_point(std::string_view method);

// Of Okabe and Ito's set without its black and yellow, which one of the page's backgrounds
// swallows. Begins again after the last.
std::string_view series_colour(std::size_t index);
// Of a weight matrix, or of several joined with '+'.
std::string_view targets_colour(std::string_view targets, std::size_t index_where_unknown);

// `index` of `count` on a scale that grows lighter: for ranks.
std::string ordered_colour(std::size_t index, std::size_t count);

// gnuplot's `set palette` with viridis, whose steps look equally large.
std::string viridis_palette();

}  // namespace rankscope
