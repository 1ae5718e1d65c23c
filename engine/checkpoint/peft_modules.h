// The tensors of a PEFT adapter of low-rank updates, by the module of the base that they belong to.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/safetensors.h"
#include "engine/checkpoint/peft_config.h"
#include "engine/methods/dora.h"
#include "engine/methods/low_rank.h"

namespace rankscope {

// The sites of each module of a model, in the order of its outputs.
using SitesByModule = std::map<std::string, std::vector<const SiteSpec*>>;
SitesByModule sites_by_module(const ModelShape& shape);

// One module's tensors; those that an adapter of this kind lacks are null.
struct PeftModule {
  const TensorEntry* a = nullptr;          // [rank, in]
  const TensorEntry* b = nullptr;          // [out, rank]
  const TensorEntry* magnitude = nullptr;  // [out], DoRA
  const TensorEntry* e = nullptr;          // [rank, 1], AdaLoRA
  int64_t rank = 0;                        // at least 1; 0 where AdaLoRA has given up every triple
};

class PeftModules {
 public:
  // Throws InputError for a tensor that an adapter of this kind has not at a module of this model,
  // for a module that lacks one, and for a wrong shape or type. All arguments must outlive this.
  PeftModules(const SafetensorsFile& file, const ModelShape& shape, PeftKind kind);

  const std::map<std::string, PeftModule>& modules() const { return modules_; }
  const SitesByModule& sites() const { return sites_; }
  // The module's path in the model that the adapter was made of, which PEFT's patterns are about:
  // without the beginning that a model without its head lacks.
  std::string own_path(const std::string& module) const;

  // Fills factors of rank r with A's rows [first, first + r), E multiplied into them, and of B the
  // site's rows and those columns.
  void read_factors(const SiteSpec& spec, int64_t first, Backend& backend,
                    LowRankAdaptation::Factors& factors) const;
  // Fills [1, spec.out] with the site's part of the magnitudes.
  void read_magnitude(const SiteSpec& spec, Backend& backend, Parameter& magnitude) const;

 private:
  bool place(const TensorEntry& entry, const ModelShape& shape, PeftKind kind);
  void check(const std::string& name, PeftModule& module, PeftKind kind) const;

  const SafetensorsFile& file_;
  std::string prefix_;
  bool without_head_ = false;
  SitesByModule sites_;
  std::map<std::string, PeftModule> modules_;
};

}  // namespace rankscope
