// Colours that people with colour-blindness can tell apart, the same for the same thing everywhere.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace rankscope {

// "#0072B2". Of Okabe and Ito's set: each known method has its own, unknown ones share one.
std::string_view method_colour(std::string_view method);
// gnuplot's point type of a method: shapes differ where colours might not.
int method_point(std::string_view method);

struct LineLook {
  std::string colour;
  int point = 7;  // gnuplot's type
  bool dashed = false;
  auto operator<=>(const LineLook&) const = default;
};

// For the lines of one figure, of which no two look alike.
class LineLooks {
 public:
  // For weight matrices, alone or several joined with '+': the colour that they have in every
  // figure, where they have one; another() for the rest.
  std::map<std::string, LineLook> of_targets(const std::set<std::string>& targets);
  // One that no line has yet: in colours of Okabe and Ito's set without its black and yellow, which
  // one of the page's backgrounds swallows; when all are used up, with other points and dashes.
  // Begins again behind the 60th.
  LineLook another();

 private:
  std::set<LineLook> taken_;
};

// `index` of `count` on a scale that grows lighter: for ranks.
std::string ordered_colour(std::size_t index, std::size_t count);

// gnuplot's `set palette` with viridis, whose steps look equally large.
std::string viridis_palette();

}  // namespace rankscope
