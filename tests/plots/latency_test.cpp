// Table 1 and Figure 5 from hand-made findings.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <vector>

#include "plots/figures/makers.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "results/cells.h"
#include "tests/plots/sample.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

LatencyFinding timed(std::int64_t batch, std::int64_t length, const std::string& variant,
                     std::int64_t bottleneck, std::int64_t parameters, double slowdown) {
  return {.sweep = "times",
          .base = "any/base",
          .variant = variant,
          .machine = "a processor, avx2, 1 thread",
          .batch = batch,
          .length = length,
          .bottleneck = bottleneck,
          .parameters = parameters,
          .base_parameters = 1'000'000,
          .rounds = 20,
          .milliseconds = 5 * (1 + slowdown / 100),
          .slowdown = slowdown,
          .low = slowdown - 1,
          .high = slowdown + 1,
          .deviation = 0.1};
}

struct GivenTimings {
  GivenTimings() {
    fill_report_sample(folder / "results.db", SampleKind::kEmpty);
    results.emplace(std::vector{folder.path()});
    for (const std::int64_t batch : {1, 4}) {
      findings.latencies.push_back(timed(batch, 128, "base", 0, 0, 0));
      findings.latencies.push_back(timed(batch, 128, "lora", 0, 2000, 5));
      findings.latencies.push_back(timed(batch, 128, "lora_merged", 0, 2000, -0.5));
      for (const std::int64_t width : {2, 20, 40}) {
        findings.latencies.push_back(
            timed(batch, 128, "adapter_h", width, 1600 * width, 10.0 + static_cast<double>(width)));
        findings.latencies.push_back(
            timed(batch, 128, "adapter_l", width, 800 * width, 5.0 + static_cast<double>(width)));
      }
    }
    data.emplace(*results, findings);
  }
  TemporaryFolder folder;
  std::optional<ResultsReader> results;
  Findings findings;
  std::optional<ReportData> data;
};

std::string row_text(const std::vector<ShownCell>& row) {
  std::string text;
  for (const ShownCell& cell : row) text += cell.text + " | ";
  return text;
}

}  // namespace

TEST_CASE(
    "Table 1 sets adapters of the paper's share beside its numbers, and all widths into the CSV") {
  GivenTimings given;
  const TableSet set = latency_tables(*given.data);
  REQUIRE(set.tables.size() == 1);
  const Table& table = set.tables[0];
  std::string rows;
  for (const auto& row : table.rows) rows += row_text(row) + "\n";
  CHECK(rows ==
        "1 | 128 | 5.00 | −0.5 ± 1.0 | +5.0 ± 1.0 | +45.0 ± 1.0 | +30.0 ± 1.0 | 19.8 | +20.7 | "
        "+30.3 | \n"
        "4 | 128 | 5.00 | −0.5 ± 1.0 | +5.0 ± 1.0 | +45.0 ± 1.0 | +30.0 ± 1.0 | – | – | – | \n"
        "16 | 256 | not run | not run | not run | not run | not run | 338.0 | +5.0 | +8.4 | \n"
        "32 | 512 | not run | not run | not run | not run | not run | 1449.4 | +2.2 | +3.0 | \n");
  CHECK(table.columns[5].title == "Adapter(L) r = 40, %");
  CHECK(table.columns[6].title == "Adapter(H) r = 20, %");
  // And the paper's three cells of four rows.
  CHECK(table.data.rows.size() == 18 + 12);
  CHECK_THAT(table.caption, Contains("a processor, avx2, 1 thread") && Contains("20 rounds") &&
                                Contains("RTX8000"));
}

TEST_CASE("Table 1's CSV sets the paper's slowdown beside the widths that the table shows alone") {
  GivenTimings given;
  const DataGrid data = latency_tables(*given.data).tables.at(0).data;
  const auto cell = [&](const Row& row, const char* column) {
    return row.at(
        static_cast<std::size_t>(std::ranges::find(data.columns, column) - data.columns.begin()));
  };
  std::map<std::pair<std::string, std::int64_t>, double> beside;  // by variant and width
  for (const Row& row : data.rows)
    if (const auto printed = number_in(cell(row, "paper_slowdown_percent")))
      beside[{text_in(cell(row, "variant")), integer_in(cell(row, "bottleneck")).value()}] =
          *printed;
  CHECK(beside == std::map<std::pair<std::string, std::int64_t>, double>{
                      {{"adapter_h", 20}, 30.3}, {{"adapter_l", 40}, 20.7}});
}

TEST_CASE("Table 1's CSV has the paper's rows, told from those that were measured") {
  GivenTimings given;
  const DataGrid data = latency_tables(*given.data).tables.at(0).data;
  REQUIRE(data.columns.back() == "source");
  int measured = 0;
  std::map<std::string, std::vector<std::optional<double>>> largest;  // of batch 32, by method
  for (const Row& row : data.rows) {
    REQUIRE(row.size() == data.columns.size());
    measured += row.back() == Cell("measured");
    if (row.back() != Cell("paper") || row.at(0) != Cell(std::int64_t{32})) continue;
    CHECK(row.at(1) == Cell(std::int64_t{512}));
    // Parameters, milliseconds and the slowdown in percent.
    largest[text_in(row.at(2))] = {number_in(row.at(4)), number_in(row.at(6)),
                                   number_in(row.at(7))};
  }
  CHECK(measured == 18);
  const std::map<std::string, std::vector<std::optional<double>>> printed{
      {"full", {{}, 1449.4, {}}},
      {"lora", {{}, 1449.4, {}}},
      {"adapter_l", {5e5, 1482.0, 2.2}},
      {"adapter_h", {5e5, 1492.2, 3.0}}};
  CHECK(largest == printed);
}

TEST_CASE("Figure 5 has a panel a kind and length, and a line a batch over all widths") {
  GivenTimings given;
  const FigureSet set = latency_figures(*given.data);
  REQUIRE(set.figures.size() == 1);
  const Figure& figure = set.figures[0];
  CHECK(figure.answers == "Figure 5");
  CHECK(figure.data.rows.size() == 12);
  // Adapter(H) in the upper panel, batch 4 behind batch 1.
  CHECK(figure.data.rows[0] == Row{std::int64_t{0}, std::int64_t{2}, 12.0, 11.0, 13.0,
                                   std::int64_t{1}, std::int64_t{128}, "adapter_h", "times",
                                   "any/base"});
  CHECK(figure.data.rows[11] == Row{std::int64_t{1}, std::int64_t{40}, 45.0, 44.0, 46.0,
                                    std::int64_t{4}, std::int64_t{128}, "adapter_l", "times",
                                    "any/base"});
  CHECK_THAT(figure.script, Contains("every ::9::11") && Contains("batch 4"));
  CHECK_THAT(figure.caption, Contains("Table 1 has 2.2 to 8.4 % at batches of 32 and 16"));
}

TEST_CASE("cells that were timed on two machines have both in both captions") {
  GivenTimings given;
  for (LatencyFinding& cell : given.findings.latencies)
    if (cell.batch == 4) cell.machine = "no processor, avx512, 2 threads";
  const char* const both =
      "Measured on a processor, avx2, 1 thread; and no processor, avx512, 2 threads.";
  CHECK_THAT(latency_tables(*given.data).tables.at(0).caption, Contains(both));
  CHECK_THAT(latency_figures(*given.data).figures.at(0).caption, Contains(both));
}

TEST_CASE("where no pass was timed both say so") {
  TemporaryFolder folder;
  fill_report_sample(folder / "results.db", SampleKind::kEmpty);
  ResultsReader results({folder.path()});
  const Findings none;
  ReportData data(results, none);
  CHECK_THAT(latency_tables(data).missing, Contains("latency.yaml"));
  CHECK_THAT(latency_figures(data).missing, Contains("latency.yaml"));
}
