#include "engine/models/families.h"

namespace rankscope {

std::span<const ModelFamily> model_families() {
  static const ModelFamily families[] = {kGpt2Family, kLlamaFamily, kMistralFamily, kQwen2Family};
  return families;
}

}  // namespace rankscope
