// Golden models with adapters that are saved, loaded and damaged.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/draws.h"
#include "common/error.h"
#include "engine/checkpoint/adapter.h"
#include "tests/engine/goldens/golden_case.h"
#include "tests/engine/models/model_folder.h"
#include "tests/error_text.h"

namespace rankscope::tests {

// A folder of an adapter that PEFT wrote.
inline std::filesystem::path peft_folder(const std::string& name) {
  return std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/peft" / name;
}

// A golden model under a method whose trained values have all been drawn anew.
struct Trained {
  std::unique_ptr<Backend> backend = make_cpu_backend(1);
  GoldenCase golden;
  std::unique_ptr<Model> model;
  std::unique_ptr<Method> method;
  std::unique_ptr<Adaptation> adaptation;

  Trained(const std::string& name, const std::string& method_name,
          const std::vector<std::string>& assignments = {}, uint64_t seed = 5)
      : golden(name), model(golden.load(*backend)) {
    Settings settings;
    for (const std::string& assignment : assignments) settings.add(assignment);
    method = make_method(method_name, settings);
    adaptation = method->adapt(*model, 1);
    for (const TrainedParameter& trained : adaptation->trained()) {
      const Draws draws(seed, "test", trained.parameter->name);
      const std::span<float> values = trained.parameter->value.values();
      draws.fill_normal(values);
      for (float& value : values) value *= 0.1f;
    }
    model->refresh();
    adaptation->refresh(*model);
  }
  void save(const std::filesystem::path& folder) {
    save_adapter(folder, *model, *adaptation, *method);
  }
  std::vector<double> nll() const {
    return evaluate(*model, adaptation.get(), golden.examples(), 1024).nll;
  }
};

// A fresh base with the adapter of that folder.
struct Loaded {
  std::unique_ptr<Backend> backend = make_cpu_backend(1);
  GoldenCase golden;
  std::unique_ptr<Model> model;
  std::unique_ptr<Adaptation> adaptation;

  Loaded(const std::string& name, const std::filesystem::path& folder)
      : golden(name), model(golden.load(*backend)), adaptation(load_adapter(folder, *model)) {}
  std::vector<double> nll() const {
    return evaluate(*model, adaptation.get(), golden.examples(), 1024).nll;
  }
};

// A copy of an adapter that PEFT wrote, to be damaged.
class PeftFolder {
 public:
  explicit PeftFolder(const std::string& name, const std::string& golden) : golden_(golden) {
    for (const auto& file : std::filesystem::directory_iterator(peft_folder(name))) {
      std::filesystem::copy(file.path(), folder_ / file.path().filename().string());
    }
  }
  const std::filesystem::path& path() const { return folder_.path(); }
  std::string refusal() const {
    return error_text<InputError>([&] { Loaded(golden_, folder_.path()); });
  }
  std::string refusal_with(const std::string& key, const Json& value) const {
    const Json before = read_json_file(folder_ / "adapter_config.json");
    change_config(key, value);
    const std::string text = refusal();
    write_file_atomically(folder_ / "adapter_config.json", before.dump());
    return text;
  }
  void change_config(const std::string& key, const Json& value) const {
    Json config = read_json_file(folder_ / "adapter_config.json");
    config[key] = value;
    write_file_atomically(folder_ / "adapter_config.json", config.dump());
  }
  void change_tensors(const std::function<void(OwnedTensors&)>& change) const {
    OwnedTensors tensors = read_tensors(folder_ / "adapter_model.safetensors");
    change(tensors);
    write_tensors(folder_ / "adapter_model.safetensors", tensors);
  }
  void cut_tensors_short() const {
    const auto path = folder_ / "adapter_model.safetensors";
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5);
  }

 private:
  std::string golden_;
  TemporaryFolder folder_;
};

}  // namespace rankscope::tests
