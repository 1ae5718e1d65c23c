// A fully fine-tuned checkpoint as updates of its base's sites.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <vector>

#include "engine/checkpoint/adapter_factors.h"
#include "engine/models/model.h"

namespace rankscope {

// Whether the folder holds a model's weights and no adapter.
bool is_checkpoint(const std::filesystem::path& folder);

// dW = W - W0 at every site that `wanted` admits (empty: every one), as factors of scale 1 and of
// the largest rank that dW can have, one of which is the identity: its singular triples are dW's,
// its A says nothing. Both models stay mapped, and a site's values are made when it is asked for.
class CheckpointUpdates {
 public:
  // InputError where the two models differ in shape.
  CheckpointUpdates(const std::filesystem::path& folder, const std::filesystem::path& base,
                    const SiteWanted& wanted);

  std::size_t size() const { return sites_.size(); }
  SiteFactors at(std::size_t i) const;

 private:
  struct Pair {
    const SiteSpec* tuned;
    const SiteSpec* original;
  };

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Model> tuned_, original_;
  std::vector<Pair> sites_;
};

}  // namespace rankscope
