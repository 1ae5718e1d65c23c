#include "engine/training/useful_flops.h"

namespace rankscope {

namespace {

// Key-query pairs that a set of query positions attends to.
double pairs(std::span<const int32_t> positions) {
  double sum = 0;
  for (int32_t p : positions) sum += p + 1;
  return sum;
}

class Counter {
 public:
  Counter(const ModelShape& shape, const Adaptation& adaptation, bool backward)
      : shape_(shape), adaptation_(adaptation), backward_(backward) {}

  bool trained(Site site) const {
    return backward_ && (adaptation_.trains_site_weight(site) || adaptation_.update_rank(site) > 0);
  }

  // One site over `rows` rows; x_wanted: its input's gradient is wanted; y_wanted: its output's is.
  void site(Site site, double rows, bool x_wanted, bool y_wanted) {
    const SiteSpec* spec = shape_.find(site);
    if (!spec) return;
    const double matrix =
        2.0 * static_cast<double>(spec->in) * static_cast<double>(spec->out) * rows;
    const double rank = static_cast<double>(adaptation_.update_rank(site));
    const double low_in = 2.0 * rows * rank * static_cast<double>(spec->in);
    const double low_out = 2.0 * rows * rank * static_cast<double>(spec->out);
    total += matrix + low_in + low_out;
    if (!y_wanted) return;
    if (x_wanted) total += matrix + (rank > 0 ? low_in : 0);
    if (adaptation_.trains_site_weight(site)) total += matrix;
    if (rank > 0) total += 2 * low_out + low_in;  // dB, dy B, dA
  }

  double total = 0;

 private:
  const ModelShape& shape_;
  const Adaptation& adaptation_;
  bool backward_;
};

}  // namespace

double useful_flops(const ModelShape& shape, const Adaptation& adaptation, const Batch& batch,
                    bool backward) {
  return useful_flops(shape, batch,
                      BatchPart{0, batch.rows(), 0, batch.targets(), &adaptation, std::nullopt},
                      backward);
}

double useful_flops(const ModelShape& shape, const Batch& batch, const BatchPart& part,
                    bool backward) {
  const ModelConfig& c = shape.config;
  const Adaptation& adaptation = *part.adaptation;
  Counter count(shape, adaptation, backward);
  const double all = static_cast<double>(part.row_end - part.row_begin);
  const double targets = static_cast<double>(part.loss_end - part.loss_begin);
  const auto positions = [](const AttentionLayout& layout, int64_t begin, int64_t end) {
    return std::span(layout.query_positions)
        .subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  };
  const double head_width = static_cast<double>(c.heads * c.head_dim);
  bool stream = backward && adaptation.lowest_trained_layer() < 0;  // the residual's gradient
  for (int layer = 0; layer < c.layers; ++layer) {
    const bool last = layer + 1 == c.layers;
    const double rows = last ? targets : all;
    auto at = [&](SiteKind kind) { return Site{layer, kind}; };
    const bool lowest = backward && layer == adaptation.lowest_trained_layer();
    const LayerPlace place = adaptation.lowest_trained_place();
    const bool below = stream || (lowest && place == LayerPlace::kInput);
    const bool projections = below || (lowest && place <= LayerPlace::kProjections);
    const bool q = projections || count.trained(at(SiteKind::Wq));
    const bool k = projections || count.trained(at(SiteKind::Wk));
    const bool v = projections || count.trained(at(SiteKind::Wv));
    count.site(at(SiteKind::Wq), rows, below, q);
    count.site(at(SiteKind::Wk), all, below, k);
    count.site(at(SiteKind::Wv), all, below, v);
    const double product =
        2.0 * head_width *
        pairs(last ? positions(*batch.loss_layout, part.loss_begin, part.loss_end)
                   : positions(*batch.full_layout, part.row_begin, part.row_end));
    count.total += 2 * product;
    count.total += product * ((v ? 1 : 0) + (q || k ? 1 : 0) + (q ? 1 : 0) + (k ? 1 : 0));
    const bool mixed = q || k || v;
    stream =
        stream || mixed || count.trained(at(SiteKind::Wo)) || (lowest && place <= LayerPlace::kMlp);
    count.site(at(SiteKind::Wo), rows, mixed, stream);
    const bool up = stream || count.trained(at(SiteKind::W1)) || count.trained(at(SiteKind::W3));
    count.site(at(SiteKind::W1), rows, stream, up);
    count.site(at(SiteKind::W3), rows, stream, up);
    const bool down = up || count.trained(at(SiteKind::W2));
    count.site(at(SiteKind::W2), rows, up, down);
    // What is trained at the layer's end needs the stream's gradient.
    stream = down || (backward && layer >= adaptation.lowest_trained_layer());
    count.total += (stream ? 3 : 1) * adaptation.added_flops(layer) * rows;
  }
  const double head =
      2.0 * targets * static_cast<double>(c.width) * static_cast<double>(c.vocabulary);
  count.total += head;
  if (backward && stream) count.total += head;
  if (backward && adaptation.trains_head()) count.total += head;
  return count.total;
}

}  // namespace rankscope
