// The page in a browser.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include <cctype>

#include "common/files.h"
#include "plots/report.h"
#include "tests/plots/sample.h"
#include "tests/plots/tools.h"
#include "tests/skip.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

// Tells the page around it what it sees of itself.
constexpr const char* kProbe = R"html(<script>
const errors = [];
addEventListener("error", e => errors.push(e.message));
addEventListener("load", () => setTimeout(() => {
  const bad = [...document.querySelectorAll("svg.plot")].filter(svg => {
    const box = svg.getBoundingClientRect(), ink = svg.getBBox();
    return !(box.width > 100 && box.height > 50 && ink.width > 50 && ink.height > 20 && svg.querySelector("path, image, polygon"));
  });
  const images = [...document.images].filter(i => !i.complete || i.naturalWidth == 0);
  const text = [...document.querySelectorAll("p, td, h1, h2, h3")].map(e => parseFloat(getComputedStyle(e).fontSize));
  parent.postMessage(["width", innerWidth, "overflow", document.documentElement.scrollWidth - document.documentElement.clientWidth,
    "figures", document.querySelectorAll("figure").length, "drawn", document.querySelectorAll("svg.plot").length,
    "bad", bad.length + images.length, "requests", performance.getEntriesByType("resource").length,
    "smallest", Math.floor(Math.min(...text)), "errors", errors.length].join(" "), "*");
}, 50));
</script></body>)html";

struct Seen {
  std::string facts;    // what the probe said
  std::string console;  // what the browser wrote
};

std::string file_url(const std::filesystem::path& file) {
  std::string url = "file://";
  for (const char c : file.string())
    url += c == '/' || std::isalnum(static_cast<unsigned char>(c)) != 0
               ? std::string(1, c)
               : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return url;
}

// The browser's narrowest window is wider than a telephone: the page is looked at in a frame.
Seen look(const TemporaryFolder& folder, const std::string& page, int width) {
  std::string probed = page;
  probed.replace(probed.rfind("</body>"), 7, kProbe);
  write_file_atomically(folder / "probed.html", probed);
  write_file_atomically(
      folder / "frame.html",
      fmt::format("<!DOCTYPE html><title>frame</title><iframe src=\"probed.html\" width=\"{}\" "
                  "height=\"900\" "
                  "style=\"border:0\"></iframe><p "
                  "id=\"said\">nothing</p><script>addEventListener(\"message\", "
                  "e => {{ document.getElementById(\"said\").textContent = e.data; }});</script>",
                  width));
  const std::string command = fmt::format(
      "timeout 300 chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage "
      "--user-data-dir={0}/profile --window-size=1700,1000 "
      "--virtual-time-budget=8000 --enable-logging=stderr --dump-dom {1} "
      ">{0}/dom.html 2>{0}/log.txt",
      shell_word(folder.path().string()), shell_word(file_url(folder / "frame.html")));
  CHECK(std::system(command.c_str()) == 0);
  const std::string dom = read_text_file(folder / "dom.html");
  const std::size_t from = dom.find("id=\"said\">");
  REQUIRE(from != std::string::npos);
  std::string console;
  const std::string log = read_text_file(folder / "log.txt");
  for (std::size_t at = 0; (at = log.find("CONSOLE", at)) != std::string::npos; ++at)
    console += log.substr(at, 200) + "\n";
  return {dom.substr(from + 10, dom.find("</p>", from) - from - 10), console};
}

}  // namespace

TEST_CASE(
    "in a browser the page asks nobody for anything, draws every figure and fits narrow and wide "
    "windows") {
  if (!has_gnuplot()) RANKSCOPE_SKIP("gnuplot is not installed");
  if (!has_program("chromium")) RANKSCOPE_SKIP("chromium is not installed");
  TemporaryFolder folder;
  fill_report_sample(folder / "results.db", SampleKind::kWhole);
  ResultsReader results({folder.path()});
  const ReportSummary summary =
      write_report(results, findings_of(results),
                   {.out = folder / "report", .folders = {folder.path()}, .png = false});
  const std::string page = read_text_file(folder / "report/report.html");
  for (const int width : {400, 1600}) {
    INFO(width);
    const Seen seen = look(folder, page, width);
    CHECK(
        seen.facts ==
        fmt::format("width {} overflow 0 figures {} drawn {} bad 0 requests 0 smallest 12 errors 0",
                    width, summary.figures, summary.figures));
    CHECK(seen.console.empty());
  }
}
