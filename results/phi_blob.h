// Matrices as the table `similarity` and `chance` hold them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace rankscope {

// SQL for phi of a row `s` that has a `sweep` and the key of `similarity`: of the view
// `similarities`, or of one row of parameters. Over several folders the table holds a pair of each
// sweep, and `sweep` is its own column; that of one folder has no such column, and `sweep` is that
// of `s`.
inline constexpr std::string_view kPhiOfRow =
    "(SELECT b.phi FROM similarity b WHERE b.one = s.one AND b.other = s.other AND b.layer = "
    "s.layer AND b.site = s.site AND b.directions = s.directions AND sweep = s.sweep)";

// The floats of a BLOB as queries give it, X'...'. InputError where it holds anything else.
std::vector<float> floats_of_blob(std::string_view text);
// The same, of which there must be `count`.
std::vector<float> floats_of_blob(std::string_view text, std::int64_t count);

}  // namespace rankscope
