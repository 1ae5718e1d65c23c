// The names of axes and their marks. gnuplot draws a name beside the marks, and leaves it out where
// that is off the figure.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string_view>

#include "common/files.h"
#include "plots/figures/makers.h"
#include "plots/gnuplot.h"
#include "plots/panels.h"
#include "tests/plots/given.h"
#include "tests/plots/tools.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

// Pixels from the left to the baseline of the first vertical text that is so; none where the figure
// lacks it.
std::optional<double> left_of(const std::string& name, const Figure& figure) {
  constexpr std::string_view kMoved = "translate(";
  TemporaryFolder folder;
  write_file_atomically(folder / (figure.name + ".gp"), gnuplot_file(figure));
  write_file_atomically(folder / (figure.name + ".csv"), figure_csv(figure));
  REQUIRE(draw_figures({figure}, folder.path(), false).figures == std::vector<bool>{true});
  const std::string svg = read_text_file(folder / (figure.name + ".svg"));
  const std::size_t text = svg.find(name + "</");
  if (text == std::string::npos) return std::nullopt;
  const std::size_t moved = svg.rfind(kMoved, text);
  REQUIRE(moved != std::string::npos);
  return std::stod(svg.substr(moved + kMoved.size()));
}

// Of one trained adapter of rank 2.
struct OneAdapter {
  OneAdapter(double last_loss, std::vector<double> singular_values) {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"s", "name: s\n", "models/tiny", std::string(64, 'c')});
    TrialRecord trial = finished_trial("t");
    trial.method = "lora";
    trial.targets = "Wq";
    trial.rank = 2;
    trial.steps = 2;
    trial.curve = {{1, 3.0, 1e-2, 0.5, 100, 10, {}}, {2, last_loss, 1e-2, 0.5, 100, 10, {}}};
    store.put_trial(trial);
    AdapterFindings adapter{.trial = "t", .stamp = "s", .values = {}, .spectra = {}};
    adapter.values.push_back({0, "Wq", "effective_rank", 1.0, ""});
    adapter.spectra.push_back({0, "Wq", std::move(singular_values)});
    store.put_adapter(adapter);
  }
  TemporaryFolder folder;
};

}  // namespace

TEST_CASE("the names of axes lie on the figure beside marks of many digits") {
  if (!has_gnuplot()) RANKSCOPE_SKIP("gnuplot is not installed");
  for (const double small : {0.04, 0.0005}) {
    const OneAdapter adapter(small, {0.02, small});
    ResultsReader results({adapter.folder.path()});
    const Findings findings;
    ReportData data(results, findings);
    INFO(small);
    CHECK(left_of("loss, nats/token", learning_curve_figures(data).figures.at(0)).value_or(0) > 8);
    CHECK(left_of("singular value of dW", spectrum_figures(data).figures.at(0)).value_or(0) > 8);
  }
  std::vector<ScoreFinding> scores{score("wikisql", "lora", "Wq", 1, 100, 88.2),
                                   score("wikisql", "lora", "Wq", 8, 800, 88.4)};
  for (ScoreFinding& s : scores) s.low = s.high = std::nullopt;
  Given given(scores);
  for (const FigureSet& set : {rank_figures(*given.data), parameter_figures(*given.data)})
    CHECK(left_of("logical form, %", set.figures.at(0)).value_or(0) > 8);
}

TEST_CASE("positions of singular values are marked by whole numbers") {
  const OneAdapter adapter(0.5, {4.0, 3.0, 2.0, 1.0});
  ResultsReader results({adapter.folder.path()});
  const Findings findings;
  ReportData data(results, findings);
  CHECK_THAT(spectrum_figures(data).figures.at(0).script, Contains("set xtics 1\n"));
  CHECK(whole_tic_step(1) == 1);
  CHECK(whole_tic_step(8) == 2);
  CHECK(whole_tic_step(64) == 20);
}

TEST_CASE("a legend has room for names of capitals, and for dashes that can be seen") {
  const std::string name = "Wq+Wk+Wv+Wo (table15, 2,000 examples)";
  const auto legend_of = [&](bool dashed) {
    PanelGrid grid;
    grid.right = legend_width(name.size(), dashed);
    return legend(grid, {{name, "#000000", 7, true, dashed}}, grid.width() - grid.right + 8, 0);
  };
  // In gnuplot's SVG and PNG such names take up to eight pixels a letter.
  CHECK(legend_width(name.size(), false) >= 48 + 8 * static_cast<int>(name.size()));
  CHECK(legend_width(name.size(), true) > legend_width(name.size(), false));
  for (const bool dashed : {false, true}) CHECK_THAT(legend_of(dashed), Contains("'" + name + "'"));
  CHECK_THAT(legend_of(false), Contains("samplen 2 "));
  CHECK_THAT(legend_of(true), Contains("samplen 4 "));
}

TEST_CASE("marks of a logarithmic axis are so few that their labels have room") {
  CHECK(logarithmic_tics({5e3, 2.5e6}) == "(10000, 30000, 100000, 300000, 1e+06)");
  for (double low = 1; low < 10; low *= 1.1) {
    for (double ratio = 2.25; ratio < 1000; ratio *= 1.1) {
      const std::string marks = logarithmic_tics({low, low * ratio});
      INFO(low << " to " << low * ratio << ": " << marks);
      CHECK(std::ranges::count(marks, ',') < 6);
    }
  }
  CHECK(logarithmic_tics({1, 1000}) == "autofreq");
}
