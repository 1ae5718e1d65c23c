#include "experiments/sweep/analysis_settings.h"

#include <algorithm>

#include "experiments/sweep/sweep_keys.h"

namespace rankscope {

bool AnalysisSettings::has_pair(const std::string& relation) const {
  return std::ranges::find(pairs, relation) != pairs.end();
}

AnalysisSettings read_analysis(const YamlValue& section) {
  refuse_unknown_keys(section, sweep_keys("analysis"));
  AnalysisSettings settings;
  const auto read_words = [&](const char* key, std::initializer_list<std::string_view> allowed,
                              std::vector<std::string>& into) {
    const auto list = section.find(key);
    if (!list) return;
    into.clear();
    for (const YamlValue& item : list->one_or_more()) {
      std::string word = item.choice(allowed);
      if (std::ranges::find(into, word) != into.end()) item.fail("is given twice");
      into.push_back(std::move(word));
    }
  };
  read_words("pairs", {"ranks", "seeds", "shuffled", "base", "initial"}, settings.pairs);
  read_words("directions", {"a", "dw", "dw_left"}, settings.directions);
  if (const auto flag = section.find("amplification")) settings.amplification = flag->flag();
  if (const auto bound = section.find("intruders")) settings.intruders = bound->number(0, 1);
  return settings;
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
