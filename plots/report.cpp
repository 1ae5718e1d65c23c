#include "plots/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/folders.h"
#include "common/interrupt.h"
#include "common/text.h"
#include "plots/figure.h"
#include "plots/format.h"
#include "plots/gnuplot.h"
#include "plots/inline_svg.h"
#include "plots/page.h"
#include "plots/report_data.h"
#include "plots/scored_datasets.h"
#include "plots/table.h"
#include "results/cells.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kEntries{"report.html", "report.md", "figures", "tables"};

// Whether a report could have written this file beside that one: a figure or table has several.
bool stands_with(const fs::path& file, const char* ending) {
  return file.extension() == ending || is_there(fs::path(file).replace_extension(ending));
}

bool is_of_report(const fs::path& folder, const fs::directory_entry& entry) {
  std::error_code unknown;  // of a link to nowhere or in a circle, which is no report's
  const fs::path& path = entry.path();
  const std::string name = path.filename().string(), ending = path.extension().string();
  const fs::path parent = path.parent_path();
  if (parent == folder) {
    if (std::ranges::find(kEntries, name) == kEntries.end()) return false;
    if (name == "figures" || name == "tables") return entry.is_directory(unknown);
    if (name == "report.html") return is_there(folder / "report.md");
    const std::string text = read_regular_file(path);
    return text.starts_with("On the base") || text.starts_with("On no base");
  }
  if (!entry.is_regular_file(unknown)) return false;
  if (parent == folder / "tables")
    return (ending == ".csv" || ending == ".tex") && stands_with(path, ".tex");
  return parent == folder / "figures" && stands_with(path, ".gp") &&
         (ending == ".csv" || ending == ".gp" || ending == ".svg" || ending == ".png");
}

// An earlier report is replaced as a whole; nothing else is ever deleted.
void require_replaceable(const fs::path& out) {
  if (!is_folder(out)) return;
  std::error_code error;
  for (fs::recursive_directory_iterator it(out, error), end; !error && it != end;
       it.increment(error)) {
    if (is_of_report(out, *it)) continue;
    throw InputError(fmt::format(
        "'{}' holds '{}', which is no report's, and a report would replace the folder; give "
        "another folder, or move that away",
        printable(out.string()), printable(it->path().lexically_relative(out).string())));
  }
  if (error)
    throw InputError(fmt::format("cannot look through '{}', which a report would replace: {}",
                                 printable_path(out), system_error_text(error.value())));
}

std::string subject_of(ReportData& data) {
  if (data.sweeps().empty()) return "On no base and no data: there is no sweep here yet.";
  std::vector<std::string> sets;
  for (const ScoredDataset& dataset : scored_datasets(data)) {
    std::string set = dataset_label(dataset, dataset.split + ", " + examples_text(dataset));
    if (std::ranges::find(sets, set) == sets.end()) sets.push_back(std::move(set));
  }
  std::vector<std::string> bases;
  for (const SweepFacts& sweep : data.sweeps())
    if (std::ranges::find(bases, sweep.base) == bases.end()) bases.push_back(sweep.base);
  return fmt::format("On the base{} {}; data: {}.", bases.size() > 1 ? "s" : "", listed(bases),
                     !sets.empty()                        ? listed(sets)
                     : !data.findings().latencies.empty() ? "drawn tokens, for times alone"
                                                          : "nothing was scored yet");
}

std::string title_of(const ReportData& data) {
  std::vector<std::string> names;
  for (const SweepFacts& sweep : data.sweeps()) names.push_back(sweep.sweep);
  return names.empty() ? "Report" : "Report on " + listed(names);
}

std::vector<std::string> summary_lead(ReportData& data) {
  SweepFacts all;
  for (const SweepFacts& sweep : data.sweeps()) {
    all.trials += sweep.trials;
    all.done += sweep.done;
    all.diverged += sweep.diverged;
    all.failed += sweep.failed;
    all.pending += sweep.pending;
  }
  std::vector<std::string> lead{fmt::format(
      "{}: {} done, {} diverged, {} failed, {} pending or running.", counted(all.trials, "trial"),
      grouped(all.done), grouped(all.diverged), grouped(all.failed), grouped(all.pending))};
  if (all.pending > 0)
    lead.emplace_back("The sweep is not finished: what follows is of the trials that are.");
  if (const std::vector<std::string> tasks = tasks_scored_on_training(data); !tasks.empty())
    lead.push_back(
        "Scored examples are trained on, so that scores, intervals and verdicts say "
        "nothing of unseen ones: " +
        listed(tasks) + ".");
  return lead;
}

struct SectionHeading {
  Section section;
  const char *id, *heading;
};
constexpr std::array<SectionHeading, 6> kHeadings{
    {{Section::kSummary, "summary", "Summary"},
     {Section::kPaper, "paper", "The paper's tables, measured beside published"},
     {Section::kClaims, "claims", "The claims in full"},
     {Section::kExamples, "examples", "Examples of predictions"},
     {Section::kCost, "cost", "Cost"},
     {Section::kRun, "run", "How it was run"}}};

// A name that is taken gets a number.
std::string free_name(std::set<std::string>& taken, const std::string& name) {
  std::string free = name;
  for (int i = 2; !taken.insert(free).second; ++i) free = fmt::format("{}_{}", name, i);
  return free;
}

class Writer {
 public:
  Writer(ReportData& data, const ReportOptions& options, const fs::path& folder)
      : data_(data), options_(options), folder_(folder) {
    make_folder(folder_ / "figures", "make room for it");
    make_folder(folder_ / "tables", "make room for it");
  }

  ReportSummary write() {
    Page page{.subject = subject_of(data_), .title = title_of(data_), .sections = {}};
    for (const SectionHeading& heading : kHeadings) {
      PageSection section{.id = heading.id,
                          .heading = heading.heading,
                          .lead = {},
                          .blocks = tables(heading.section)};
      if (heading.section == Section::kSummary) section.lead = summary_lead(data_);
      if (heading.section == Section::kRun) add_run_texts(section);
      page.sections.push_back(std::move(section));
      if (heading.section == Section::kClaims)
        page.sections.push_back(
            {.id = "figures", .heading = "Figures", .lead = {}, .blocks = figures()});
    }
    write_file_atomically(folder_ / "report.html", html_page(page));
    write_file_atomically(folder_ / "report.md", markdown_page(page));
    return std::move(summary_);
  }

 private:
  std::vector<Block> tables(Section section) {
    std::vector<Block> blocks;
    for (const TableKind& kind : table_kinds()) {
      if (kind.section != section) continue;
      throw_if_stop_requested();
      TableSet set = kind.make(data_);
      for (Table& table : set.tables) {
        table.name = free_name(table_names_, table.name);
        write_file_atomically(folder_ / "tables" / (table.name + ".csv"), csv_of(table.data));
        write_file_atomically(folder_ / "tables" / (table.name + ".tex"), latex_table(table));
        ++summary_.tables;
        blocks.emplace_back(std::move(table));
      }
      if (set.missing.empty()) continue;
      if (set.fine) {
        blocks.emplace_back(Gap{std::string(kind.title), set.missing});
      } else {
        blocks.emplace_back(gap(kind.title, set.missing));
      }
    }
    return blocks;
  }

  std::vector<Block> figures() {
    std::vector<Figure> figures;
    std::vector<std::pair<std::size_t, Gap>> gaps;  // before which figure
    for (const FigureKind& kind : figure_kinds()) {
      throw_if_stop_requested();
      FigureSet set = kind.make(data_);
      for (Figure& figure : set.figures) {
        figure.name = free_name(figure_names_, figure.name);
        const fs::path stem = folder_ / "figures" / figure.name;
        write_file_atomically(stem.native() + ".csv", figure_csv(figure));
        write_file_atomically(stem.native() + ".gp", gnuplot_file(figure));
        figures.push_back(std::move(figure));
      }
      if (!set.missing.empty()) gaps.emplace_back(figures.size(), gap(kind.title, set.missing));
    }
    Drawn drawn;
    if (!figures.empty()) drawn = draw_figures(figures, folder_ / "figures", options_.png);
    summary_.missing.insert(summary_.missing.end(), drawn.missing.begin(), drawn.missing.end());

    std::vector<Block> blocks;
    for (const std::string& reason : drawn.missing) blocks.emplace_back(Gap{"Not drawn", reason});
    std::size_t next_gap = 0;
    const auto put_gaps = [&](std::size_t before) {
      for (; next_gap < gaps.size() && gaps[next_gap].first <= before; ++next_gap)
        blocks.emplace_back(gaps[next_gap].second);
    };
    for (std::size_t i = 0; i < figures.size(); ++i) {
      put_gaps(i);
      DrawnFigure shown{
          .figure = std::move(figures[i]), .svg = {}, .png = drawn.figures[i] && options_.png};
      if (drawn.figures[i]) {
        const fs::path file = folder_ / "figures" / (shown.figure.name + ".svg");
        const std::string svg = with_sharp_images(read_text_file(file));
        write_file_atomically(file, svg);
        shown.svg = inline_svg(svg, shown.figure.name, shown.figure.title, shown.figure.width,
                               shown.figure.height);
        ++summary_.figures;
      }
      blocks.emplace_back(std::move(shown));
    }
    put_gaps(figures.size());
    return blocks;
  }

  Gap gap(std::string_view title, const std::string& text) {
    summary_.missing.push_back(fmt::format("{}: {}", title, text));
    return {std::string(title), text};
  }

  void add_run_texts(PageSection& section) const {
    for (const fs::path& folder : options_.folders)
      section.lead.push_back("Sweep's folder: " + folder.string());
    for (const SweepFacts& sweep : data_.sweeps())
      section.blocks.emplace_back(Listing{"The sweep file of " + sweep.sweep, sweep.file_text});
  }

  ReportData& data_;
  const ReportOptions& options_;
  const fs::path folder_;
  ReportSummary summary_;
  std::set<std::string> table_names_, figure_names_;
};

}  // namespace

ReportSummary write_report(ResultsReader& results, const Findings& findings,
                           const ReportOptions& options) {
  require_replaceable(options.out);
  const fs::path parent = options.out.parent_path();
  if (!parent.empty()) make_folder(parent, "give a folder where you may write");
  FolderTransaction folder(options.out, FolderTransaction::Existing::kReplace);
  ReportData data(results, findings);
  ReportSummary summary = Writer(data, options, folder.path()).write();
  folder.commit();
  return summary;
}

}  // namespace rankscope
