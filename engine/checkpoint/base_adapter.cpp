#include "engine/checkpoint/base_adapter.h"

#include <algorithm>

#include "common/error.h"
#include "common/safetensors.h"
#include "common/text.h"
#include "engine/checkpoint/model_folder.h"
#include "engine/checkpoint/stored_tensor.h"

namespace rankscope {

void write_base_adapter(const std::filesystem::path& folder, const Model& model,
                        const BaseParameterAdaptation& adaptation, SavedForm form,
                        AdapterRecord& record) {
  record.weights_file = form == SavedForm::kModel ? kModelFile : kBiasFile;
  if (form == SavedForm::kModel) return write_model(folder, model, DType::kF32, NotFinite::kKeep);
  std::vector<std::vector<float>> values;  // where write_safetensors reads them
  std::vector<TensorToWrite> tensors;
  for (const Parameter* parameter : adaptation.parameters()) {
    const TensorSpec& spec = *model.shape().find_tensor(parameter->name);
    tensors.push_back({spec.name, DType::kF32, spec.shape,
                       model.backend().host_values(parameter->value, values)});
  }
  write_safetensors(folder / record.weights_file, std::move(tensors), {{"format", "pt"}});
}

std::unique_ptr<BaseParameterAdaptation> read_base_adapter(const std::filesystem::path& folder,
                                                           Model& model, SavedForm form,
                                                           const AdapterRecord& record) {
  const SafetensorsFile file(folder / record.weights_file);
  const bool whole_model = form == SavedForm::kModel;
  std::vector<std::string> names;
  for (const TensorSpec& spec : model.shape().tensors) {
    if (!whole_model && !spec.bias) continue;
    check_stored_tensor(file, file.at(spec.name), spec.shape);
    names.push_back(spec.name);
  }
  for (const TensorEntry& entry : file.entries()) {
    if (std::find(names.begin(), names.end(), entry.name) == names.end()) {
      throw InputError(file.source_name() + ": tensor '" + printable(entry.name) +
                       "' is not one that method " + record.method +
                       " trains; check that the adapter belongs to the model");
    }
  }
  auto adaptation = std::make_unique<BaseParameterAdaptation>(model, names, /*trainable=*/false);
  for (Parameter* parameter : adaptation->parameters()) {
    const TensorEntry& entry = file.at(parameter->name);
    const std::vector<float> values = stored_values(file, entry);
    model.backend().upload(values.data(), parameter->value.matrix());
    file.drop_pages(entry);
  }
  model.refresh();
  return adaptation;
}

}  // namespace rankscope
