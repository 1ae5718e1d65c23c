// Which base a saved adaptation was made on: another of the same shape takes it without a word.
#pragma once

#include <filesystem>

#include "engine/checkpoint/adapter_record.h"
#include "engine/models/model.h"

namespace rankscope {

// Warns where the folder's base is another than the model, as the record's sample of it tells or,
// of a folder without one, the name that PEFT's config has for it. No error: a copy rounded to
// another type is as good, and a name means nothing on another machine.
void warn_of_other_base(const std::filesystem::path& folder, const AdapterRecord* record,
                        const Model& model);

}  // namespace rankscope
