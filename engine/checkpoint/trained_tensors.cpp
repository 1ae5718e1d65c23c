#include "engine/checkpoint/trained_tensors.h"

#include <set>

#include "common/error.h"
#include "common/safetensors.h"
#include "common/text.h"
#include "engine/checkpoint/stored_tensor.h"

namespace rankscope {

std::unique_ptr<Adaptation> begin_adaptation(const std::string& where, const std::string& method,
                                             const std::map<std::string, std::string>& settings,
                                             Model& model) {
  try {
    Settings left(settings);
    const std::unique_ptr<Method> made = make_method(method, left);
    left.refuse_unknown("method " + method);
    made->trainable_parameters(model.shape());
    return made->adapt(model, 0);
  } catch (const InputError& error) {
    throw InputError(where + ": " + error.what());
  }
}

void write_trained_tensors(const std::filesystem::path& folder, const Model& model,
                           Adaptation& adaptation, AdapterRecord& record) {
  std::vector<std::vector<float>> values;  // where write_safetensors reads them
  std::vector<TensorToWrite> tensors;
  for (const TrainedParameter& trained : adaptation.trained()) {
    const Parameter& p = *trained.parameter;
    tensors.push_back({p.name,
                       DType::kF32,
                       {p.value.rows(), p.value.cols()},
                       model.backend().host_values(p.value, values)});
  }
  record.weights_file = kTrainedFile;
  write_safetensors(folder / kTrainedFile, std::move(tensors), {{"format", "pt"}});
}

std::unique_ptr<Adaptation> read_trained_tensors(const std::filesystem::path& folder, Model& model,
                                                 const AdapterRecord& record) {
  const SafetensorsFile file(folder / record.weights_file);
  std::unique_ptr<Adaptation> adaptation =
      begin_adaptation(printable_path(folder / kRecordFile), record.method, record.settings, model);
  std::set<std::string> names;
  for (const TrainedParameter& trained : adaptation->trained()) {
    Parameter& p = *trained.parameter;
    const TensorEntry& entry = file.at(p.name);
    check_stored_tensor(file, entry, {p.value.rows(), p.value.cols()});
    names.insert(p.name);
  }
  for (const TensorEntry& entry : file.entries()) {
    if (names.contains(entry.name)) continue;
    throw InputError(file.source_name() + ": tensor '" + printable(entry.name) +
                     "' is not one that method " + record.method +
                     " trains; check that the adapter belongs to the model");
  }
  // All of it fits; only now is anything overwritten.
  for (const TrainedParameter& trained : adaptation->trained()) {
    Parameter& p = *trained.parameter;
    const TensorEntry& entry = file.at(p.name);
    model.backend().upload(stored_values(file, entry).data(), p.value.matrix());
    file.drop_pages(entry);
  }
  adaptation->refresh(model);
  return adaptation;
}

}  // namespace rankscope
