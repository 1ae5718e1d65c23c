#include "engine/checkpoint/adapter.h"

#include "common/error.h"
#include "common/files.h"
#include "common/text.h"
#include "engine/checkpoint/adapter_base.h"
#include "engine/checkpoint/base_adapter.h"
#include "engine/checkpoint/peft_adapter.h"
#include "engine/checkpoint/peft_files.h"
#include "engine/checkpoint/peft_prompt.h"
#include "engine/checkpoint/trained_tensors.h"

namespace rankscope {

namespace {

// A whole model is its own.
bool stands_on_a_base(SavedForm form) {
  return form != SavedForm::kNothing && form != SavedForm::kModel;
}

std::unique_ptr<Adaptation> read_of_peft(const std::filesystem::path& folder, Model& model) {
  require_peft_folder(folder);
  if (is_peft_prompt(folder)) return read_peft_prompt(folder, model, nullptr);
  return read_peft_adapter(folder, model, nullptr);
}

std::unique_ptr<Adaptation> read_recorded(const std::filesystem::path& folder, Model& model,
                                          const AdapterRecord& record, SavedForm form) {
  if (form == SavedForm::kNothing) {
    Settings settings;
    return make_method(record.method, settings)->adapt(model, 0);
  }
  const std::string where = printable_path(folder / kRecordFile);
  if (record.weights_file.empty()) {
    throw InputError(where + ": field 'weights_file' is missing; the adapter is incomplete");
  }
  if (form == SavedForm::kModel || form == SavedForm::kBiases)
    return read_base_adapter(folder, model, form, record);
  if (record.weights_file == kTrainedFile) return read_trained_tensors(folder, model, record);
  if (record.weights_file != kPeftWeightsFile) {
    throw InputError(where + ": field 'weights_file' is neither " + kPeftWeightsFile + " nor " +
                     kTrainedFile + "; restore the file");
  }
  if (form == SavedForm::kLowRank) return read_peft_adapter(folder, model, &record);
  return read_peft_prompt(folder, model, &record);
}

}  // namespace

void save_adapter(const std::filesystem::path& folder, const Model& model, Adaptation& adaptation,
                  const Method& method) {
  AdapterRecord record;
  record.method = method.name();
  record.settings = method.settings();
  FolderTransaction transaction(folder, FolderTransaction::Existing::kReplace);
  switch (method.saved_form()) {
    case SavedForm::kNothing:
      break;
    case SavedForm::kLowRank: {
      const auto& low_rank = dynamic_cast<const LowRankAdaptation&>(adaptation);
      const std::unique_ptr<LowRankAdaptation> plain = low_rank.as_plain_lora();
      write_peft_adapter(transaction.path(), model, plain ? *plain : low_rank, record);
      break;
    }
    case SavedForm::kModel:
    case SavedForm::kBiases:
      write_base_adapter(transaction.path(), model,
                         dynamic_cast<const BaseParameterAdaptation&>(adaptation),
                         method.saved_form(), record);
      break;
    case SavedForm::kPrompt:
      write_peft_prompt(transaction.path(), model, adaptation, record);
      break;
    case SavedForm::kTensors:
      write_trained_tensors(transaction.path(), model, adaptation, record);
  }
  if (stands_on_a_base(method.saved_form())) record.base_sample = model.stored_sample_hash();
  write_record(transaction.path(), record);
  transaction.commit();
}

std::unique_ptr<Adaptation> load_adapter(const std::filesystem::path& folder, Model& model) {
  if (!is_there(folder / kRecordFile)) {
    std::unique_ptr<Adaptation> adaptation = read_of_peft(folder, model);
    warn_of_other_base(folder, nullptr, model);
    return adaptation;
  }
  const AdapterRecord record = read_record(folder);
  const SavedForm form = saved_form_of(record, folder);
  std::unique_ptr<Adaptation> adaptation = read_recorded(folder, model, record, form);
  if (stands_on_a_base(form)) warn_of_other_base(folder, &record, model);
  return adaptation;
}

std::unique_ptr<Adaptation> load_merged_adapter(const std::filesystem::path& folder, Model& model) {
  std::unique_ptr<Adaptation> adaptation = load_adapter(folder, model);
  adaptation->merge_into(model);
  if (adaptation->merges_whole()) return nullptr;
  return adaptation;
}

std::unique_ptr<Adaptation> switch_adapter(const std::filesystem::path& folder, Model& model) {
  model.restore();
  try {
    return load_merged_adapter(folder, model);
  } catch (...) {
    model.restore();
    throw;
  }
}

}  // namespace rankscope
