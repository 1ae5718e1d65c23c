#include "engine/models/model.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "common/hash.h"
#include "engine/backend/devices.h"

namespace rankscope {
namespace {

// Elements converted at a time where a whole tensor is read as fp32.
constexpr int64_t kHashBlock = 1 << 16;

Tensor float_copy(Backend& backend, const WeightView& stored) {
  Tensor copy = backend.floats(stored.rows, stored.cols);
  if (backend.in_host_memory()) {
    copy_as_float(stored, 0, copy.size(), copy.data());
  } else {
    std::vector<float> values(static_cast<size_t>(copy.size()));
    copy_as_float(stored, 0, copy.size(), values.data());
    backend.upload(values.data(), copy.matrix());
  }
  return copy;
}

void add_shape(const TensorSpec& spec, Sha256& hash) {
  hash.update_field(spec.name).update_u64(spec.shape.size());
  for (int64_t dimension : spec.shape) hash.update_u64(static_cast<uint64_t>(dimension));
}

}  // namespace

Model::Model(ModelShape shape, std::shared_ptr<const Weights> weights, Backend& backend)
    : shape_(std::move(shape)), weights_(std::move(weights)), backend_(backend) {
  for (const TensorSpec& spec : shape_.tensors) {
    auto parameter = std::make_unique<Parameter>();
    parameter->name = spec.name;
    parameters_.emplace(spec.name, std::move(parameter));
    place_frozen(spec);
  }
  packed_once_ = shape_.packed_once() && backend_.in_host_memory();
  make_linear_weights();
}

// The tensor where frozen weights are computed with: in the mapped file, or a copy.
void Model::place_frozen(const TensorSpec& spec) {
  const WeightView& stored = weights_->view(spec.name);
  Tensor& value = parameters_.at(spec.name)->value;
  if (stored.dtype == DType::kF32 && backend_.in_host_memory()) {
    value =
        Tensor::over(static_cast<const float*>(stored.data), stored.rows, stored.cols, weights_);
  } else if (spec.shape.size() == 1) {
    // Kernels read biases and norms as fp32; big matrices stay as stored.
    value = float_copy(backend_, stored);
  } else {
    value = {};
    if (backend_.in_host_memory()) return;
    Placed placed;
    placed.view = backend_.place(stored, placed.owner);
    placed_[spec.name] = std::move(placed);
    weights_->release_pages(spec.name);
  }
}

std::vector<Parameter*> Model::parameters() const {
  std::vector<Parameter*> all;
  for (const TensorSpec& spec : shape_.tensors) all.push_back(&parameter(spec.name));
  return all;
}

WeightView Model::view(const std::string& name) const {
  const Parameter& found = parameter(name);
  if (!found.value.empty()) return WeightView::of(found.value.view());
  const auto placed = placed_.find(name);
  return placed == placed_.end() ? weights_->view(name) : placed->second.view;
}

void Model::copy_values(const std::string& name, int64_t first, int64_t count, float* out) const {
  const Tensor& value = parameter(name).value;
  if (value.empty()) {
    copy_as_float(weights_->view(name), first, count, out);
  } else {
    backend_.download({value.data() + first, 1, count, count}, out);
  }
}

LinearWeight Model::linear_weight(const SiteSpec& spec) const {
  WeightView part = view(spec.weight);
  const int64_t row = spec.stored_transposed ? spec.begin : 0;
  const int64_t col = spec.stored_transposed ? 0 : spec.begin;
  const int64_t first = row * part.row_stride + col * part.col_stride;
  part.data = static_cast<const std::byte*>(part.data) +
              first * static_cast<int64_t>(dtype_size(part.dtype));
  part.rows = spec.stored_transposed ? spec.out : spec.in;
  part.cols = spec.stored_transposed ? spec.in : spec.out;
  Parameter* bias = spec.bias.empty() ? nullptr : &parameter(spec.bias);
  LinearWeight weight(spec.stored_transposed ? part.transposed() : part, &parameter(spec.weight),
                      bias, spec.stored_transposed, row, col, spec.begin);
  if (packed_once_) weight.pack_once();
  if (!writable_.contains(spec.weight)) release_when_packed(weight, spec.weight);
  return weight;
}

LinearWeight Model::head_weight() const {
  const std::string name = shape_.head();
  LinearWeight weight(view(name).transposed(), &parameter(name), nullptr, true, 0, 0, 0);
  if (packed_once_) weight.pack_once();
  if (!writable_.contains(name)) release_when_packed(weight, name);
  return weight;
}

// The packed forms are what is computed with: without this the checkpoint would count as memory
// beside them.
void Model::release_when_packed(LinearWeight& weight, const std::string& tensor) const {
  weight.on_packed([weights = weights_, tensor] { weights->release_pages(tensor); });
}

void Model::make_writable(const std::string& name) {
  if (!writable_.insert(name).second) return;
  Parameter& parameter = *parameters_.at(name);
  parameter.value = float_copy(backend_, weights_->view(name));
  weights_->release_pages(name);
  placed_.erase(name);
  view_anew(name);
}

void Model::pack_once() {
  packed_once_ = backend_.in_host_memory();
  make_linear_weights();
}

void Model::make_linear_weights() {
  for (const SiteSpec& spec : shape_.sites) sites_[spec.site] = linear_weight(spec);
  head_ = head_weight();
}

// Whoever computes with the tensor looks where it lies now.
void Model::view_anew(const std::string& tensor) {
  for (const SiteSpec& spec : shape_.sites) {
    if (spec.weight == tensor) sites_[spec.site] = linear_weight(spec);
  }
  if (tensor == shape_.head()) head_ = head_weight();
}

void Model::restore() {
  const std::set<std::string> written = std::exchange(writable_, {});
  for (const std::string& name : written) {
    parameters_.at(name)->gradient = {};
    place_frozen(*shape_.find_tensor(name));
    view_anew(name);
  }
}

void Model::make_trainable(const std::string& name) {
  make_writable(name);
  Parameter& parameter = *parameters_.at(name);
  if (!parameter.trainable()) {
    parameter.gradient = backend_.zeros(parameter.value.rows(), parameter.value.cols());
  }
}

void Model::refresh() {
  const auto refresh_one = [&](LinearWeight& weight, auto&& make_anew) {
    if (!writable_.contains(weight.parameter()->name)) return;
    if (weight.trainable()) {
      weight.refresh(backend_);
    } else {
      weight = make_anew();
    }
  };
  for (const SiteSpec& spec : shape_.sites) {
    refresh_one(sites_.at(spec.site), [&] { return linear_weight(spec); });
  }
  refresh_one(head_, [&] { return head_weight(); });
}

std::string Model::weights_hash() const {
  Sha256 hash;
  std::vector<float> block(kHashBlock);
  for (const TensorSpec& spec : shape_.tensors) {
    add_shape(spec, hash);
    for (int64_t first = 0; first < spec.size(); first += kHashBlock) {
      const int64_t count = std::min(kHashBlock, spec.size() - first);
      copy_values(spec.name, first, count, block.data());
      hash.update(std::as_bytes(std::span(block.data(), static_cast<size_t>(count))));
    }
  }
  return hash.hex();
}

std::string Model::stored_sample_hash() const {
  constexpr int64_t kSample = 256;  // values of a tensor
  Sha256 hash;
  std::array<float, kSample> values{};
  for (const TensorSpec& spec : shape_.tensors) {
    const int64_t count = std::min(kSample, spec.size());
    copy_as_float(weights_->view(spec.name), 0, count, values.data());
    add_shape(spec, hash);
    hash.update(std::as_bytes(std::span(values.data(), static_cast<size_t>(count))));
  }
  return hash.hex();
}

std::unique_ptr<Model> load_model(const std::filesystem::path& folder, Backend& backend) {
  ModelShape shape = read_model_shape(folder);
  if (!backend.in_host_memory()) refuse_head_dim(backend.name(), shape.config.head_dim);
  for (const ModelFamily& family : model_families()) {
    if (family.model_type != shape.config.family) continue;
    auto weights = std::make_shared<const Weights>(folder, shape, family.is_buffer);
    std::unique_ptr<Model> model = family.make(std::move(shape), std::move(weights), backend);
    model->folder_ = folder;
    return model;
  }
  throw std::logic_error("a shape of a family that is not in the table: " + shape.config.family);
}

}  // namespace rankscope
