// Which base a saved adaptation was made on: another of the same shape takes it without a word.
#pragma once

#include <filesystem>
#include <string>

#include "engine/checkpoint/adapter_record.h"
#include "engine/models/model.h"

namespace rankscope {

// What a folder says of its base, each empty where it does not.
struct StatedBase {
  std::string name;    // base_model_name_or_path of PEFT's config
  std::string sample;  // base_sample of our record
};
// Of a folder of PEFT's form, with or without a record.
StatedBase stated_base(const std::filesystem::path& folder);
// By the samples where both have one, else by the last part of the names, as paths differ from
// machine to machine. False where one says nothing.
bool of_other_base(const StatedBase& one, const StatedBase& other);

// Warns where the folder's base is another than the model, as the record's sample of it tells or,
// of a folder without one, the name that PEFT's config has for it. No error: a copy rounded to
// another type is as good, and a name means nothing on another machine.
void warn_of_other_base(const std::filesystem::path& folder, const AdapterRecord* record,
                        const Model& model);

}  // namespace rankscope
