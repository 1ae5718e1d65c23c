// The report as files: all that it promises, for every state of a sweep, under hostile names.
#include <bit>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "plots/figure.h"
#include "plots/report.h"
#include "tests/error_text.h"
#include "tests/plots/markup_check.h"
#include "tests/plots/sample.h"
#include "tests/plots/tools.h"
#include "tests/skip.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

// A sample and the report on it.
struct Made {
  explicit Made(SampleKind kind, bool png = false) {
    fill_report_sample(folder / "results.db", kind);
    ResultsReader results({folder.path()});
    findings = kind == SampleKind::kEmpty ? Findings() : findings_of(results);
    summary =
        write_report(results, findings, {.out = out(), .folders = {folder.path()}, .png = png});
  }
  fs::path out() const { return folder / "made/report"; }
  std::string text(const std::string& name) const { return read_text_file(out() / name); }

  TemporaryFolder folder;
  Findings findings;
  ReportSummary summary;
};

std::set<std::string> stems(const fs::path& folder, const std::string& suffix) {
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == suffix) names.insert(entry.path().stem().string());
  return names;
}

void check_texts(const Made& made) {
  CHECK(markup_problems(made.text("report.html")) == std::vector<std::string>());
  for (const std::string& name : stems(made.out() / "tables", ".tex")) {
    INFO(name);
    CHECK(latex_problems(made.text("tables/" + name + ".tex")) == std::vector<std::string>());
    const auto rows = parse_csv(made.text("tables/" + name + ".csv"));
    REQUIRE(rows.size() > 1);
    for (const auto& row : rows) CHECK(row.size() == rows[0].size());
  }
}

}  // namespace

TEST_CASE("a report of a finished sweep has every figure and table, each in each format") {
  if (!has_gnuplot()) RANKSCOPE_SKIP("gnuplot is not installed");
  const Made made(SampleKind::kWhole, true);
  CHECK(made.summary.missing == std::vector<std::string>());
  const std::set<std::string> figures = stems(made.out() / "figures", ".gp");
  CHECK(made.summary.figures == std::ssize(figures));
  for (const char* suffix : {".svg", ".png", ".csv"})
    CHECK(stems(made.out() / "figures", suffix) == figures);
  for (const FigureKind& kind : figure_kinds()) {
    INFO(kind.name);
    CHECK(std::ranges::any_of(figures, [&](const std::string& f) {
      return f.starts_with(kind.name) ||
             f.starts_with(std::string(kind.name).substr(0, kind.name.size() - 1));
    }));
  }
  CHECK(made.summary.tables == std::ssize(stems(made.out() / "tables", ".csv")));
  CHECK(stems(made.out() / "tables", ".tex") == stems(made.out() / "tables", ".csv"));
  check_texts(made);

  const std::string html = made.text("report.html");
  for (const std::string& figure : figures) {
    INFO(figure);
    CHECK_THAT(html, Contains("id=\"figure-" + figure + "\""));
    const std::string svg = made.text("figures/" + figure + ".svg");
    CHECK(markup_problems(svg.substr(svg.find("<svg"))) == std::vector<std::string>());
    CHECK_THAT(made.text("figures/" + figure + ".gp"), Contains("data = '" + figure + ".csv'"));
    // gnuplot counts lines: each row is one.
    const std::string csv = made.text("figures/" + figure + ".csv");
    CHECK(static_cast<std::size_t>(std::ranges::count(csv, '\n')) == parse_csv(csv).size());
    CHECK_THAT(made.text("report.md"), Contains("](figures/" + figure + ".svg)"));
  }
  CHECK(std::set<std::string>{"figures", "report.html", "report.md", "tables"} == [&] {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(made.out()))
      names.insert(entry.path().filename().string());
    return names;
  }());
  for (const auto& entry : fs::directory_iterator(made.out() / "figures"))
    CHECK(std::set<std::string>{".svg", ".png", ".csv", ".gp"}.contains(
        entry.path().extension().string()));
}

TEST_CASE(
    "the first line of a report says on which base and data it is, and the verdicts stand in its "
    "summary") {
  const Made made(SampleKind::kWhole);
  const std::string text = visible_text(made.text("report.html"));
  const std::string body = text.substr(text.find("On the base"));
  CHECK_THAT(body.substr(0, 600),
             Contains("base " + kHostile) && Contains("WikiSQL (dev, 6 examples)"));
  CHECK_THAT(made.text("report.md").substr(0, 30), Contains("On the base"));
  const std::string summary = text.substr(
      0, text.find("measured beside published", text.find("Summary", text.find("Summary") + 1)));
  for (const char* verdict :
       {"✓ holds on datasets/embedded/base, embedded", "✗ contradicted", "? underpowered",
        "○ not run", "✓ reproduced on datasets/embedded/base",
        "118 trials: 116 done, 1 diverged, 1 failed, 0 pending or running."})
    CHECK_THAT(summary, Contains(verdict));
  CHECK_THAT(text, Contains(std::string(64, 'e')) && Contains("last changed 2026-11-26"));
  CHECK_THAT(text, Contains("These trials mix machines: processor differ."));
}

TEST_CASE("tables and figures hold the numbers of the database") {
  const Made made(SampleKind::kWhole);
  ResultsReader results({made.folder.path()});
  // Table 6's exact values against the view of the same name.
  std::map<std::string, double> means;
  for (const Row& row : results.rows(
           "SELECT task, targets, rank, mean FROM table6 WHERE mean IS NOT NULL AND rank > 2"))
    means[std::get<std::string>(row[0]) + "/" + std::get<std::string>(row[1]) + "/" +
          std::to_string(std::get<std::int64_t>(row[2]))] = std::get<double>(row[3]);
  const auto table = parse_csv(made.text("tables/table6.csv"));
  std::size_t compared = 0;
  for (std::size_t i = 1; i < table.size(); ++i) {
    const auto& row = table[i];
    const auto found = means.find(row[0] + "/" + row[3] + "/" + row[4]);
    if (found == means.end()) continue;
    ++compared;
    CHECK(std::stod(row[7]) == Approx(100 * found->second));
  }
  CHECK(compared == 18);

  // Figure 8's cells: the mean over three adapters of what is stored, and chance.
  const auto figure = parse_csv(made.text("figures/figure8.csv"));
  REQUIRE(figure[0] == std::vector<std::string>{"panel", "i", "j", "value", "title", "chance",
                                                "chance_low", "chance_high", "pairs"});
  std::vector<double> sum(4);
  for (const Row& row : results.rows("SELECT s.phi FROM similarity s JOIN trials t ON t.trial = "
                                     "s.one WHERE s.other = 'base' AND "
                                     "s.layer = 1 AND s.site = 'Wq' AND s.directions = 'a' AND "
                                     "t.targets = 'Wq+Wv' AND t.rank = 1")) {
    const std::string& blob = std::get<std::string>(row[0]);
    for (std::size_t j = 0; j < 4; ++j) {
      std::uint32_t bits = 0;
      for (std::size_t byte = 0; byte < 4; ++byte)
        bits |= static_cast<std::uint32_t>(
                    std::stoul(blob.substr(2 + 8 * j + 2 * byte, 2), nullptr, 16))
                << (8 * byte);
      sum[j] += std::bit_cast<float>(bits) / 3.0;
    }
  }
  for (std::size_t j = 0; j < 4; ++j) {
    CHECK(figure[1 + j][4] == "Wq, rank 1");
    CHECK(figure[1 + j][8] == "3");
    CHECK(std::stod(figure[1 + j][3]) == Approx(sum[j]));
    CHECK(std::stod(figure[1 + j][5]) == Approx(static_cast<double>(j + 1) / 32));
  }
  // What is undefined is no number.
  const auto layers = parse_csv(made.text("figures/figure7.csv"));
  CHECK(std::ranges::count_if(layers, [](const auto& row) {
          return row[4] == "Wv, layer 2" && row[3].empty();
        }) == 1);
}

TEST_CASE("hostile names come out as text in every format") {
  const Made made(SampleKind::kWhole);
  const std::string html = made.text("report.html");
  CHECK_THAT(html, !Contains("<script"));
  CHECK_THAT(html, !Contains("<!-- -->"));
  CHECK_THAT(visible_text(html),
             Contains("sweep " + kHostile) && Contains("out of memory " + kHostile));

  const std::string md = made.text("report.md");
  const std::string outside = md.substr(0, md.find("The sweep file of"));
  for (const char markup : {'<', '$', '`', '~'}) {
    for (std::size_t at = outside.find(markup); at != std::string::npos;
         at = outside.find(markup, at + 1))
      CHECK(outside[at - 1] == '\\');
  }
  CHECK_THAT(outside, Contains("\\<script\\>alert(1)"));
  // The file's text stands in a fence longer than its own.
  CHECK_THAT(md, Contains("````\nname: " + kHostile + "\n```\n"));
  // A table's lines all have as many bars as its first.
  std::size_t bars = 0;
  for (std::size_t at = 0; at < outside.size();) {
    const std::size_t end = std::min(outside.find('\n', at), outside.size());
    const std::string line = outside.substr(at, end - at);
    at = end + 1;
    std::size_t count = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\\') {
        ++i;
      } else if (line[i] == '|') {
        ++count;
      }
    }
    if (line.starts_with('|') && bars != 0) CHECK(count == bars);
    bars = line.starts_with('|') ? count : 0;
  }

  CHECK_THAT(made.text("tables/failures.tex"),
             Contains("\\textless{}script\\textgreater{}") && Contains("\\{c\\}"));
  const auto failures = parse_csv(made.text("tables/failures.csv"));
  CHECK(std::ranges::any_of(
      failures, [](const auto& row) { return row.back() == "out of memory " + kHostile; }));
  if (!has_gnuplot()) RANKSCOPE_SKIP("gnuplot is not installed");
  CHECK_THAT(made.text("figures/contrasts_2.svg"),
             Contains("&lt;script>alert(1)&lt;/script>") && Contains("[e] &lt;!-- -->"));
}

TEST_CASE("the report of a half-finished sweep is whole and says what is missing") {
  const Made made(SampleKind::kHalf);
  check_texts(made);
  const std::string text = visible_text(made.text("report.html"));
  CHECK_THAT(text, Contains("The sweep is not finished") && Contains("What failed or diverged") &&
                       Contains("Not run: no adapter here was analysed against its base"));
  CHECK_THAT(text, Contains("(1 missing)") || Contains("(2 missing)"));
  for (const std::string& sentence : made.summary.missing)
    CHECK_THAT(text, Contains(sentence.substr(sentence.find(": ") + 2)));
  CHECK(made.summary.missing.size() > 5);
}

TEST_CASE("the report of an empty database is whole and says that nothing was run") {
  const Made made(SampleKind::kEmpty);
  CHECK(made.summary.figures == 0);
  CHECK(made.summary.tables == 0);
  CHECK(markup_problems(made.text("report.html")) == std::vector<std::string>());
  const std::string text = visible_text(made.text("report.html"));
  CHECK_THAT(text, Contains("On no base and no data") && Contains("0 trials") &&
                       Contains("No claims were evaluated."));
  // A gap stands for every kind of figure.
  for (const FigureKind& kind : figure_kinds()) CHECK_THAT(text, Contains(std::string(kind.title)));
}

TEST_CASE(
    "without gnuplot the report has its tables and each figure's data, and says what to install") {
  const PathWithoutPrograms no_gnuplot;
  const Made made(SampleKind::kWhole);
  CHECK(made.summary.figures == 0);
  CHECK(made.summary.tables == 21);
  REQUIRE(made.summary.missing.size() == 1);
  CHECK_THAT(made.summary.missing[0],
             Contains("gnuplot is not on PATH") && Contains("apt-get install gnuplot-nox"));
  check_texts(made);
  CHECK(stems(made.out() / "figures", ".csv") == stems(made.out() / "figures", ".gp"));
  CHECK(stems(made.out() / "figures", ".svg").empty());
  CHECK_THAT(visible_text(made.text("report.html")), Contains("apt-get install gnuplot-nox"));
  CHECK_THAT(made.text("report.md"), !Contains(".svg)"));
}

TEST_CASE("a report replaces an earlier one as a whole, and nothing that is none") {
  const PathWithoutPrograms no_gnuplot;
  Made made(SampleKind::kEmpty);
  for (const char* name : {"stale.svg", "stale.gp"})
    write_file_atomically(made.out() / "figures" / name, "<svg/>");
  ResultsReader results({made.folder.path()});
  write_report(results, made.findings, {.out = made.out(), .folders = {}});
  CHECK_FALSE(is_there(made.out() / "figures" / "stale.svg"));
  CHECK(is_there(made.out() / "report.html"));

  for (const char* name :
       {"thesis.tex", "figures/photo.png", "figures/mine.txt", "tables/notes.csv", "tables/x/y"}) {
    INFO(name);
    std::filesystem::create_directories((made.out() / name).parent_path());
    write_file_atomically(made.out() / name, "years of work");
    CHECK_THAT(error_text<InputError>([&] {
                 write_report(results, made.findings, {.out = made.out(), .folders = {}});
               }),
               Contains("which is no report's"));
    CHECK(made.text(name) == "years of work");
    std::filesystem::remove(made.out() / name);
    std::filesystem::remove(made.out() / "tables/x");
  }
  std::filesystem::create_symlink("loop.csv", made.out() / "tables/loop.csv");
  CHECK_THAT(error_text<InputError>(
                 [&] { write_report(results, made.findings, {.out = made.out(), .folders = {}}); }),
             Contains("holds 'tables/loop.csv', which is no report's"));
  std::filesystem::remove(made.out() / "tables/loop.csv");
  write_report(results, made.findings, {.out = made.out(), .folders = {}});
  write_file_atomically(made.out() / "report.md", "years of work");
  CHECK_THAT(error_text<InputError>(
                 [&] { write_report(results, made.findings, {.out = made.out(), .folders = {}}); }),
             Contains("holds 'report.md', which is no report's"));
}
