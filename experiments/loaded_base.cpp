#include "experiments/loaded_base.h"

namespace rankscope {

Model& LoadedBase::model(const std::filesystem::path& folder, const DeviceSettings& device) {
  if (model_ && folder == folder_ && device == device_) {
    model_->restore();
    return *model_;
  }
  drop();
  backend_ = make_backend(device);
  model_ = load_model(folder, *backend_);
  folder_ = folder;
  device_ = device;
  return *model_;
}

void LoadedBase::drop() {
  model_.reset();
  backend_.reset();
}

}  // namespace rankscope
