// A template's assignments as one text: what a trial's configuration stores of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rankscope {

// KEY=VALUE a line, in the order of the keys. A line of a value that looks like the next assignment
// gets a backslash before it, so that no two templates have one text.
std::string template_text(std::vector<std::string> assignments);
// The assignments of such a text.
std::vector<std::string> template_assignments(std::string_view text);

}  // namespace rankscope
