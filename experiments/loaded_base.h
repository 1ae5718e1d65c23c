// The base that a process computes with: read and brought to its device once, and given to one
// piece of work after the other as its checkpoint has it.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/backend/devices.h"
#include "engine/models/model.h"

namespace rankscope {

class LoadedBase {
 public:
  // The model of `folder` on the device, every tensor the checkpoint's and frozen. What was made on
  // it before (adaptations, trainers) must be gone. Throws as load_model and make_backend.
  Model& model(const std::filesystem::path& folder, const DeviceSettings& device);
  // Lets it go, with the device's memory.
  void drop();

 private:
  std::filesystem::path folder_;
  DeviceSettings device_;
  std::unique_ptr<Backend> backend_;  // outlives the model
  std::unique_ptr<Model> model_;
};

}  // namespace rankscope
