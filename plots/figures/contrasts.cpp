// Every difference that a claim is about, with its interval and the region claimed.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "common/text.h"
#include "plots/escape.h"
#include "plots/figures/makers.h"
#include "plots/format.h"
#include "plots/panels.h"
#include "plots/report_data.h"
#include "results/cells.h"

namespace rankscope {

namespace {

constexpr std::size_t kMostLines = 40;
constexpr std::size_t kMostOfAName = 90;  // bytes
constexpr double kCharacterWidth = 7.6;   // of the figure's font, in its pixels, on average

// What tells two sides of a difference apart stands at both ends of its name.
std::string cut_in_the_middle(const std::string& text, std::size_t most) {
  constexpr std::string_view kGap = "...";
  constexpr std::size_t kMostOfAByte = 4;  // as printable() shows it
  const std::string whole = printable(text, kMostOfAByte * text.size());
  if (whole.size() <= most) return whole;
  const auto inside_a_character = [&](std::size_t at) {
    return at < whole.size() && (static_cast<unsigned char>(whole[at]) & 0xc0) == 0x80;
  };
  const std::size_t kept = most - kGap.size();
  std::size_t end = kept / 2, begin = whole.size() - (kept - kept / 2);
  while (inside_a_character(end)) --end;
  while (inside_a_character(begin)) ++begin;
  return whole.substr(0, end) + std::string(kGap) + whole.substr(begin);
}

std::string statistic_label(const std::string& statistic) {
  if (statistic == "score") return "scores";
  if (statistic == "cost") return "costs of training";
  if (statistic == "latency") return "latencies";
  if (statistic == "shared_directions") return "directions shared between ranks";
  if (statistic == "shared_between_seeds") return "directions shared between seeds";
  return statistic;
}

struct Line {
  std::string claim, verdict, name;
  const ContrastFinding* contrast;
};

std::string_view verdict_colour(const std::string& verdict) {
  if (verdict == "holds" || verdict == "reproduced") return "#0072B2";
  if (verdict == "contradicted") return "#D55E00";
  return verdict == "underpowered" ? "#B8860B" : "#808080";
}
int verdict_point(const std::string& verdict) {
  if (verdict == "holds" || verdict == "reproduced") return 7;
  return verdict == "contradicted" ? 5 : 9;
}

std::vector<double> region_ends(const ContrastFinding& c) {
  if (c.region == "above") return {c.margin};
  if (c.region == "within") return {-c.margin, c.margin};
  return {-c.margin};
}

Figure contrasts_in(const std::string& unit, const std::vector<Line>& lines,
                    std::int64_t claims_tested) {
  const std::size_t shown = std::min(lines.size(), kMostLines);
  std::size_t longest = 20;
  for (std::size_t i = 0; i < shown; ++i) longest = std::max(longest, lines[i].name.size());
  const PanelGrid grid{
      .columns = 1,
      .rows = 1,
      .panel_width = 400,
      .panel_height = 40 + 22 * static_cast<int>(shown),
      .left = 20 + static_cast<int>(kCharacterWidth * static_cast<double>(longest)),
      .right = 30,
      .top = 16,
      .bottom = 56,
      .gap_x = 0,
      .gap_y = 0};
  Figure figure;
  figure.data.columns = {"line",      "estimate", "low",      "high",   "region_from",
                         "region_to", "claim",    "contrast", "verdict"};
  std::vector<double> values{0};
  for (const Line& line : lines) {
    const ContrastFinding& c = *line.contrast;
    for (const std::optional<double>& v : {c.estimate, c.low, c.high})
      if (v) values.push_back(*v);
    for (const double end : region_ends(c)) values.push_back(end);
  }
  const AxisRange axis = axis_range(values, false);
  std::string names, rows, regions;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const ContrastFinding& c = *lines[i].contrast;
    const auto at = static_cast<std::int64_t>(i + 1);
    const double from = c.region == "above" ? c.margin : -c.margin;
    const bool closed = c.region == "within";
    const RowRange range(figure.data);
    figure.data.rows.push_back({at, cell_of(c.estimate), cell_of(c.low), cell_of(c.high), from,
                                closed ? Cell(c.margin) : Cell(), lines[i].claim, c.name,
                                lines[i].verdict});
    if (i >= shown) continue;
    names += fmt::format("{}{} {}", names.empty() ? "" : ", ", gnuplot_tic(lines[i].name), at);
    regions += fmt::format(
        "set object {} rectangle from {:.6g},{} to {:.6g},{} behind fs solid noborder fc rgb "
        "'#cfe3d8'\n",
        at, from, static_cast<double>(at) - 0.4, closed ? c.margin : axis.high,
        static_cast<double>(at) + 0.4);
    if (!c.estimate) continue;
    if (c.low && c.high)
      rows += fmt::format(", data {} skip 1 using 2:1:3:4 with xerrorbars pt 0 lw 2 lc rgb '{}'",
                          range.every(), verdict_colour(lines[i].verdict));
    rows += fmt::format(", data {} skip 1 using 2:1 with points pt {} ps 0.9 lc rgb '{}'",
                        range.every(), verdict_point(lines[i].verdict),
                        verdict_colour(lines[i].verdict));
  }
  figure.script = grid.place(0);
  figure.script += fmt::format(
      "{}set xrange {}\nset yrange [{}.5:0.5]\nset ytics ({})\nset xlabel {}\nunset key\n"
      "set arrow from first 0, graph 0 to first 0, graph 1 nohead lw 0.7 lc rgb '#808080'\nplot "
      "1/0{}\n",
      regions, range_text(axis), shown, names, gnuplot_string("difference, " + unit), rows);
  figure.width = grid.width();
  figure.height = grid.height();
  figure.caption = fmt::format(
      "Each line is one difference with its interval; the green bar is the region that is claimed. "
      "The colour is the verdict on the claim as a whole: it holds (blue disc), is contradicted "
      "(orange square) or cannot be told (ochre triangle). Drawn are two-sided 95 % intervals, one "
      "by one; verdicts are one-sided tests with Holm's correction over the claim's differences{}, "
      "so that an interval may reach a little beyond the end of a region that holds, and one "
      "inside "
      "or outside may not be told.",
      claims_tested > 0 ? fmt::format(" and over the {} claims tested", claims_tested) : "");
  if (lines.size() > shown)
    figure.caption += fmt::format(" The first {} of {}; all are in the CSV.", shown, lines.size());
  return figure;
}

}  // namespace

FigureSet contrast_figures(ReportData& data) {
  // A ratio of latencies would not be seen on the axis of one of amplifications.
  std::map<std::pair<std::string, std::string>, std::vector<Line>> by_statistic;  // and unit
  for (const ClaimFinding& claim : data.findings().claims) {
    for (const ContrastFinding& c : claim.contrasts) {
      if (c.estimate)
        by_statistic[{claim.statistic, c.unit}].push_back(
            {claim.id, claim.verdict, cut_in_the_middle(claim.id + "  " + c.name, kMostOfAName),
             &c});
    }
  }
  FigureSet set;
  for (const auto& [key, lines] : by_statistic) {
    const auto& [statistic, unit] = key;
    Figure figure = contrasts_in(unit, lines, data.findings().claims_tested);
    figure.name =
        set.figures.empty() ? "contrasts" : fmt::format("contrasts_{}", set.figures.size() + 1);
    figure.title = fmt::format("The differences that the claims are about: {}, in {}",
                               statistic_label(statistic), unit);
    set.figures.push_back(std::move(figure));
  }
  if (set.figures.empty())
    set.missing = "No claim's difference could be computed from these sweeps.";
  return set;
}

}  // namespace rankscope
