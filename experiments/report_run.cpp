#include "experiments/report_run.h"

#include "common/error.h"
#include "common/log.h"
#include "experiments/claims/judgement.h"

namespace rankscope {

ReportSummary make_report(const std::vector<std::filesystem::path>& folders,
                          const std::filesystem::path& out, const std::string& claims, bool png) {
  ResultsReader results(folders);
  Evidence evidence(results);
  const Findings findings = judge_results(read_claims(claims), evidence);
  return write_report(results, findings, {.out = out, .folders = folders, .png = png});
}

bool report_into(const std::filesystem::path& sweep) {
  const std::filesystem::path out = report_folder(sweep);
  try {
    const ReportSummary summary = make_report({sweep}, out, "", true);
    for (const std::string& missing : summary.missing) log::info("{}", missing);
    log::info("report: {}", (out / "report.html").string());
    return true;
  } catch (const InputError& error) {
    log::warning("no report: {}", error.what());
    return false;
  }
}

}  // namespace rankscope
