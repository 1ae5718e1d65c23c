#include "engine/checkpoint/module_sites.h"

#include <algorithm>
#include <charconv>

namespace rankscope {

namespace {

struct NameEnding {
  std::string_view name;  // of the module, from a dot on
  std::vector<std::string> sites;
};

// The longer endings first: "attention.output.dense" is not "output.dense".
const std::vector<NameEnding>& endings() {
  static const std::vector<NameEnding> all = {{"attention.output.dense", {"Wo"}},
                                              {"intermediate.dense", {"W1"}},
                                              {"output.dense", {"W2"}},
                                              {"attn.c_attn", {"Wq", "Wk", "Wv"}},
                                              {"attn.c_proj", {"Wo"}},
                                              {"mlp.c_fc", {"W1"}},
                                              {"mlp.c_proj", {"W2"}},
                                              {"q_proj", {"Wq"}},
                                              {"k_proj", {"Wk"}},
                                              {"v_proj", {"Wv"}},
                                              {"o_proj", {"Wo"}},
                                              {"out_proj", {"Wo"}},
                                              {"query_proj", {"Wq"}},
                                              {"key_proj", {"Wk"}},
                                              {"value_proj", {"Wv"}},
                                              {"query", {"Wq"}},
                                              {"key", {"Wk"}},
                                              {"value", {"Wv"}},
                                              {"q_lin", {"Wq"}},
                                              {"k_lin", {"Wk"}},
                                              {"v_lin", {"Wv"}},
                                              {"out_lin", {"Wo"}},
                                              {"up_proj", {"W1"}},
                                              {"down_proj", {"W2"}},
                                              {"gate_proj", {"W3"}}};
  return all;
}

bool ends_in_name(std::string_view module, std::string_view name) {
  return module.ends_with(name) &&
         (module.size() == name.size() || module[module.size() - name.size() - 1] == '.');
}

std::optional<int> layer_of(std::string_view module) {
  // The first name that is a number: what stands before it is the list of layers.
  while (!module.empty()) {
    const std::string_view name = module.substr(0, module.find('.'));
    int layer = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
    if (error == std::errc() && end == name.data() + name.size() && layer >= 0) return layer;
    module.remove_prefix(std::min(module.size(), name.size() + 1));
  }
  return std::nullopt;
}

}  // namespace

std::optional<ModuleSites> sites_of_module(std::string_view module) {
  const std::optional<int> layer = layer_of(module);
  if (!layer) return std::nullopt;
  for (const NameEnding& ending : endings()) {
    if (ends_in_name(module, ending.name)) return ModuleSites{*layer, ending.sites};
  }
  return ModuleSites{*layer, {std::string(module.substr(module.rfind('.') + 1))}};
}

}  // namespace rankscope
