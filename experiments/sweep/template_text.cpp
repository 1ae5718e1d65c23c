#include "experiments/sweep/template_text.h"

#include <algorithm>

#include "experiments/sweep/sweep_keys.h"

namespace rankscope {

namespace {

// Whether this begins as an assignment does: "prompt=", behind any backslashes.
bool begins_assignment(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of('\\'), text.size()));
  return std::ranges::any_of(sweep_keys("template"),
                             [&](const std::string& key) { return text.starts_with(key + "="); });
}

}  // namespace

std::string template_text(std::vector<std::string> assignments) {
  std::ranges::sort(assignments);
  std::string all;
  for (const std::string& assignment : assignments) {
    if (!all.empty()) all += '\n';
    for (std::size_t i = 0; i < assignment.size(); ++i) {
      all += assignment[i];
      if (assignment[i] == '\n' && begins_assignment(std::string_view(assignment).substr(i + 1)))
        all += '\\';
    }
  }
  return all;
}

std::vector<std::string> template_assignments(std::string_view text) {
  std::vector<std::string> assignments;
  if (text.empty()) return assignments;
  // What stands behind the last line's end is a line, too: a value may end in one.
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    const bool begins = begins_assignment(line);
    if (assignments.empty() || (begins && !line.starts_with('\\'))) {
      assignments.emplace_back(line);
      continue;
    }
    if (begins) line.remove_prefix(1);
    assignments.back().append("\n").append(line);
  }
  return assignments;
}

}  // namespace rankscope
