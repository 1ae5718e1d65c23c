#include "engine/checkpoint/adapter.h"

#include "common/error.h"
#include "common/files.h"
#include "common/text.h"
#include "engine/checkpoint/base_adapter.h"
#include "engine/checkpoint/peft_adapter.h"

namespace rankscope {

void save_adapter(const std::filesystem::path& folder, const Model& model, Adaptation& adaptation,
                  const Method& method) {
  AdapterRecord record;
  record.method = method.name();
  record.settings = method.settings();
  FolderTransaction transaction(folder, FolderTransaction::Existing::kReplace);
  if (const auto* low_rank = dynamic_cast<const LowRankAdaptation*>(&adaptation)) {
    write_peft_adapter(transaction.path(), model, *low_rank, record);
  } else if (const auto* base = dynamic_cast<const BaseParameterAdaptation*>(&adaptation)) {
    write_base_adapter(transaction.path(), model, *base, record);
  }
  write_record(transaction.path(), record);
  transaction.commit();
}

std::unique_ptr<Adaptation> load_adapter(const std::filesystem::path& folder, Model& model) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder / kRecordFile, ignored)) {
    if (std::filesystem::exists(folder / kPeftConfigFile, ignored)) {
      return read_peft_adapter(folder, model, nullptr);
    }
    throw InputError("adapter folder '" + printable(folder.string()) + "' has neither " +
                     kRecordFile + " nor " + kPeftConfigFile +
                     "; give a folder that 'train' or PEFT wrote");
  }
  const AdapterRecord record = read_record(folder);
  const std::string where = (folder / kRecordFile).string();
  if (record.method == "none") {
    Settings settings;
    return make_method("none", settings)->adapt(model, 0);
  }
  if (record.weights_file.empty()) {
    throw InputError(where + ": field 'weights_file' is missing; the adapter is incomplete");
  }
  if (record.method == "lora") {
    if (record.weights_file != kPeftWeightsFile) {
      throw InputError(where + ": field 'weights_file' must be " + kPeftWeightsFile);
    }
    return read_peft_adapter(folder, model, &record);
  }
  if (record.method == "full" || record.method == "bitfit") {
    return read_base_adapter(folder, model, record);
  }
  throw InputError(where + ": field 'method' is '" + printable(record.method) +
                   "', which this program cannot read; it reads none, full, lora, bitfit");
}

}  // namespace rankscope
