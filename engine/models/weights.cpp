#include "engine/models/weights.h"

#include <cstring>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/half.h"
#include "common/json.h"
#include "common/suggest.h"
#include "common/text.h"

namespace rankscope {
namespace {

constexpr std::string_view kHeadName = "lm_head.weight";
constexpr std::string_view kSingleName = "model.safetensors";
constexpr std::string_view kIndexName = "model.safetensors.index.json";

std::string_view without_prefix(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

// A file name out of an index: a name in the same folder, nothing else.
bool plain_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

// The names of the tensors that an index places in each file of its folder.
std::map<std::string, std::set<std::string>> read_index(const std::filesystem::path& index) {
  const Json parsed = read_json_file(index);
  JsonObject json(parsed, printable_path(index));
  json.get_object("weight_map");
  std::map<std::string, std::set<std::string>> by_file;
  for (const auto& [name, file] : parsed.at("weight_map").items()) {
    if (!file.is_string() || !plain_file_name(file.get<std::string>())) {
      json.fail("weight_map", "'" + printable(name) + "' must name a file of this folder, not " +
                                  json_excerpt(file));
    }
    by_file[file.get<std::string>()].insert(name);
  }
  return by_file;
}

[[noreturn]] void refuse_extra(const std::string& file, const TensorEntry& entry,
                               const ModelShape& shape) {
  std::vector<std::string> known;
  for (const TensorSpec& spec : shape.tensors) known.push_back(spec.name);
  throw InputError(file + ": tensor '" + printable(entry.name) + "' " + shape_text(entry.shape) +
                   " is no part of the model that config.json describes" +
                   did_you_mean(entry.name, known) +
                   "; check that config.json and the weights belong together");
}

// What config.json says of the weights that belong to it.
DType said_type(const std::filesystem::path& folder) {
  const Json config = read_json_file(folder / "config.json");
  for (const char* key : {"dtype", "torch_dtype"}) {
    const auto found = config.find(key);
    if (found == config.end()) continue;
    if (*found == "bfloat16") return DType::kBF16;
    return *found == "float16" ? DType::kF16 : DType::kF32;
  }
  return DType::kF32;
}

// Of all files of weights; empty where there are none.
std::set<DType> matrix_types(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  if (is_there(folder / kSingleName)) {
    files.emplace_back(kSingleName);
  } else if (is_there(folder / kIndexName)) {
    for (const auto& [name, tensors] : read_index(folder / kIndexName)) files.push_back(name);
  }
  std::set<DType> types;
  for (const std::string& name : files) {
    const SafetensorsFile file(folder / name);
    for (const TensorEntry& entry : file.entries()) {
      if (entry.shape.size() == 2) types.insert(entry.dtype);
    }
  }
  return types;
}

}  // namespace

DType matrix_type(const std::filesystem::path& folder) {
  std::set<DType> types;
  try {
    types = matrix_types(folder);
  } catch (const InputError&) {
  }
  if (types.empty()) return said_type(folder);
  if (types == std::set{DType::kBF16}) return DType::kBF16;
  return types == std::set{DType::kF16} ? DType::kF16 : DType::kF32;
}

void copy_as_float(const WeightView& view, int64_t first, int64_t count, float* out) {
  if (view.dtype == DType::kF32) {
    std::memcpy(out, static_cast<const float*>(view.data) + first,
                static_cast<size_t>(count) * sizeof(float));
    return;
  }
  const auto* half = static_cast<const uint16_t*>(view.data) + first;
  if (view.dtype == DType::kBF16) {
    for (int64_t i = 0; i < count; ++i) out[i] = bf16_to_float(half[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i] = f16_to_float(half[i]);
  }
}

Weights::Weights(const std::filesystem::path& folder, const ModelShape& shape,
                 bool (*is_buffer)(std::string_view name)) {
  const std::filesystem::path single = folder / kSingleName;
  const std::filesystem::path index = folder / kIndexName;
  std::string source = printable_path(single);
  if (is_there(single)) {
    files_.push_back(std::make_unique<SafetensorsFile>(single));
  } else if (is_there(index)) {
    source = printable_path(index);
    open_shards(folder);
  } else {
    throw InputError("model folder '" + printable_path(folder) +
                     "' has neither model.safetensors nor " + std::string(kIndexName) +
                     "; give a Hugging Face folder with safetensors weights");
  }
  for (const auto& file : files_) {
    for (const TensorEntry& entry : file->entries()) take(*file, entry, shape, is_buffer);
  }
  for (const TensorSpec& spec : shape.tensors) {
    if (!views_.contains(spec.name)) {
      throw InputError(source + ": tensor '" + spec.name + "' " + shape_text(spec.shape) +
                       " is missing, which config.json calls for; check that the folder is "
                       "complete and that config.json belongs to it");
    }
  }
  if (stored_head_.data != nullptr) check_tied_head(shape);
}

void Weights::open_shards(const std::filesystem::path& folder) {
  for (const auto& [name, tensors] : read_index(folder / kIndexName)) {
    auto file = std::make_unique<SafetensorsFile>(folder / name);
    for (const std::string& tensor : tensors) {
      if (file->find(tensor) == nullptr) {
        throw InputError(file->source_name() + ": tensor '" + printable(tensor) +
                         "' is missing, which " + std::string(kIndexName) +
                         " places here; check that the folder is complete");
      }
    }
    for (const TensorEntry& entry : file->entries()) {
      if (!tensors.contains(entry.name)) {
        throw InputError(file->source_name() + ": tensor '" + printable(entry.name) +
                         "' is not in " + std::string(kIndexName) +
                         "; the shards and the index do not belong together");
      }
    }
    files_.push_back(std::move(file));
  }
}

void Weights::take(const SafetensorsFile& file, const TensorEntry& entry, const ModelShape& shape,
                   bool (*is_buffer)(std::string_view name)) {
  const std::string bare(without_prefix(entry.name, shape.prefix));
  if (is_buffer(bare)) return;
  const TensorSpec* spec = nullptr;
  const bool tied_copy = shape.config.tied_head && entry.name == kHeadName;
  if (tied_copy) {
    spec = shape.find_tensor(shape.embedding);
  } else {
    spec = shape.find_tensor(entry.name);
    if (spec == nullptr) spec = shape.find_tensor(shape.prefix + entry.name);
  }
  if (spec == nullptr) refuse_extra(file.source_name(), entry, shape);
  if (entry.shape != spec->shape) {
    throw InputError(file.source_name() + ": tensor '" + printable(entry.name) + "' has shape " +
                     shape_text(entry.shape) + ", but config.json calls for " +
                     shape_text(spec->shape) + "; they do not belong together");
  }
  if (entry.dtype != DType::kF32 && entry.dtype != DType::kF16 && entry.dtype != DType::kBF16) {
    throw InputError(file.source_name() + ": tensor '" + printable(entry.name) + "' has type " +
                     std::string(dtype_name(entry.dtype)) +
                     ", which is not supported; supported are F32, F16, BF16");
  }
  const bool vector = spec->shape.size() == 1;
  const WeightView view =
      map(file, entry, vector ? 1 : spec->shape[0], vector ? spec->shape[0] : spec->shape[1]);
  if (tied_copy) {
    stored_head_ = view;
    stored_head_file_ = file.source_name();
    return;
  }
  if (!views_.emplace(spec->name, view).second) {
    throw InputError(file.source_name() + ": tensor '" + printable(entry.name) +
                     "' is the second of its name; '" + spec->name + "' also stands in " +
                     origin_.at(spec->name));
  }
  origin_.emplace(spec->name, file.source_name());
  mapped_.emplace(spec->name, std::pair(&file, &entry));
}

WeightView Weights::map(const SafetensorsFile& file, const TensorEntry& entry, int64_t rows,
                        int64_t cols) {
  const std::span<const std::byte> bytes = file.bytes(entry);
  const void* data = bytes.data();
  if (reinterpret_cast<uintptr_t>(data) % dtype_size(entry.dtype) != 0) {
    copies_.push_back(std::make_unique<std::byte[]>(bytes.size()));
    std::memcpy(copies_.back().get(), bytes.data(), bytes.size());
    data = copies_.back().get();
    file.drop_pages(entry);
  }
  return {data, entry.dtype, rows, cols, cols, 1};
}

void Weights::check_tied_head(const ModelShape& shape) const {
  const WeightView& table = view(shape.embedding);
  std::vector<float> a(static_cast<size_t>(table.cols)), b(a.size());
  for (int64_t row = 0; row < table.rows; ++row) {
    copy_as_float(table, row * table.cols, table.cols, a.data());
    copy_as_float(stored_head_, row * table.cols, table.cols, b.data());
    // By bits, so that a NaN equals itself.
    if (std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) != 0) {
      throw InputError(stored_head_file_ + ": tensor '" + std::string(kHeadName) +
                       "' differs from '" + shape.embedding + "' in row " + std::to_string(row) +
                       ", but config.json ties them (tie_word_embeddings); set it to false there "
                       "or remove the tensor");
    }
  }
}

void Weights::release_pages(const std::string& name) const {
  const auto found = mapped_.find(name);
  if (found != mapped_.end()) found->second.first->drop_pages(*found->second.second);
}

}  // namespace rankscope
