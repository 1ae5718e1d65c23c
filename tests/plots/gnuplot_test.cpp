// gnuplot as a program that can be missing, refuse or hang.
#include <catch2/catch.hpp>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/text.h"
#include "plots/escape.h"
#include "plots/gnuplot.h"
#include "tests/plots/markup_check.h"
#include "tests/plots/sample.h"
#include "tests/plots/tools.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

Figure figure(const std::string& name, const std::string& script) {
  Figure f;
  f.name = name;
  f.data = {{"x", "y"}, {{std::int64_t{1}, 2.0}, {std::int64_t{2}, 3.0}}};
  f.script = script;
  return f;
}

std::vector<Figure> written(const TemporaryFolder& folder, std::vector<Figure> figures) {
  for (const Figure& f : figures) {
    write_file_atomically(folder / (f.name + ".gp"), gnuplot_file(f));
    write_file_atomically(folder / (f.name + ".csv"), figure_csv(f));
  }
  return figures;
}

// Whether the figure one can be drawn again by its file.
bool draws_alone(const TemporaryFolder& folder) {
  const std::string command = "cd " + shell_word(folder.path().string()) + " && gnuplot one.gp";
  return std::system(command.c_str()) == 0;
}

}  // namespace

TEST_CASE("a figure that gnuplot refuses is left out, and those before and after it are drawn") {
  if (!has_gnuplot()) RANKSCOPE_SKIP("gnuplot is not installed");
  TemporaryFolder folder;
  const auto figures =
      written(folder, {figure("one", "plot data skip 1 using 1:2 with lines\n"),
                       figure("two", "plot nonsense with garbage\n"),
                       figure("three", "plot data skip 1 using 1:2 with points\n")});
  const Drawn drawn = draw_figures(figures, folder.path(), true);
  CHECK(drawn.figures == std::vector<bool>{true, false, true});
  REQUIRE(drawn.missing.size() == 1);
  CHECK_THAT(drawn.missing[0],
             Contains("The figure two was not drawn: gnuplot: ") && Contains("two.gp"));
  for (const char* name : {"one.svg", "one.png", "three.svg", "three.png"})
    CHECK(is_there(folder / name));
  for (const char* name : {"two.svg", "two.png", "one.done", "draw.gp.tmp"})
    CHECK_FALSE(is_there(folder / name));
  CHECK_THAT(read_text_file(folder / "three.svg"), Contains("</svg>"));
}

TEST_CASE("a figure's file draws it again by itself") {
  if (!has_gnuplot()) RANKSCOPE_SKIP("gnuplot is not installed");
  TemporaryFolder folder;
  written(folder, {figure("one", "plot data skip 1 using 1:2 with lines\n")});
  CHECK(draws_alone(folder));
  CHECK_THAT(read_text_file(folder / "one.svg"), Contains("</svg>"));
}

TEST_CASE("texts are drawn as they are written, in the report and by the figure's file alone") {
  if (!has_gnuplot()) RANKSCOPE_SKIP("gnuplot is not installed");
  TemporaryFolder folder;
  const auto figures =
      written(folder, {figure("one", "set title " + gnuplot_string(kHostile) +
                                         "\nplot data skip 1 using 1:2 with lines title " +
                                         gnuplot_string("a_b^{c} " + kHostile) + "\n")});
  REQUIRE(draw_figures(figures, folder.path(), true).figures == std::vector<bool>{true});
  const std::string in_report = read_text_file(folder / "one.svg");
  REQUIRE(draws_alone(folder));
  for (const std::string& svg : {in_report, read_text_file(folder / "one.svg")}) {
    const std::string text = visible_text(svg.substr(svg.find("<svg")));
    CHECK_THAT(text, Contains(printable(kHostile, 1000)));
    CHECK_THAT(text, Contains("a_b^{c} " + printable(kHostile, 1000)));
  }
}

TEST_CASE("gnuplot that does not end is ended, and a stop is seen while it draws") {
  if (!has_gnuplot()) RANKSCOPE_SKIP("gnuplot is not installed");
  TemporaryFolder folder;
  const auto figures = written(folder, {figure("slow", "pause 30\n")});
  const Drawn drawn = draw_figures(figures, folder.path(), false, std::chrono::seconds(1));
  CHECK(drawn.figures == std::vector<bool>{false});
  CHECK_THAT(drawn.missing.at(0), Contains("it took too long"));
  request_stop();
  CHECK_THROWS_AS(draw_figures(figures, folder.path(), false), Interrupted);
  clear_stop_request();
}

TEST_CASE("the limit is each figure's own, however long all take", "[slow]") {
  if (!has_gnuplot()) RANKSCOPE_SKIP("gnuplot is not installed");
  TemporaryFolder folder;
  std::vector<Figure> slow;
  for (const char* name : {"one", "two", "three", "four", "five", "six"})
    slow.push_back(figure(name, "pause 6\nplot data skip 1 using 1:2 with lines\n"));
  const auto figures = written(folder, std::move(slow));
  const Drawn drawn = draw_figures(figures, folder.path(), false, std::chrono::seconds(30));
  CHECK(drawn.figures == std::vector<bool>(6, true));
  CHECK(drawn.missing.empty());
}

TEST_CASE("without gnuplot nothing is drawn and one sentence says what to install") {
  TemporaryFolder folder;
  const auto figures = written(folder, {figure("one", "plot 1\n"), figure("two", "plot 1\n")});
  const PathWithoutPrograms no_gnuplot;
  const Drawn drawn = draw_figures(figures, folder.path(), true);
  CHECK(drawn.figures == std::vector<bool>{false, false});
  REQUIRE(drawn.missing.size() == 1);
  CHECK_THAT(drawn.missing[0], Contains("apt-get install gnuplot-nox"));
}
