// Weights: the tensors of a Hugging Face model folder, mapped and checked against a shape.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/safetensors.h"
#include "engine/backend/backend.h"
#include "engine/models/config.h"

namespace rankscope {

class Weights {
 public:
  // FOLDER/model.safetensors, or the shards that FOLDER/model.safetensors.index.json lists. Names
  // may lack the base model's prefix ("transformer.", "model."); buffers that are no parameters
  // (`is_buffer`, of the name without prefix) are passed over; the copy of a tied head must equal
  // the embedding. Throws InputError naming file, tensor and shapes for a tensor that is missing,
  // extra, given twice, or of another shape or a type other than F32, F16, BF16.
  Weights(const std::filesystem::path& folder, const ModelShape& shape,
          bool (*is_buffer)(std::string_view name));

  // As stored; a vector is a matrix of one row. Aligned to its type, valid as long as this object.
  const WeightView& view(const std::string& name) const { return views_.at(name); }

  // Gives the tensor's mapped pages back to the system; they are read again when next touched.
  void release_pages(const std::string& name) const;

 private:
  void open_shards(const std::filesystem::path& folder);
  void take(const SafetensorsFile& file, const TensorEntry& entry, const ModelShape& shape,
            bool (*is_buffer)(std::string_view name));
  WeightView map(const SafetensorsFile& file, const TensorEntry& entry, int64_t rows, int64_t cols);
  void check_tied_head(const ModelShape& shape) const;

  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, WeightView> views_;    // by canonical name
  std::map<std::string, std::string> origin_;  // canonical name -> file, for messages
  std::map<std::string, std::pair<const SafetensorsFile*, const TensorEntry*>> mapped_;
  std::vector<std::unique_ptr<std::byte[]>> copies_;  // of what lies unaligned in its file
  // A copy of a tied head that the folder holds, and where.
  WeightView stored_head_;
  std::string stored_head_file_;
};

// The type of a model folder's matrices: BF16 or F16 where all of them are, else F32; in a folder
// without weights, or whose weights cannot be read, what config.json says of them (`dtype`,
// `torch_dtype`). For plans of memory: what is wrong with the weights is said when they are loaded.
DType matrix_type(const std::filesystem::path& folder);

// `count` elements from element `first` of a row-major view without gaps, as fp32.
void copy_as_float(const WeightView& view, int64_t first, int64_t count, float* out);

}  // namespace rankscope
