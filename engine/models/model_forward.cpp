// The steps of a forward pass that all families share, with the places where a method enters.
#include <cmath>

#include "common/draws.h"
#include "engine/methods/method.h"
#include "engine/models/model.h"

namespace rankscope {
namespace {

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

// The batch's rows of keys, from values at all its rows.
Var rows_of_keys(const ForwardContext& context, Var x) {
  const auto& rows = context.batch.key_rows;
  return rows ? select_rows(context.tape, x, rows) : x;
}

}  // namespace

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
  if (context.parts.empty()) add(0, x.value.rows(), context.adaptation, context.draws);
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
  k = rows_of_keys(context, k);
  return context.adaptation ? context.adaptation->keys(context, layer, k) : k;
}

Var Model::values(const ForwardContext& context, int layer, Var v) const {
  v = rows_of_keys(context, v);
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

}  // namespace rankscope
