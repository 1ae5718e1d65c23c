// The families' entries for the table in families.cpp; nobody else needs them.
#pragma once

#include "engine/models/model.h"

namespace rankscope {

extern const ModelFamily kGpt2Family;
extern const ModelFamily kLlamaFamily;
extern const ModelFamily kMistralFamily;
extern const ModelFamily kQwen2Family;

}  // namespace rankscope
