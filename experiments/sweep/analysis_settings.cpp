#include "experiments/sweep/analysis_settings.h"

#include <algorithm>

namespace rankscope {

bool AnalysisSettings::has_pair(const std::string& relation) const {
  return std::ranges::find(pairs, relation) != pairs.end();
}

OrderedJson analysis_json(const AnalysisSettings& settings) {
  return {{"pairs", settings.pairs},
          {"directions", settings.directions},
          {"amplification", settings.amplification},
          {"intruders", settings.intruders}};
}

AnalysisSettings analysis_from_json(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  AnalysisSettings settings;
  settings.pairs = object.get_string_array("pairs");
  settings.directions = object.get_string_array("directions");
  settings.amplification = object.get_bool("amplification");
  settings.intruders = object.get_double("intruders", 0, 1);
  object.finish();
  return settings;
}

}  // namespace rankscope
