#include "plots/palette.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace rankscope {

namespace {

struct MethodLook {
  std::string_view method, colour;
  int point;
};
constexpr std::string_view kGrey = "#808080";
constexpr std::array<MethodLook, 15> kMethodLooks{{{"lora", "#0072B2", 7},
                                                   {"full", "#D55E00", 5},
                                                   {"bitfit", "#009E73", 9},
                                                   {"prefix_embed", "#E69F00", 11},
                                                   {"prefix_layer", "#CC79A7", 13},
                                                   {"adapter_h", "#56B4E9", 15},
                                                   {"lora+prefix_embed", "#7F8A96", 4},
                                                   {"lora+prefix_layer", "#9A6324", 6},
                                                   {"adapter_l", "#2A6F97", 14},
                                                   {"adapter_p", "#8DA0CB", 8},
                                                   {"prefix_kv", "#B8860B", 12},
                                                   {"ft_top2", "#A8431F", 10},
                                                   {"dora", "#4B3F9E", 3},
                                                   {"adalora", "#1E8C93", 2},
                                                   {"none", kGrey, 1}}};
constexpr std::array<std::string_view, 6> kSeries{"#0072B2", "#D55E00", "#009E73",
                                                  "#E69F00", "#CC79A7", "#56B4E9"};
constexpr std::array<std::string_view, 7> kColouredTargets{"Wq",    "Wv",    "Wk",         "Wo",
                                                           "Wq+Wv", "Wq+Wk", "Wq+Wk+Wv+Wo"};
constexpr std::array<std::string_view, 7> kTargetColours{"#0072B2", "#009E73", "#E69F00", "#CC79A7",
                                                         "#D55E00", "#56B4E9", "#7F8A96"};

constexpr std::array<int, 5> kLinePoints{7, 5, 9, 13, 11};

struct Rgb {
  double red, green, blue;
};
// Every eighth part of matplotlib's viridis.
constexpr std::array<Rgb, 9> kViridis{{{68, 1, 84},
                                       {71, 44, 122},
                                       {59, 81, 139},
                                       {44, 113, 142},
                                       {33, 144, 141},
                                       {39, 173, 129},
                                       {92, 200, 99},
                                       {170, 220, 50},
                                       {253, 231, 37}}};

// From violet to green, growing lighter, without the ends that a dark or a white page swallows.
constexpr std::array<Rgb, 4> kOrdered{
    {{112, 84, 170}, {59, 118, 175}, {33, 155, 145}, {98, 182, 72}}};

const MethodLook* look_of(std::string_view method) {
  const auto* const found = std::ranges::find(kMethodLooks, method, &MethodLook::method);
  return found == kMethodLooks.end() ? nullptr : found;
}

std::string hex(const Rgb& c) {
  return fmt::format("#{:02X}{:02X}{:02X}", std::lround(c.red), std::lround(c.green),
                     std::lround(c.blue));
}

}  // namespace

std::string_view method_colour(std::string_view method) {
  const MethodLook* const look = look_of(method);
  return look == nullptr ? kGrey : look->colour;
}

int method_point(std::string_view method) {
  const MethodLook* const look = look_of(method);
  return look == nullptr ? 2 : look->point;
}

std::map<std::string, LineLook> LineLooks::of_targets(const std::set<std::string>& targets) {
  std::map<std::string, LineLook> looks;
  for (std::size_t i = 0; i < kColouredTargets.size(); ++i) {
    const std::string known(kColouredTargets[i]);
    if (!targets.contains(known)) continue;
    looks[known] = {std::string(kTargetColours[i])};
    taken_.insert(looks[known]);
  }
  for (const std::string& other : targets)
    if (!looks.contains(other)) looks[other] = another();
  return looks;
}

LineLook LineLooks::another() {
  // Points and dashes repeat together after twice as many rounds as there are points.
  constexpr std::size_t kDifferent = 2 * kLinePoints.size() * kSeries.size();
  if (taken_.size() >= kDifferent) taken_.clear();
  for (std::size_t i = 0;; ++i) {
    const std::size_t round = i / kSeries.size();
    LineLook look{std::string(kSeries[i % kSeries.size()]), kLinePoints[round % kLinePoints.size()],
                  round % 2 == 1};
    if (taken_.insert(look).second) return look;
  }
}

std::string ordered_colour(std::size_t index, std::size_t count) {
  const double at = count < 2 ? 0 : static_cast<double>(index) / static_cast<double>(count - 1);
  const double scaled = at * (kOrdered.size() - 1);
  const auto below = static_cast<std::size_t>(scaled);
  const double share = scaled - static_cast<double>(below);
  const Rgb& a = kOrdered[below];
  const Rgb& b = kOrdered[std::min(below + 1, kOrdered.size() - 1)];
  return hex({a.red + share * (b.red - a.red), a.green + share * (b.green - a.green),
              a.blue + share * (b.blue - a.blue)});
}

std::string viridis_palette() {
  std::string text = "set palette defined (";
  for (std::size_t i = 0; i < kViridis.size(); ++i)
    text += fmt::format("{}{} '{}'", i == 0 ? "" : ", ", i, hex(kViridis[i]));
  return text + ")\n";
}

}  // namespace rankscope
