// Copies of the golden models' folders that a test may damage.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/dtype.h"
#include "common/files.h"
#include "common/json.h"
#include "common/safetensors.h"
#include "tests/temporary_folder.h"

namespace rankscope::tests {

inline std::filesystem::path golden_folder(const std::string& name) {
  return std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/goldens" / name;
}

struct OwnedTensor {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;
};
using OwnedTensors = std::map<std::string, OwnedTensor>;

inline OwnedTensors read_tensors(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  OwnedTensors tensors;
  for (const TensorEntry& entry : file.entries()) {
    const auto bytes = file.bytes(entry);
    tensors[entry.name] = {entry.dtype, entry.shape, {bytes.begin(), bytes.end()}};
  }
  return tensors;
}

inline void write_tensors(const std::filesystem::path& path, const OwnedTensors& tensors) {
  std::vector<TensorToWrite> list;
  for (const auto& [name, tensor] : tensors) {
    list.push_back({name, tensor.dtype, tensor.shape, tensor.bytes.data()});
  }
  write_safetensors(path, std::move(list));
}

// A copy of a golden model.
class ModelFolder {
 public:
  explicit ModelFolder(const std::string& golden) {
    for (const auto& file : std::filesystem::directory_iterator(golden_folder(golden))) {
      std::filesystem::copy(file.path(), path() / file.path().filename());
    }
  }
  std::filesystem::path path() const { return folder_.path(); }
  void change_config(const std::function<void(Json&)>& change) {
    Json config = read_json_file((path() / "config.json").string());
    change(config);
    write_file_atomically(path() / "config.json", config.dump());
  }
  void change_tensors(const std::function<void(OwnedTensors&)>& change,
                      const std::string& file = "model.safetensors") {
    OwnedTensors tensors = read_tensors(path() / file);
    change(tensors);
    write_tensors(path() / file, tensors);
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace rankscope::tests
