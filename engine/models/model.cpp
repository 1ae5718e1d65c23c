#include "engine/models/model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "common/draws.h"
#include "common/hash.h"
#include "engine/methods/method.h"

namespace rankscope {
namespace {

// Elements converted at a time where a whole tensor is read as fp32.
constexpr int64_t kHashBlock = 1 << 16;

// The key of one place's dropout at one step: the first two words of
// Draws(seed, "dropout", place) at that step. A row's mask is then a function of key, row id and
// column.
DropoutDraws dropout_draws(const StepDraws& draws, const std::string& place, const Batch& batch,
                           BatchRows rows) {
  const auto block =
      Draws(draws.seed, "dropout", place, static_cast<uint64_t>(draws.step)).block(0);
  const auto& ids = rows == BatchRows::kAll ? batch.row_ids : batch.loss_row_ids;
  return {{block[0], block[1]}, &ids};
}

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

}  // namespace

Model::Model(ModelShape shape, std::shared_ptr<const Weights> weights, Backend& backend)
    : shape_(std::move(shape)), weights_(std::move(weights)), backend_(backend) {
  for (const TensorSpec& spec : shape_.tensors) {
    const WeightView& stored = weights_->view(spec.name);
    auto parameter = std::make_unique<Parameter>();
    parameter->name = spec.name;
    if (stored.dtype == DType::kF32 && backend.in_host_memory()) {
      parameter->value =
          Tensor::over(static_cast<const float*>(stored.data), stored.rows, stored.cols, weights_);
    } else if (spec.shape.size() == 1) {
      // Kernels read biases and norms as fp32; big matrices stay as stored.
      parameter->value = float_copy(backend, stored);
    } else if (!backend.in_host_memory()) {
      Placed placed;
      placed.view = backend.place(stored, placed.owner);
      placed_.emplace(spec.name, std::move(placed));
      weights_->release_pages(spec.name);
    }
    parameters_.emplace(spec.name, std::move(parameter));
  }
  for (const SiteSpec& spec : shape_.sites) sites_.emplace(spec.site, linear_weight(spec));
  head_ = head_weight();
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
  if (!writable_.contains(spec.weight)) release_when_packed(weight, spec.weight);
  return weight;
}

LinearWeight Model::head_weight() const {
  const std::string name = shape_.head();
  LinearWeight weight(view(name).transposed(), &parameter(name), nullptr, true, 0, 0, 0);
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
  placed_.erase(name);
  for (const SiteSpec& spec : shape_.sites) {
    if (spec.weight == name) sites_[spec.site] = linear_weight(spec);
  }
  if (name == shape_.head()) head_ = head_weight();
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
    hash.update_field(spec.name).update_u64(spec.shape.size());
    for (int64_t dimension : spec.shape) hash.update_u64(static_cast<uint64_t>(dimension));
    for (int64_t first = 0; first < spec.size(); first += kHashBlock) {
      const int64_t count = std::min(kHashBlock, spec.size() - first);
      copy_values(spec.name, first, count, block.data());
      hash.update(std::as_bytes(std::span(block.data(), static_cast<size_t>(count))));
    }
  }
  return hash.hex();
}

Var Model::apply_site(const ForwardContext& context, Site place, const Var& x, BatchRows rows,
                      LinearOptions options) const {
  std::vector<LowRankRange> updates;
  const auto add = [&](int64_t begin, int64_t end, const Adaptation* adaptation,
                       const std::optional<StepDraws>& draws) {
    const LowRankUpdate* update = adaptation ? adaptation->update_at(place) : nullptr;
    if (update == nullptr || begin == end) return;
    LowRankRange range{begin, end, *update, {}};
    if (!draws) {
      range.update.dropout = 0.0f;
    } else if (update->dropout > 0) {
      range.draws = dropout_draws(*draws, place.name(), context.batch, rows);
    }
    updates.push_back(range);
  };
  if (context.parts.empty())
    add(0, x.value.rows(), context.adaptation, context.draws);
  for (const BatchPart& part : context.parts) {
    if (rows == BatchRows::kAll)
      add(part.row_begin, part.row_end, part.adaptation, part.draws);
    else
      add(part.loss_begin, part.loss_end, part.adaptation, part.draws);
  }
  options.updates = updates;
  if (context.adaptation) options.column_scale = context.adaptation->column_scale_at(place);
  return linear(context.tape, x, site(place), options);
}

Var Model::base_dropout(const ForwardContext& context, const std::string& name, double p,
                        const Var& x, BatchRows rows) const {
  const double rate = p * context.base_dropout_scale;
  if (!context.draws || rate <= 0) return x;
  return dropout(context.tape, x, static_cast<float>(rate),
                 dropout_draws(*context.draws, name, context.batch, rows));
}

Var Model::apply_site_to_residual(const ForwardContext& context, Site place, const Var& x,
                                  const Var& residual, BatchRows rows) const {
  const double rate = config().residual_dropout * context.base_dropout_scale;
  const bool follows = context.adaptation && context.adaptation->follows(place);
  if (!follows && (!context.draws || rate <= 0)) {
    return apply_site(context, place, x, rows, {.residual = &residual});
  }
  Var z = base_dropout(context, place.name() + ".residual", config().residual_dropout,
                       apply_site(context, place, x, rows), rows);
  if (follows) z = context.adaptation->site_output(context, place, z);
  return add(context.tape, residual, z);
}

Var Model::embed_tokens(const ForwardContext& context) const {
  Var x = embed(context, shape().embedding, context.batch.tokens);
  return context.adaptation ? context.adaptation->embedded(context, x) : x;
}

Var Model::entering(const ForwardContext& context, int layer, Var x) const {
  return context.adaptation ? context.adaptation->entering(context, layer, x) : x;
}

Var Model::leaving(const ForwardContext& context, int layer, Var x) const {
  return context.adaptation ? context.adaptation->leaving(context, layer, x) : x;
}

Var Model::keys(const ForwardContext& context, int layer, Var k) const {
  return context.adaptation ? context.adaptation->keys(context, layer, k) : k;
}

Var Model::values(const ForwardContext& context, int layer, Var v) const {
  return context.adaptation ? context.adaptation->values(context, layer, v) : v;
}

Var Model::embed(const ForwardContext& context, const std::string& table,
                 const std::shared_ptr<const Indices>& ids) const {
  return embedding(context.tape, view(table), parameter(table), ids);
}

BatchRows Model::narrow(const ForwardContext& context, int layer, Var& x, Var& normed) const {
  if (layer + 1 < config().layers) return BatchRows::kAll;
  x = select_rows(context.tape, x, context.batch.loss_rows);
  normed = select_rows(context.tape, normed, context.batch.loss_rows);
  return BatchRows::kLoss;
}

Var Model::attend(const ForwardContext& context, int layer, const Var& q, const Var& k,
                  const Var& v, BatchRows rows) const {
  const bool all = rows == BatchRows::kAll;
  const auto& layout = all ? context.batch.full_layout : context.batch.loss_layout;
  if (context.cache == nullptr) {
    return attention(context.tape, attention_shape(), layout, q, k, v);
  }
  const CacheRows& cache = *context.cache;
  const KeyValuePages pages = cache.cache.layer(layer);
  backend_.store_pages(attention_shape(), k.value.view(), v.value.view(), cache.slots, pages);
  Tensor out = backend_.empty(q.value.rows(), q.value.cols());
  const int64_t fresh = all ? cache.fresh_rows : cache.fresh_loss_rows;
  if (fresh > 0) {
    Tensor log_sum = backend_.floats(fresh, config().heads);
    backend_.attention(attention_shape(), *layout, q.value.slice(0, fresh).view(), k.value.view(),
                       v.value.view(), out.slice(0, fresh).matrix(), log_sum.matrix());
  }
  if (fresh < q.value.rows()) {
    backend_.paged_attention(attention_shape(), all ? cache.continued : cache.continued_loss,
                             q.value.slice(fresh, q.value.rows()).view(), pages,
                             out.slice(fresh, out.rows()).matrix());
  }
  return {out, nullptr};
}

AttentionShape Model::attention_shape() const {
  const ModelConfig& c = config();
  const double scale = c.scale_attention ? 1.0 / std::sqrt(static_cast<double>(c.head_dim)) : 1.0;
  return {c.heads, c.kv_heads, c.head_dim, static_cast<float>(scale)};
}

std::unique_ptr<Model> load_model(const std::filesystem::path& folder, Backend& backend) {
  ModelShape shape = read_model_shape(folder);
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
