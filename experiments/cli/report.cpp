// report: tables, figures and verdicts of sweeps, as a page.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "common/json.h"
#include "common/log.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/report_run.h"

namespace rankscope {

namespace {

struct ReportCommand {
  std::vector<std::string> folders;
  std::string out, claims;
  bool no_png = false;
  bool json = false;
};

int run_report(const ReportCommand& c) {
  const std::vector<std::filesystem::path> folders(c.folders.begin(), c.folders.end());
  std::filesystem::path out = c.out;
  if (out.empty())
    out = folders.size() == 1 ? report_folder(folders.front()) : std::filesystem::path("report");
  const ReportSummary summary = make_report(folders, out, c.claims, !c.no_png);
  for (const std::string& missing : summary.missing) log::info("{}", missing);
  log::info("{} figures and {} tables: {}", summary.figures, summary.tables,
            (out / "report.html").string());
  if (c.json) {
    const OrderedJson line{{"report", (out / "report.html").string()},
                           {"figures", summary.figures},
                           {"tables", summary.tables},
                           {"missing", summary.missing}};
    std::puts(json_text(line).c_str());
  }
  return 0;
}

}  // namespace

void add_report(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<ReportCommand>();
  CLI::App* command =
      app.add_subcommand("report", "tables, figures and verdicts of sweeps, beside the paper's");
  every_word(command->add_option("folders", c->folders, "DIR...: folders with a results.db"))
      ->required()
      ->check(not_empty());
  command
      ->add_option("--out", c->out,
                   "the folder that is written; default: DIR/report, of several ./report")
      ->check(not_empty());
  command
      ->add_option("--claims", c->claims, "another file of claims (experiments/claims/CLAIMS.md)")
      ->check(not_empty())
      ->check(no_standard_input());
  command->add_flag("--no-png", c->no_png, "figures as SVG alone");
  command->add_flag("--json", c->json, "one line of JSON at the end");
  command->callback([c, &exit_code] { exit_code = run_report(*c); });
}

}  // namespace rankscope
