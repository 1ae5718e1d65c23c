#include <algorithm>

#include "common/error.h"
#include "common/suggest.h"
#include "common/text.h"
#include "engine/methods/combined.h"
#include "engine/methods/registry.h"

namespace rankscope {
namespace {

struct MethodEntry {
  std::string_view name;
  std::unique_ptr<Method> (*make)(Settings& settings);
};

constexpr MethodEntry kMethods[] = {
    {"none", make_none},
    {"full", make_full},
    {"ft_top2", make_ft_top2},
    {"bitfit", make_bitfit},
    {"lora", make_lora},
    {"dora", make_dora},
    {"adalora", make_adalora},
    {"prefix_embed", make_prefix_embed},
    {"prefix_layer", make_prefix_layer},
    {"prefix_kv", make_prefix_kv},
    {"adapter_h", make_adapter_h},
    {"adapter_l", make_adapter_l},
    {"adapter_p", make_adapter_p},
};

}  // namespace

std::unique_ptr<Method> make_method(const std::string& name, Settings& settings) {
  if (name.find('+') != std::string::npos) return make_combined_method(name, settings);
  std::vector<std::string> names;
  for (const MethodEntry& entry : kMethods) {
    if (entry.name == name) return entry.make(settings);
    names.emplace_back(entry.name);
  }
  throw InputError("there is no method '" + printable(name) + "'" + did_you_mean(name, names) +
                   "; there are " + method_list());
}

SavedForm saved_form_of(const std::string& name) {
  Settings none;
  return make_method(name, none)->saved_form();
}

ModelConfig config_beside(ModelConfig config, const SpecialTokens& special) {
  config.context_taken = std::min<int64_t>(special.count(), config.context);
  config.context -= config.context_taken;
  return config;
}

std::string method_list() {
  std::string list;
  for (const MethodEntry& entry : kMethods)
    list += (list.empty() ? "" : ", ") + std::string(entry.name);
  return list;
}

std::vector<std::string_view> method_names() {
  std::vector<std::string_view> names;
  for (const MethodEntry& entry : kMethods) names.push_back(entry.name);
  return names;
}

}  // namespace rankscope
