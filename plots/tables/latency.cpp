// Table 1 of the paper.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "plots/tables/score_cells.h"
#include "results/cells.h"

namespace rankscope {

namespace {

// 11 million parameters of GPT-2 medium's 354.92 (Tables 1 and 3).
constexpr double kPaperShare = 11e6 / 354.92e6;

struct BatchAndLength {
  std::int64_t batch = 0, length = 0;
  auto operator<=>(const BatchAndLength&) const = default;
};

// Nearest to the paper's share of the base's parameters; of what is no adapter there is one.
const LatencyFinding* shown_of(const std::vector<const LatencyFinding*>& all,
                               const BatchAndLength& cell, std::string_view variant) {
  const LatencyFinding* best = nullptr;
  const auto distance = [](const LatencyFinding& f) {
    return std::abs(std::log(static_cast<double>(std::max<std::int64_t>(1, f.parameters)) /
                             (kPaperShare * static_cast<double>(f.base_parameters))));
  };
  for (const LatencyFinding* f : all)
    if (f->variant == variant && BatchAndLength{f->batch, f->length} == cell &&
        (best == nullptr || distance(*f) < distance(*best)))
      best = f;
  return best;
}

const PublishedNumber* published_of(const BatchAndLength& cell, std::string_view method,
                                    std::string_view metric) {
  const auto numbers = published_numbers();
  const auto found = std::ranges::find_if(numbers, [&](const PublishedNumber& n) {
    return n.source == "table1" && n.method == method && n.metric == metric &&
           published_setting(n, "batch") == std::to_string(cell.batch) &&
           published_setting(n, "sequence") == std::to_string(cell.length);
  });
  return found == numbers.end() ? nullptr : &*found;
}

std::string signed_text(std::string text) { return text.starts_with("−") ? text : "+" + text; }

ShownCell slowdown_cell(const LatencyFinding* f) {
  if (f == nullptr) return {"not run", CellStyle::kQuiet};
  return signed_text(with_interval(f->slowdown, f->low, f->high));
}

ShownCell paper_slowdown_cell(const PublishedNumber* n) {
  if (n == nullptr) return paper_cell(n);
  return {"+" + n->printed, CellStyle::kPaper};
}

std::set<BatchAndLength> published_cells() {
  std::set<BatchAndLength> cells;
  for (const PublishedNumber& n : published_numbers())
    if (n.source == "table1")
      cells.insert({std::stoll(published_setting(n, "batch")),
                    std::stoll(published_setting(n, "sequence"))});
  return cells;
}

// `is_shown`: stands beside the paper's numbers; adapters of other widths are not what it timed.
Row data_row(const LatencyFinding& f, bool is_shown) {
  const PublishedNumber* const printed =
      is_shown ? published_of({f.batch, f.length}, f.variant, "latency_increase") : nullptr;
  return {f.batch,
          f.length,
          f.variant,
          f.bottleneck,
          f.parameters,
          f.rounds,
          f.milliseconds,
          f.slowdown,
          cell_of(f.low),
          cell_of(f.high),
          cell_of(f.deviation),
          f.base_parameters,
          f.machine,
          f.sweep,
          f.base,
          printed == nullptr ? Cell() : cell_of(printed->value),
          "measured"};
}

std::vector<Row> paper_data_rows() {
  std::vector<Row> rows;
  for (const PublishedNumber& n : published_numbers()) {
    if (n.source != "table1" || n.metric != "latency_ms") continue;
    const BatchAndLength cell{std::stoll(published_setting(n, "batch")),
                              std::stoll(published_setting(n, "sequence"))};
    const PublishedNumber* const slowdown = published_of(cell, n.method, "latency_increase");
    rows.push_back({cell.batch, cell.length, n.method, Cell(), cell_of(n.parameters), Cell(),
                    cell_of(n.value), slowdown == nullptr ? Cell() : cell_of(slowdown->value),
                    Cell(), Cell(), Cell(), Cell(), "", "", n.model, Cell(), "paper"});
  }
  return rows;
}

Table table_of(const std::vector<const LatencyFinding*>& all) {
  Table table{
      .name = "table1",
      .title = fmt::format("Time of a forward pass, on {} (sweep {})", all.front()->base,
                           all.front()->sweep),
      .caption = {},
      .answers = "Table 1",
      .columns = {{"batch", true}, {"tokens", true}, {"base, ms", true}},
      .rows = {},
      .data = {{"batch", "length", "variant", "bottleneck", "parameters", "rounds", "milliseconds",
                "slowdown_percent", "low", "high", "log2_deviation", "base_parameters", "machine",
                "sweep", "base", "paper_slowdown_percent", "source"},
               {}}};
  std::set<BatchAndLength> cells;
  std::int64_t fewest = all.front()->rounds, most = fewest;
  for (const LatencyFinding* f : all) {
    cells.insert({f->batch, f->length});
    fewest = std::min(fewest, f->rounds);
    most = std::max(most, f->rounds);
    table.data.rows.push_back(data_row(*f, shown_of(all, {f->batch, f->length}, f->variant) == f));
  }
  std::ranges::move(paper_data_rows(), std::back_inserter(table.data.rows));
  for (const auto& [variant, name] : {std::pair{"lora_merged", "LoRA merged"},
                                      {"lora", "LoRA beside W"},
                                      {"adapter_l", "Adapter(L)"},
                                      {"adapter_h", "Adapter(H)"}}) {
    const LatencyFinding* const f = shown_of(all, *cells.begin(), variant);
    table.columns.push_back({f != nullptr && f->bottleneck > 0
                                 ? fmt::format("{} r = {}, %", name, f->bottleneck)
                                 : fmt::format("{}, %", name),
                             true});
  }
  for (const char* column : {"paper: ms", "paper: Adapter(L), %", "paper: Adapter(H), %"})
    table.columns.push_back({column, true});
  cells.merge(published_cells());
  for (const BatchAndLength& cell : cells) {
    const LatencyFinding* const base = shown_of(all, cell, "base");
    table.rows.push_back(
        {grouped(cell.batch), grouped(cell.length),
         base == nullptr ? ShownCell{"not run", CellStyle::kQuiet}
                         : ShownCell{short_number(base->milliseconds)},
         slowdown_cell(shown_of(all, cell, "lora_merged")),
         slowdown_cell(shown_of(all, cell, "lora")),
         slowdown_cell(shown_of(all, cell, "adapter_l")),
         slowdown_cell(shown_of(all, cell, "adapter_h")),
         paper_cell(published_of(cell, "full", "latency_ms")),
         paper_slowdown_cell(published_of(cell, "adapter_l", "latency_increase")),
         paper_slowdown_cell(published_of(cell, "adapter_h", "latency_increase"))});
  }
  table.caption = fmt::format(
      "One pass with logits at every position; what a variant adds to the base's time, in percent, "
      "with "
      "the 95 % interval of the mean of {} rounds' log ratios. Adapters are those whose parameters "
      "are "
      "nearest to the paper's 11M of GPT-2 medium's 354.92M, {:.1f} %; the CSV and Figure 5 have "
      "all "
      "widths. Measured on {}. The paper's: GPT-2 medium on a Quadro RTX8000, means of 100 passes; "
      "its "
      "fully fine-tuned model and merged LoRA are one row; its adapters at batch 32 have 0.5M "
      "parameters.",
      fewest == most ? std::to_string(most) : fmt::format("{} to {}", fewest, most),
      100 * kPaperShare, machines_of(all));
  return table;
}

}  // namespace

TableSet latency_tables(ReportData& data) {
  TableSet set;
  for (const std::vector<const LatencyFinding*>& all : data.latencies_by_sweep())
    set.tables.push_back(table_of(all));
  if (set.tables.empty())
    set.missing = "Not run: no forward pass was timed (experiments/paper/latency.yaml does).";
  return set;
}

}  // namespace rankscope
