#include "engine/checkpoint/adapter_base.h"

#include "common/files.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "engine/checkpoint/peft_adapter.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

constexpr const char* kAdvice =
    "what it learned holds on its own base alone; nothing is amiss where this is a copy of that";

// "gpt2" of "openai-community/gpt2" and of "models/gpt2/".
std::string last_name(const fs::path& path) {
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

std::string stated_name(const fs::path& folder) {
  const Json config = read_json_file(folder / kPeftConfigFile);
  return JsonObject(config, printable_path(folder / kPeftConfigFile), JsonObject::Nulls::kAbsent)
      .get_string_or("base_model_name_or_path", "");
}

}  // namespace

StatedBase stated_base(const fs::path& folder) {
  StatedBase base{.name = stated_name(folder), .sample = {}};
  if (!is_there(folder / kRecordFile)) return base;
  const Json record = read_json_file(folder / kRecordFile);
  base.sample =
      JsonObject(record, printable_path(folder / kRecordFile)).get_string_or("base_sample", "");
  return base;
}

bool of_other_base(const StatedBase& one, const StatedBase& other) {
  if (!one.sample.empty() && !other.sample.empty()) return one.sample != other.sample;
  if (one.name.empty() || other.name.empty()) return false;
  return last_name(one.name) != last_name(other.name);
}

void warn_of_other_base(const fs::path& folder, const AdapterRecord* record, const Model& model) {
  if (record != nullptr && !record->base_sample.empty()) {
    if (record->base_sample != model.stored_sample_hash())
      log::warning("the adapter '{}' was trained on other weights than those of '{}': {}",
                   printable_path(folder), printable_path(model.folder()), kAdvice);
    return;
  }
  if (!is_there(folder / kPeftConfigFile)) return;
  const std::string base = stated_name(folder);
  if (base.empty() || last_name(base) == last_name(fs::absolute(model.folder()))) return;
  log::warning("the adapter '{}' says that its base is '{}', and this is '{}': {}",
               printable_path(folder), printable(base, 300), printable_path(model.folder()),
               kAdvice);
}

}  // namespace rankscope
