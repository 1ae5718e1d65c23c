#include "plots/tables/claims_origin.h"

namespace rankscope {

std::string claims_file_name(const Findings& findings) {
  return findings.claims_file.empty() ? "claims.yaml" : findings.claims_file;
}

std::string claims_origin(const Findings& findings) {
  const std::string name = claims_file_name(findings);
  if (!findings.claims_file.empty())
    return name + ", given with --claims; when it was written is not known";
  if (findings.claims_changed.empty()) return name + "; when it was written is not known";
  if (findings.claims_changed.ends_with(", changed since"))
    return name + ", which was changed since its last commit; when that was is not known";
  // No database knows when its trials were run: which came first it cannot say.
  return name + ", last committed on " + findings.claims_changed;
}

}  // namespace rankscope
