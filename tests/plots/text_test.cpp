// Escaping, numbers as people read them, colours, and the parts of a page.
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "common/error.h"
#include "plots/adapters.h"
#include "plots/escape.h"
#include "plots/format.h"
#include "plots/inline_svg.h"
#include "plots/page.h"
#include "plots/palette.h"
#include "plots/panels.h"
#include "results/phi_blob.h"
#include "tests/plots/markup_check.h"
#include "tests/plots/sample.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

TEST_CASE("each language's escape leaves no character that means something in it") {
  CHECK(html_text("<a href=\"x\">&'\x1b\xff\n") ==
        "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\xef\xbf\xbd\xef\xbf\xbd\n");
  CHECK(markdown_text("a|b\n*c* _d_ <e> `f` [g] $h$ #") ==
        "a\\|b\\\\n\\*c\\* \\_d\\_ \\<e\\> \\`f\\` \\[g\\] \\$h\\$ \\#");
  CHECK(latex_text("50% of $x_1$ & {y}^2 ~ #3 \\n [z]\n<|>\"`") ==
        "50\\% of \\$x\\_1\\$ \\& \\{y\\}\\textasciicircum{}2 \\textasciitilde{} \\#3 "
        "\\textbackslash{}n {[}z{]} "
        "\\textless{}\\textbar{}\\textgreater{}\\textquotedbl{}\\textasciigrave{}");
  CHECK(latex_text("−1 “Δ” é\xff") == "\\ensuremath{-}1 ``\\ensuremath{\\Delta}'' é?");
  // What stops pdfLaTeX is replaced; what its fonts have stays.
  CHECK(latex_text("😀 it’s 漢字 ħ, ł and ß €") == "? it's ?? ?, ł and ß \\texteuro{}");
  CHECK(gnuplot_string("it's \"x\" `ls` $y\n\\n") == "'it''s \"x\" `ls` $y\\n\\n'");
  CHECK(gnuplot_string("abcdefgh", 4).size() < 10);
  CHECK(gnuplot_tic("50 % 'x'") == "'50 %% ''x'''");
  CHECK(gnuplot_tic(std::string(50, 'x') + "%") == "'" + std::string(50, 'x') + "\uff05'");
  CHECK(file_word("../Task <x>") == "_task_x_");
  CHECK(file_word("") == "_");
}

TEST_CASE("numbers are written as people read them") {
  CHECK(with_interval(37.25, 33.5, 41.0) == "37.2 ± 3.8");
  CHECK(with_interval(37.25, 30.0, 41.0) == "37.2 [30.0, 41.0]");
  CHECK(with_interval(37.25, std::nullopt, std::nullopt) == "37.2");
  CHECK(with_interval(std::nullopt, 1, 2) == "–");
  CHECK(fixed(-0.04, 1) == "0.0");
  CHECK(fixed(-1.26, 1) == "−1.3");
  CHECK(grouped(std::int64_t{1234567}) == "1,234,567");
  CHECK(grouped(std::int64_t{-1234}) == "−1,234");
  CHECK(grouped(std::int64_t{999}) == "999");
  CHECK(short_number(0.02) == "0.020");
  CHECK(short_number(21.67) == "21.7");
  CHECK(short_number(38789.7) == "38,790");
  CHECK(short_number(1e-5) == "1.0e-05");
  CHECK(short_number(0.0) == "0.000");
  CHECK(short_count(175255800000) == "175,256 M");
  CHECK(short_count(4700000) == "4.7 M");
  CHECK(counted(1, "trial") == "1 trial");
}

TEST_CASE("each method has its own colour and shape, whatever else is drawn") {
  std::set<std::string_view> colours;
  std::set<int> points;
  for (const char* method :
       {"lora", "full", "bitfit", "prefix_embed", "prefix_layer", "adapter_h", "none"}) {
    colours.insert(method_colour(method));
    points.insert(method_point(method));
  }
  CHECK(colours.size() == 7);
  CHECK(points.size() == 7);
  CHECK(method_colour("lora") == "#0072B2");
  CHECK(ordered_colour(0, 5) != ordered_colour(4, 5));
  CHECK(ordered_colour(4, 5) == ordered_colour(1, 2));
  CHECK(ordered_colour(0, 1) == ordered_colour(0, 9));
}

TEST_CASE("an axis holds all its values and always has a width") {
  const AxisRange one = axis_range({5}, false), none = axis_range({}, false),
                  log = axis_range({0.1, 0, -1, 100}, true);
  CHECK((one.low < 5 && one.high > 5));
  CHECK(none.low < none.high);
  CHECK((log.low > 0 && log.low < 0.1 && log.high > 100));
  CHECK((axis_range({NAN, 1, 2}, false).high < 3));
}

TEST_CASE("a stored blob is read as little-endian numbers") {
  CHECK(floats_of_blob("X'0000803F000000C0'") == std::vector<float>{1, -2});
  CHECK(std::isnan(floats_of_blob("X'0000C07F'").at(0)));
  CHECK(floats_of_blob("X''").empty());
  CHECK_THROWS_AS(floats_of_blob("X'0000'"), InputError);
  CHECK_THROWS_AS(floats_of_blob("0000803F"), InputError);
  CHECK_THROWS_AS(floats_of_blob("X'0000803G'"), InputError);
}

TEST_CASE("figures in one page share no id, and small images keep their pixels") {
  const std::string svg =
      "<?xml version=\"1.0\"?>\n<svg viewBox=\"0 0 5 5\" "
      "xmlns=\"x\">\n<title>Gnuplot</title>\n<defs><path id='gpPt0' d=''/></defs>"
      "<g id=\"gnuplot_plot_1\" ><title>gnuplot_plot_1</title><use xlink:href='#gpPt0'/><image "
      "x='1'/></g></svg>";
  const std::string element = inline_svg(with_sharp_images(svg), "figure8", "a \"label\"", 5, 6);
  CHECK(element.starts_with(
      "<svg class=\"plot\" role=\"img\" aria-label=\"a &quot;label&quot;\" viewBox=\"0 0 5 6\""));
  CHECK_THAT(element, Contains("id='figure8-gpPt0'") && Contains("xlink:href='#figure8-gpPt0'") &&
                          Contains("id=\"figure8-gnuplot_plot_1\"") &&
                          Contains("<image style='image-rendering:pixelated' x='1'/>") &&
                          !Contains("<title>") && !Contains("xml version"));
}

TEST_CASE("a table's page, Markdown and LaTeX have the same cells") {
  Table table{
      .name = "t",
      .title = "T | t",
      .caption = "about " + kHostile,
      .answers = "Table 4",
      .columns = {{"a"}, {"b_%", true}},
      .rows = {{"[x", {"1.0 ± 0.1", CellStyle::kStrong}}, {kHostile, {"73.8", CellStyle::kPaper}}},
      .data = {}};
  const std::string tex = latex_table(table);
  CHECK(latex_problems(tex) == std::vector<std::string>());
  CHECK_THAT(
      tex,
      Contains("% A character that pdfLaTeX's fonts lack stands as ?") &&
          Contains("\\begin{tabular}{lr}") &&
          Contains(
              "a & b\\_\\% \\\\\n\\midrule\n{[}x & \\textbf{1.0 \\ensuremath{\\pm} 0.1} \\\\"));
  const Page page{
      .subject = "On base",
      .title = "R",
      .sections = {
          {"s", "S", {"lead"}, {table, Gap{"G", "why"}, Listing{"L", "a\n\n\n" + kHostile}}}}};
  CHECK(markup_problems(html_page(page)) == std::vector<std::string>());
  CHECK_THAT(html_page(page), Contains("<td class=\"strong number\">1.0 ± 0.1</td>") &&
                                  Contains("Table 4 of the paper"));
  CHECK_THAT(markdown_page(page),
             Contains("\n## S\n\nlead\n\n### T \\| t (Table 4 of the paper)\n\n") &&
                 Contains("\n```\na\n\n\n" + kHostile + "\n```\n"));
  CHECK_THAT(markdown_page(page),
             Contains("\n| a | b\\_% |\n|---|---:|\n| \\[x | **1.0 ± 0.1** |\n"));
}
