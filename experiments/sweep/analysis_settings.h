// What a sweep file asks of the analysis of its adapters. It reads results and is in no trial's
// name.
#pragma once

#include <string>
#include <vector>

#include "common/json.h"
#include "experiments/yaml/yaml_value.h"

namespace rankscope {

struct AnalysisSettings {
  // Which adapters are set against which: "ranks" each rank against the largest at one seed,
  // "seeds" two seeds of one setting, "shuffled" the same trained on shuffled targets, "base" the
  // base's own W, "initial" the A that training began with.
  std::vector<std::string> pairs = {"ranks", "seeds", "shuffled", "base", "initial"};
  std::vector<std::string> directions = {"a", "dw"};
  bool amplification = true;
  // Intruder dimensions (arXiv 2410.21228) below this cosine; 0: none are sought.
  double intruders = 0;

  bool has_pair(const std::string& relation) const;
};

// The section `analysis` of a sweep file.
AnalysisSettings read_analysis(const YamlValue& section);

OrderedJson analysis_json(const AnalysisSettings& settings);
// InputError by `where` for anything that is not as analysis_json writes it.
AnalysisSettings analysis_from_json(const Json& json, const std::string& where);

}  // namespace rankscope
