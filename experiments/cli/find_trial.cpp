#include "experiments/cli/find_trial.h"

#include <fmt/format.h>

#include <vector>

#include "common/error.h"
#include "common/suggest.h"
#include "common/text.h"
#include "results/cells.h"

namespace rankscope {

std::string find_trial(ResultsReader& reader, const std::string& folder, const std::string& asked,
                       TrialsSought sought) {
  std::vector<std::string> names, matches;
  const bool scored = sought == TrialsSought::kScored;
  for (const Row& row : reader.rows(std::string("SELECT trial FROM trials") +
                                    (scored ? " WHERE role = 'scored'" : "") + " ORDER BY trial"))
    names.push_back(text_in(row[0]));
  for (const std::string& name : names) {
    if (name == asked) return name;
    if (name.starts_with(asked)) matches.push_back(name);
  }
  const std::string shown = "'" + printable(asked) + "'";
  if (matches.size() == 1) return matches[0];
  if (matches.size() > 1) {
    throw InputError(fmt::format("{} trials begin with {}: '{}', '{}'{}; give more of the name",
                                 matches.size(), shown, printable(matches[0]),
                                 printable(matches[1]), matches.size() > 2 ? ", ..." : ""));
  }
  throw InputError(fmt::format(
      "there is no {}trial {} in '{}'{}; `rankscope query DIR trials` lists them",
      scored ? "scored " : "", shown, printable(folder, 300), did_you_mean(asked, names)));
}

}  // namespace rankscope
