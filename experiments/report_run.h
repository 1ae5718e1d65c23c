// Results of sweeps as a report: what `report` does, and `run` where the sweep file asks for it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "plots/report.h"

namespace rankscope {

// `claims`: a file of claims, or empty for the paper's. Errors as write_report's and read_claims'.
ReportSummary make_report(const std::vector<std::filesystem::path>& folders,
                          const std::filesystem::path& out, const std::string& claims, bool png);

// Where a sweep's own report lies.
inline std::filesystem::path report_folder(const std::filesystem::path& sweep) {
  return sweep / "report";
}
// A run's end: its report there, and what it lacks in the log. The results are there whether they
// can be drawn or not, so one that cannot be made is a warning, and false is returned.
bool report_into(const std::filesystem::path& sweep);

}  // namespace rankscope
