#include "experiments/report_run.h"

#include "experiments/claims/judgement.h"

namespace rankscope {

ReportSummary make_report(const std::vector<std::filesystem::path>& folders,
                          const std::filesystem::path& out, const std::string& claims, bool png) {
  ResultsReader results(folders);
  Evidence evidence(results);
  const Findings findings = judge_results(read_claims(claims), evidence);
  return write_report(results, findings, {.out = out, .folders = folders, .png = png});
}

}  // namespace rankscope
