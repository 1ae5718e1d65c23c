// Matrices as the table `similarity` and `chance` hold them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace rankscope {

// The floats of a BLOB as queries give it, X'...'. InputError where it holds anything else.
std::vector<float> floats_of_blob(std::string_view text);
// The same, of which there must be `count`.
std::vector<float> floats_of_blob(std::string_view text, std::int64_t count);

}  // namespace rankscope
