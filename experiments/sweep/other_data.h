// Whether a result was made from the data that its trial is named by.
#pragma once

#include <filesystem>
#include <string>

#include "common/error.h"
#include "common/json.h"

namespace rankscope {

// A finished training or evaluation read other data than its name says.
class OtherData : public InputError {
 public:
  using InputError::InputError;
};

// Throws OtherData where the files that a done.json says were read are not those of its name: data
// that changed while an older program's trial ran went under its old name. `named`: "NAME:HASH", of
// a file beside it "+HASH" too. `folder`: the done.json's.
void refuse_other_data(const Json& done, const std::string& named,
                       const std::filesystem::path& folder);

}  // namespace rankscope
