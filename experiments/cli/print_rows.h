// Rows of results on standard output.
#pragma once

#include <string>
#include <string_view>

#include "results/row_writers.h"

namespace rankscope {

inline constexpr const char* kNotWritten =
    "cannot write to standard output; is it closed, or its disk full? What was printed is not "
    "whole";

// The whole text; MachineError (kNotWritten) at the first piece that cannot be written, so that a
// long answer does not go on into a full disk.
void print_text(std::string_view text);

// "table", "csv", "json" or "markdown".
RowFormat row_format(const std::string& name);

}  // namespace rankscope
