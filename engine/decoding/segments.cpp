#include "engine/decoding/segments.h"

#include <stdexcept>

namespace rankscope {

namespace {

// A batch of segments while it grows, row by row.
class SegmentBatch {
 public:
  explicit SegmentBatch(KvCache& cache) : rows_{cache, {}, 0, 0, {}, {}} {}

  void add(const Segment& segment) {
    const int64_t kept = segment.sequence->tokens;
    const auto length = static_cast<int64_t>(segment.tokens.size());
    int64_t begin = 0, stored = 0;
    if (kept == 0) {
      if (rows_.continued.queries() > 0)
        throw std::logic_error("segments of empty sequences come first");
      begin = tokens_.begin(segment.tokens, segment.wanted);
      if (fresh_before_ != nullptr)
        stored = rows_.cache.share(*segment.sequence, *fresh_before_, begin);
      rows_.slots.insert(rows_.slots.end(), static_cast<size_t>(stored), kKept);
      fresh_before_ = segment.sequence;
    }
    rows_.cache.extend(*segment.sequence, length - stored, rows_.slots);
    if (kept > 0) begin_continued(*segment.sequence);
    for (int64_t i = begin; i < length; ++i) {
      const auto position = static_cast<int32_t>(kept + i);
      const bool wanted = i >= length - segment.wanted;
      if (wanted) {
        loss_rows_.push_back(static_cast<int32_t>(tokens_.rows()));
        loss_positions_.push_back(position);
      }
      tokens_.add(segment.tokens[static_cast<size_t>(i)]);
      positions_.push_back(position);
      if (kept > 0) {
        see(rows_.continued, position);
        if (wanted) see(rows_.continued_loss, position);
      }
    }
    if (kept == 0) end_fresh();
  }

  CacheRows take_rows() { return std::move(rows_); }

  Batch batch() {
    Batch batch;
    full_.query_positions.assign(positions_.begin(), positions_.begin() + rows_.fresh_rows);
    loss_.query_positions.assign(loss_positions_.begin(),
                                 loss_positions_.begin() + rows_.fresh_loss_rows);
    batch.full_layout = std::make_shared<const AttentionLayout>(std::move(full_));
    batch.loss_layout = std::make_shared<const AttentionLayout>(std::move(loss_));
    batch.key_rows = tokens_.take_key_rows();
    batch.special = tokens_.take_special();
    batch.tokens = tokens_.take_tokens();
    batch.positions = std::make_shared<const Indices>(std::move(positions_));
    batch.loss_rows = std::make_shared<const Indices>(std::move(loss_rows_));
    batch.loss_positions = std::make_shared<const Indices>(std::move(loss_positions_));
    return batch;
  }

 private:
  // All rows of a segment look at the same pages; each sees those up to its own position.
  void begin_continued(const CachedSequence& sequence) {
    for (PagedLayout* layout : {&rows_.continued, &rows_.continued_loss}) {
      page_begin_ = static_cast<int64_t>(layout->pages.size());
      layout->pages.insert(layout->pages.end(), sequence.pages.begin(), sequence.pages.end());
    }
  }

  void see(PagedLayout& layout, int32_t position) {
    layout.page_begin.push_back(page_begin_);
    layout.keys.push_back(position + 1);
  }

  void end_fresh() {
    rows_.fresh_rows = tokens_.rows();
    rows_.fresh_loss_rows = static_cast<int64_t>(loss_rows_.size());
    full_.key_begin.push_back(tokens_.keys());
    full_.query_begin.push_back(rows_.fresh_rows);
    loss_.key_begin.push_back(tokens_.keys());
    loss_.query_begin.push_back(rows_.fresh_loss_rows);
  }

  CacheRows rows_;
  AttentionLayout full_{{0}, {0}, {}}, loss_{{0}, {0}, {}};
  TokenRows tokens_{SharedRows::kAny};
  std::vector<int32_t> positions_, loss_rows_, loss_positions_;
  int64_t page_begin_ = 0;                        // of the segment's pages, in both layouts
  const CachedSequence* fresh_before_ = nullptr;  // the last that began here
};

}  // namespace

int64_t counted_tokens(std::span<const int32_t> tokens, std::span<const int32_t> before) {
  const int64_t rowless = tokens_without_row(tokens, before, SharedRows::kAny);
  return std::ssize(tokens) - rowless + (rowless + 7) / 8;
}

SegmentPass::SegmentPass(KvCache& cache, std::span<const Segment> segments) {
  SegmentBatch rows(cache);
  for (const Segment& segment : segments) rows.add(segment);
  batch_ = rows.batch();
  rows_ = std::make_unique<const CacheRows>(rows.take_rows());
}

Tensor SegmentPass::run(const Model& model, const Adaptation* adaptation) const {
  Tape tape(model.backend(), false);
  return model.forward({tape, batch_, adaptation, std::nullopt, 0.0, rows_.get()}).value;
}

Tensor run_segments(const Model& model, const Adaptation* adaptation, KvCache& cache,
                    std::span<const Segment> segments) {
  const SegmentPass pass(cache, segments);
  cache.copy_shared_pages();
  return pass.run(model, adaptation);
}

}  // namespace rankscope
