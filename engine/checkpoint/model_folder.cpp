#include "engine/checkpoint/model_folder.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/files.h"
#include "common/half.h"
#include "common/json.h"
#include "common/safetensors.h"
#include "common/text.h"

namespace rankscope {
namespace {

// Elements rounded at a time: their fp32 values stay in the cache.
constexpr int64_t kBlock = 1 << 14;

const char* config_name(DType dtype) {
  if (dtype == DType::kBF16) return "bfloat16";
  return dtype == DType::kF16 ? "float16" : "float32";
}

// What loads the folder goes by the config's type, under its new name where both stand there.
void write_config(const std::filesystem::path& folder, const Model& model, WrittenDType dtype) {
  Json config = read_json_file(model.folder() / "config.json");
  if (dtype) {
    const bool old_name = config.contains("torch_dtype");
    if (old_name) config["torch_dtype"] = config_name(*dtype);
    if (!old_name || config.contains("dtype")) config["dtype"] = config_name(*dtype);
  }
  write_file_atomically(folder / "config.json", config.dump(2) + "\n");
}

// Whether every exponent is below the one of infinity and NaN. The largest is found without a
// branch.
template <typename Bits>
bool all_finite(const Bits* values, int64_t count, Bits exponent) {
  Bits largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    largest = std::max(largest, static_cast<Bits>(values[i] & exponent));
  }
  return largest < exponent;
}

// Gives tensors' bytes in the written type, one after another, converted in a memory that they
// share.
class Converter {
 public:
  Converter(const Model& model, NotFinite not_finite) : model_(model), not_finite_(not_finite) {}

  const void* bytes(const TensorSpec& spec, DType dtype) {
    const WeightView view = model_.view(spec.name);
    const bool as_it_lies = model_.backend().in_host_memory() && view.dtype == dtype;
    const void* data = as_it_lies ? view.data : converted(spec, dtype);
    if (not_finite_ == NotFinite::kRefuse && !finite(data, spec.size(), dtype)) {
      throw InputError(
          "tensor '" + spec.name + "' has values that " + std::string(dtype_name(dtype)) +
          " does not hold (infinite, or not a number); " +
          (dtype == DType::kF16 ? "write bf16 or f32" : "check the adapter's training"));
    }
    return data;
  }

 private:
  const void* converted(const TensorSpec& spec, DType dtype) {
    const int64_t size = spec.size();
    if (dtype == DType::kF32) {
      grow(floats_, size);
      model_.copy_values(spec.name, 0, size, floats_.data());
      return floats_.data();
    }
    grow(halves_, size);
    grow(floats_, kBlock);
    for (int64_t first = 0; first < size; first += kBlock) {
      const int64_t count = std::min(kBlock, size - first);
      model_.copy_values(spec.name, first, count, floats_.data());
      round(floats_.data(), count, dtype, halves_.data() + first);
    }
    return halves_.data();
  }
  // One loop for each type, so that the compiler has its body.
  static void round(const float* from, int64_t count, DType dtype, uint16_t* to) {
    if (dtype == DType::kBF16) {
      for (int64_t i = 0; i < count; ++i) to[i] = float_to_bf16(from[i]);
    } else {
      for (int64_t i = 0; i < count; ++i) to[i] = float_to_f16(from[i]);
    }
  }
  template <typename T>
  static void grow(std::vector<T>& memory, int64_t size) {
    if (std::ssize(memory) < size) memory.resize(static_cast<size_t>(size));
  }
  static bool finite(const void* data, int64_t count, DType dtype) {
    if (dtype == DType::kF32) {
      return all_finite(static_cast<const uint32_t*>(data), count, uint32_t{0x7f800000});
    }
    const uint16_t exponent = dtype == DType::kBF16 ? 0x7f80 : 0x7c00;
    return all_finite(static_cast<const uint16_t*>(data), count, exponent);
  }

  const Model& model_;
  NotFinite not_finite_;
  std::vector<float> floats_;
  std::vector<uint16_t> halves_;
};

}  // namespace

void write_model(const std::filesystem::path& folder, const Model& model, WrittenDType dtype,
                 NotFinite not_finite) {
  write_config(folder, model, dtype);
  Converter converter(model, not_finite);
  std::vector<TensorToWrite> tensors;
  for (const TensorSpec& spec : model.shape().tensors) {
    const DType written = dtype.value_or(model.stored_dtype(spec.name));
    tensors.push_back({spec.name, written, spec.shape, nullptr,
                       [&converter, &spec, written] { return converter.bytes(spec, written); }});
  }
  write_safetensors(folder / kModelFile, std::move(tensors), {{"format", "pt"}});
}

}  // namespace rankscope
