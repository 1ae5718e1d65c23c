// Which sites a module of a Hugging Face model holds, by its name alone: for adapters whose base is
// not at hand.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rankscope {

// "transformer.h.3.attn.c_attn" is layer 3 and Wq, Wk, Wv one below the other;
// "roberta.encoder.layer.5.attention.self.query" is layer 5 and Wq.
struct ModuleSites {
  int layer = 0;                   // from 0
  std::vector<std::string> sites;  // in the order of the module's outputs
};

// None where the name has no layer. A module of another kind than the known ones is one site of its
// last name ("q_a_proj").
std::optional<ModuleSites> sites_of_module(std::string_view module);

}  // namespace rankscope
