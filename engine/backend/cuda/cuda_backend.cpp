// The CUDA backend: kernels.h and gemm.h behind the interface of backend.h, in one stream.
#include "engine/backend/cuda/cuda_backend.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>

#include "common/error.h"
#include "common/half.h"
#include "engine/backend/cuda/device_allocator.h"
#include "engine/backend/cuda/device_memory.h"
#include "engine/backend/cuda/kernels.h"
#include "engine/backend/cuda/wide_products.h"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

// Up to this depth or width a product is one of the narrow kernels', which take all ranges of rows
// whose updates share a matrix in one launch.
constexpr int64_t kNarrow = kSharedRank;
// Bytes of a checkpoint's matrix that are moved and converted at a time.
constexpr int64_t kPlaceBytes = int64_t{64} << 20;
// The version of this backend's arithmetic, a part of its instruction set: raised whenever a
// kernel's bits change, so that what was begun with other bits is not gone on with.
constexpr int kKernelVersion = 4;

bool is_plain(const ProductEpilogue& e) {
  return e.bias == nullptr && e.activation == Activation::kNone && e.multiplier.data == nullptr &&
         e.residual.data == nullptr && !e.accumulate;
}

// In bytes. The only row of a matrix may have any stride, of which CUDA's copies take none below
// the row's width.
size_t pitch_of(ConstMatrix m) {
  return static_cast<size_t>(std::max(m.stride, m.cols)) * dtype_size(m.dtype);
}

struct OwnedStream {
  Stream stream = make_stream();
  OwnedStream() = default;
  ~OwnedStream() { destroy_stream(stream); }
  OwnedStream(const OwnedStream&) = delete;
  OwnedStream& operator=(const OwnedStream&) = delete;
};

class CudaBackend final : public Backend {
 public:
  CudaBackend(int device, DType precision)
      : info_(select_device(device)),
        precision_(precision),
        stream_(owned_stream_.stream),
        allocator_(std::make_shared<DeviceAllocator>()),
        wide_(stream_, *allocator_, precision) {
    instruction_set_ = info_.name + ", " + info_.runtime + ", kernels " +
                       std::to_string(kKernelVersion) + ", " +
                       (precision == DType::kF32 ? "fp32" : "bf16");
  }
  // What failed on the GPU is said where its results are waited for.
  ~CudaBackend() override {
    try {
      synchronize(stream_);
    } catch (const MachineError&) {
    }
  }

  std::string_view name() const override { return "cuda"; }
  std::string_view instruction_set() const override { return instruction_set_; }
  std::string libraries() const override { return wide_.version(); }
  int threads() const override { return 1; }
  Allocator& allocator() override { return *allocator_; }
  DType precision() const override { return precision_; }
  int64_t logits_at_once() const override { return kGpuLogitsAtOnce; }
  bool in_host_memory() const override { return false; }
  int64_t peak_bytes() const override { return static_cast<int64_t>(allocator_->most_in_use()); }
  void restart_peak() override { allocator_->restart_most(); }

  void upload(const float* from, Matrix to) override {
    if (to.rows == 0 || to.cols == 0) return;
    wide_.forget_biases(to.data, (to.rows - 1) * to.stride + to.cols);
    std::vector<uint16_t> narrow;
    const void* source = from;
    if (to.dtype != DType::kF32) {
      narrow.resize(static_cast<size_t>(to.rows * to.cols));
      std::transform(from, from + narrow.size(), narrow.begin(), float_to_bf16);
      source = narrow.data();
    }
    const size_t each = dtype_size(to.dtype), width = static_cast<size_t>(to.cols) * each;
    copy_2d_to_device(stream_, to.data, pitch_of(to), source, width, width,
                      static_cast<size_t>(to.rows));
    // Of whole matrices it is not left to the driver whether it still reads `source`.
    synchronize(stream_);
  }

  void download(ConstMatrix from, float* to) override {
    if (from.rows == 0 || from.cols == 0) return;
    const size_t each = dtype_size(from.dtype), width = static_cast<size_t>(from.cols) * each;
    std::vector<uint16_t> narrow;
    void* target = to;
    if (from.dtype != DType::kF32) {
      narrow.resize(static_cast<size_t>(from.rows * from.cols));
      target = narrow.data();
    }
    copy_2d_from_device(stream_, target, width, from.data, pitch_of(from), width,
                        static_cast<size_t>(from.rows));
    synchronize(stream_);
    std::transform(narrow.begin(), narrow.end(), to, bf16_to_float);
  }

  void fill_zero(Matrix m) override {
    if (m.rows == 0 || m.cols == 0) return;
    wide_.forget_biases(m.data, (m.rows - 1) * m.stride + m.cols);
    fill_zero_2d(stream_, m.data, pitch_of(m), static_cast<size_t>(m.cols) * dtype_size(m.dtype),
                 static_cast<size_t>(m.rows));
  }

  // Zero rows follow a number of rows that is no whole multiple: WideProducts tells what for.
  WeightView place(const WeightView& host, std::shared_ptr<const void>& owner) override {
    const int64_t rows = WideProducts::whole_rows(host.rows);
    const auto placed = std::make_shared<const Tensor>(*allocator_, rows, host.cols, precision_);
    const auto row_bytes = host.cols * static_cast<int64_t>(dtype_size(host.dtype));
    const int64_t block =
        host.dtype == precision_
            ? host.rows
            : std::clamp<int64_t>(kPlaceBytes / std::max<int64_t>(1, row_bytes), 1, host.rows);
    Tensor staging;
    if (host.dtype != precision_) staging = bytes(block * row_bytes);
    for (int64_t row = 0; row < host.rows; row += block) {
      const int64_t count = std::min(block, host.rows - row);
      const auto* from = static_cast<const std::byte*>(host.data) + row * row_bytes;
      void* to = host.dtype == precision_ ? placed->data() : staging.data();
      copy_to_device(stream_, to, from, static_cast<size_t>(count * row_bytes));
      if (host.dtype == precision_) break;
      convert(stream_, {to, host.dtype, count, host.cols, host.cols, 1},
              placed->matrix().row_range(row, row + count));
    }
    if (rows != host.rows) {
      fill_zero(placed->matrix().row_range(host.rows, rows));
      wide_.note_zero_rows(placed, host.rows);
    }
    synchronize(stream_);
    owner = placed;
    return WeightView::of(placed->view().row_range(0, host.rows));
  }

  PackedMatrix pack(const WeightView& right) override {
    PackedMatrix packed(right, {});
    if (!multiplies_in_place(right))
      packed = PackedMatrix(right, Tensor(*allocator_, right.rows, right.cols, precision_));
    repack(right, packed);
    return packed;
  }

  void repack(const WeightView& right, PackedMatrix& packed) override {
    if (packed.storage().empty()) {
      packed = PackedMatrix(right, {});
      return;
    }
    packed = PackedMatrix(right, packed.storage());
    convert(stream_, right, packed.storage().matrix());
  }

  void product(std::span<const ProductTerm> terms, const ProductEpilogue& epilogue,
               Matrix out) override {
    if (out.rows == 0 || out.cols == 0) return;
    if (terms.size() == 1 && out.cols <= kNarrow && out.dtype == DType::kF32 &&
        terms[0].right->view().dtype == DType::kF32 && is_plain(epilogue)) {
      const NarrowRight all{0, out.rows, terms[0].right->view(), epilogue.scale};
      narrow_right(stream_, terms[0].left, std::span(&all, 1), out);
      return;
    }
    std::vector<NarrowTerm> narrow;
    std::vector<ProductTerm> wide;
    for (const ProductTerm& term : terms) {
      if (is_narrow(term, &term == terms.data()))
        narrow.push_back({0, out.rows, term.left, term.right->view()});
      else
        wide.push_back(term);
    }
    any_product(narrow, wide, epilogue, out);
  }

  void low_rank_product(ConstMatrix left, const PackedMatrix& right,
                        std::span<const LowRankRows> updates, const ProductEpilogue& epilogue,
                        Matrix low, Matrix out) override {
    if (!takes(updates)) return Backend::low_rank_product(left, right, updates, epilogue, low, out);
    std::vector<NarrowRight> down;
    for (const LowRankRows& u : updates)
      down.push_back({u.begin, u.end, WeightView::of(u.a).transposed(), u.scale});
    narrow_right(stream_, left, down, low);
    wide_runs(left, right, updates, epilogue, out, [&](const LowRankRows& u) {
      return NarrowTerm{0, 0, low, WeightView::of(u.b).transposed()};
    });
  }

  void low_rank_backward(ConstMatrix left, ConstMatrix low, ConstMatrix dy,
                         const PackedMatrix* back, std::span<const LowRankRows> updates,
                         const ProductEpilogue& epilogue, Matrix dx) override {
    if (!takes(updates))
      return Backend::low_rank_backward(left, low, dy, back, updates, epilogue, dx);
    std::vector<NarrowRight> down;
    std::vector<NarrowOuter> gradients;
    Tensor dlow = floats(dy.rows, low.cols);
    // The first r columns of a range's rows.
    const auto of_range = [](ConstMatrix m, const LowRankRows& u) {
      m = m.row_range(u.begin, u.end);
      m.cols = u.a.rows;
      return m;
    };
    for (const LowRankRows& u : updates) {
      down.push_back({u.begin, u.end, WeightView::of(u.b), u.scale});
      if (u.a_gradient.data)
        gradients.push_back({of_range(dlow.view(), u), left.row_range(u.begin, u.end),
                             u.a_gradient.data, u.a_gradient.stride, 1});
      if (u.b_gradient.data)
        gradients.push_back({of_range(low, u), dy.row_range(u.begin, u.end), u.b_gradient.data, 1,
                             u.b_gradient.stride});
    }
    narrow_right(stream_, dy, down, dlow.matrix());
    add_outers(gradients);
    if (dx.data == nullptr) return;
    wide_runs(dy, *back, updates, epilogue, dx, [&](const LowRankRows& u) {
      return NarrowTerm{0, 0, dlow.view(), WeightView::of(u.a)};
    });
  }

  void finish_product(ConstMatrix x, const float* column_scale, const ProductEpilogue& epilogue,
                      Matrix out) override {
    if (out.rows == 0 || out.cols == 0) return;
    RANKSCOPE_CUDA::finish_product(stream_, x, column_scale, epilogue, out);
  }

  void accumulate_outer(ConstMatrix left, ConstMatrix right, Matrix out) override {
    if (left.rows == 0 || left.cols == 0 || right.cols == 0) return;
    if (std::min(left.cols, right.cols) <= kNarrow) {
      const bool left_narrow = left.cols <= right.cols;
      const NarrowOuter all{left_narrow ? left : right, left_narrow ? right : left, out.data,
                            left_narrow ? out.stride : 1, left_narrow ? 1 : out.stride};
      add_outers({&all, 1});
      return;
    }
    Tensor left_copy, right_copy;
    if (left.dtype != right.dtype) {
      left = wide_.in_precision(left, left_copy);
      right = wide_.in_precision(right, right_copy);
    }
    wide_.outer(left, right, out);
  }

  void attention(const AttentionShape& shape, const AttentionLayout& layout, ConstMatrix q,
                 ConstMatrix k, ConstMatrix v, Matrix out, Matrix log_sum) override {
    if (q.rows == 0) return;
    RANKSCOPE_CUDA::attention(stream_, shape, on_device(layout), q, k, v, out, log_sum);
  }

  void attention_backward(const AttentionShape& shape, const AttentionLayout& layout, ConstMatrix q,
                          ConstMatrix k, ConstMatrix v, ConstMatrix out, ConstMatrix log_sum,
                          ConstMatrix dout, Matrix dq, Matrix dk, Matrix dv) override {
    Tensor scratch = floats(q.rows, shape.heads);
    RANKSCOPE_CUDA::attention_backward(stream_, shape, on_device(layout), q, k, v, out, log_sum,
                                       dout, dq, dk, dv, scratch.data());
  }

  void store_pages(const AttentionShape& shape, ConstMatrix k, ConstMatrix v, const Indices& slots,
                   const KeyValuePages& pages) override {
    if (k.rows == 0) return;
    RANKSCOPE_CUDA::store_pages(stream_, shape, k, v, on_device(slots), pages);
  }

  void paged_attention(const AttentionShape& shape, const PagedLayout& layout, ConstMatrix q,
                       const KeyValuePages& pages, Matrix out) override {
    if (layout.queries() == 0) return;
    RANKSCOPE_CUDA::paged_attention(stream_, shape, on_device(layout), q, pages, out);
  }

  void copy_rows(const Indices& from, const Indices& to, Matrix x) override {
    if (from.empty()) return;
    RANKSCOPE_CUDA::copy_rows(stream_, on_device(from), on_device(to),
                              static_cast<int64_t>(from.size()), x);
  }

  void best_tokens(Matrix logits, const BannedTokens& banned, int64_t count, int32_t* ids,
                   float* log_probs) override {
    if (logits.rows == 0) return;
    std::shared_ptr<const void> banned_ids, banned_begin;
    if (!banned.ids.empty()) {
      banned_ids = upload_array(banned.ids.data(), banned.ids.size());
      banned_begin = upload_array(banned.begin.data(), banned.begin.size());
    }
    const auto total = static_cast<size_t>(logits.rows * count);
    Tensor chosen = floats(1, static_cast<int64_t>(total)), scores;
    if (log_probs) scores = floats(1, static_cast<int64_t>(total));
    auto* device_ids = reinterpret_cast<int32_t*>(chosen.data());
    RANKSCOPE_CUDA::best_tokens(stream_, logits, static_cast<const int32_t*>(banned_ids.get()),
                                static_cast<const int64_t*>(banned_begin.get()), count, device_ids,
                                scores.data());
    copy_from_device(stream_, ids, device_ids, total * sizeof(int32_t));
    if (log_probs) copy_from_device(stream_, log_probs, scores.data(), total * sizeof(float));
    synchronize(stream_);
  }

  void layer_norm(ConstMatrix x, const float* gain, const float* bias, float epsilon, Matrix out,
                  Matrix stats) override {
    RANKSCOPE_CUDA::layer_norm(stream_, x, gain, bias, epsilon, out, stats);
  }

  void layer_norm_backward(ConstMatrix x, const float* gain, ConstMatrix stats, ConstMatrix dout,
                           bool accumulate, Matrix dx, float* dgain, float* dbias) override {
    Tensor scratch;
    if (dgain || dbias) scratch = floats(1, norm_scratch_floats(x.rows, x.cols));
    RANKSCOPE_CUDA::layer_norm_backward(stream_, x, gain, stats, dout, accumulate, dx, dgain, dbias,
                                        scratch.data());
  }

  void rms_norm(ConstMatrix x, const float* gain, float epsilon, Matrix out,
                Matrix stats) override {
    RANKSCOPE_CUDA::rms_norm(stream_, x, gain, epsilon, out, stats);
  }

  void rms_norm_backward(ConstMatrix x, const float* gain, ConstMatrix stats, ConstMatrix dout,
                         bool accumulate, Matrix dx, float* dgain) override {
    Tensor scratch;
    if (dgain) scratch = floats(1, norm_scratch_floats(x.rows, x.cols));
    RANKSCOPE_CUDA::rms_norm_backward(stream_, x, gain, stats, dout, accumulate, dx, dgain,
                                      scratch.data());
  }

  void rotary(Matrix x, int64_t head_dim, const Indices& positions, ConstMatrix cos,
              ConstMatrix sin, bool inverse) override {
    if (x.rows == 0) return;
    RANKSCOPE_CUDA::rotary(stream_, x, head_dim, on_device(positions), cos, sin, inverse);
  }

  void swiglu(ConstMatrix gate, ConstMatrix up, Matrix out) override {
    RANKSCOPE_CUDA::swiglu(stream_, gate, up, out);
  }

  void swiglu_backward(ConstMatrix gate, ConstMatrix up, ConstMatrix dout, Matrix dgate,
                       Matrix dup) override {
    RANKSCOPE_CUDA::swiglu_backward(stream_, gate, up, dout, dgate, dup);
  }

  Matrix cross_entropy(Matrix logits, const Indices& labels, int64_t first, float smoothing,
                       float gradient_scale, float* loss, float* nll) override {
    if (logits.rows == 0) return logits;
    const bool narrow = precision_ == DType::kBF16 && gradient_scale != 0.0f;
    RANKSCOPE_CUDA::cross_entropy(stream_, logits, on_device(labels) + first, smoothing,
                                  gradient_scale, narrow, loss, nll);
    if (!narrow) return logits;
    const Matrix gradient{logits.data, logits.rows, logits.cols, 2 * logits.stride, DType::kBF16};
    wide_.note_gradient(gradient);
    return gradient;
  }

  void gather(const WeightView& table, const Indices& ids, bool accumulate, Matrix out) override {
    if (out.rows == 0) return;
    RANKSCOPE_CUDA::gather(stream_, table, on_device(ids), accumulate, out);
  }

  void replace_rows(const WeightView& table, const Indices& ids, const Indices& rows,
                    Matrix x) override {
    if (rows.empty()) return;
    RANKSCOPE_CUDA::replace_rows(stream_, table, on_device(ids), on_device(rows),
                                 static_cast<int64_t>(rows.size()), x);
  }

  void scatter_add(ConstMatrix rows, const Indices& ids, Matrix table) override {
    if (rows.rows == 0) return;
    const Groups& groups = groups_of(ids);
    RANKSCOPE_CUDA::scatter_add(
        stream_, rows, on_device(ids), static_cast<const int32_t*>(groups.order.get()),
        static_cast<const int32_t*>(groups.begin.get()), groups.count, table);
  }

  void column_sum(ConstMatrix x, float* out) override {
    Tensor scratch = floats(1, column_sum_scratch_floats(x.rows, x.cols));
    RANKSCOPE_CUDA::column_sum(stream_, x, out, scratch.data());
  }

  void dropout(ConstMatrix x, float p, const DropoutDraws& draws, bool accumulate,
               Matrix out) override {
    if (x.rows == 0) return;
    RANKSCOPE_CUDA::dropout(stream_, x, p, draws.key.data(),
                            on_device(*draws.row_ids) + draws.first_row, accumulate, out);
  }

  void add(ConstMatrix x, Matrix y) override { RANKSCOPE_CUDA::add(stream_, x, y); }

  void multiply(ConstMatrix x, Matrix y) override { RANKSCOPE_CUDA::multiply(stream_, x, y); }

  double sum_of_squares(std::span<const std::span<const float>> arrays) override {
    return sums_of_squares({&arrays, 1})[0];
  }

  // All before the one wait.
  std::vector<double> sums_of_squares(
      std::span<const std::span<const std::span<const float>>> groups) override {
    const Tensor sums = bytes(static_cast<int64_t>(groups.size() * sizeof(double)));
    auto* sum = reinterpret_cast<double*>(sums.data());
    for (size_t i = 0; i < groups.size(); ++i) {
      std::vector<FloatSpan> spans;
      for (const std::span<const float> a : groups[i])
        spans.push_back({a.data(), static_cast<int64_t>(a.size())});
      const Tensor scratch = bytes(squares_scratch_doubles(spans) * int64_t{sizeof(double)});
      RANKSCOPE_CUDA::sum_of_squares(stream_, spans, reinterpret_cast<double*>(scratch.data()),
                                     sum + i);
    }
    std::vector<double> results(groups.size());
    copy_from_device(stream_, results.data(), sum, groups.size() * sizeof(double));
    synchronize(stream_);
    return results;
  }

  void adamw(const AdamWStep& step, std::span<const AdamWParameter> arrays) override {
    std::vector<AdamWArrays> all;
    for (const AdamWParameter& a : arrays) {
      wide_.forget_biases(a.parameter.data(), static_cast<int64_t>(a.parameter.size()));
      all.push_back({a.parameter.data(), a.gradient.data(), a.first_moment.data(),
                     a.second_moment.data(), static_cast<int64_t>(a.parameter.size()),
                     a.learning_rate});
    }
    RANKSCOPE_CUDA::adamw(stream_, step, all);
  }

 private:
  struct Groups {
    std::shared_ptr<const void> order, begin;
    int64_t count = 0;
  };
  struct PlacedLayout {
    DeviceLayout layout;
    std::shared_ptr<const void> key_begin, query_begin, positions;
  };
  struct PlacedPages {
    DevicePages layout;
    std::shared_ptr<const void> pages, page_begin, keys;
  };

  Tensor bytes(int64_t count) { return Tensor(*allocator_, 1, (count + 3) / 4); }

  // A copy of the host's array, which may be released after this backend.
  template <typename T>
  std::shared_ptr<const void> upload_array(const T* from, size_t count) {
    const size_t size = std::max<size_t>(1, count) * sizeof(T);
    void* memory = allocator_->acquire(size);
    std::shared_ptr<const void> owned(memory, [allocator = allocator_, size](const void* p) {
      allocator->release(const_cast<void*>(p), size);
    });
    if (count > 0) copy_to_device(stream_, memory, from, count * sizeof(T));
    return owned;
  }

  template <typename T>
  const T* on_device(const IndexArray<T>& array) {
    return static_cast<const T*>(
        array.device_copy().get(this, [&] { return upload_array(array.data(), array.size()); }));
  }

  const Groups& groups_of(const Indices& ids) {
    return *static_cast<const Groups*>(ids.device_groups().get(this, [&] {
      std::vector<int32_t> order(ids.size()), begin;
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        return ids[static_cast<size_t>(a)] < ids[static_cast<size_t>(b)];
      });
      for (size_t i = 0; i < order.size(); ++i)
        if (i == 0 || ids[static_cast<size_t>(order[i])] != ids[static_cast<size_t>(order[i - 1])])
          begin.push_back(static_cast<int32_t>(i));
      auto groups = std::make_shared<Groups>();
      groups->count = static_cast<int64_t>(begin.size());
      begin.push_back(static_cast<int32_t>(order.size()));
      groups->order = upload_array(order.data(), order.size());
      groups->begin = upload_array(begin.data(), begin.size());
      return groups;
    }));
  }

  const DeviceLayout& on_device(const AttentionLayout& layout) {
    const auto longest = [](const std::vector<int64_t>& begin) {
      int64_t most = 0;
      for (size_t i = 0; i + 1 < begin.size(); ++i) most = std::max(most, begin[i + 1] - begin[i]);
      return most;
    };
    return static_cast<const PlacedLayout*>(
               layout.device.get(
                   this,
                   [&] {
                     auto placed = std::make_shared<PlacedLayout>();
                     placed->key_begin =
                         upload_array(layout.key_begin.data(), layout.key_begin.size());
                     placed->query_begin =
                         upload_array(layout.query_begin.data(), layout.query_begin.size());
                     placed->positions =
                         upload_array(layout.query_positions.data(), layout.query_positions.size());
                     placed->layout = {static_cast<const int64_t*>(placed->key_begin.get()),
                                       static_cast<const int64_t*>(placed->query_begin.get()),
                                       static_cast<const int32_t*>(placed->positions.get()),
                                       layout.sequences(),
                                       longest(layout.key_begin),
                                       longest(layout.query_begin)};
                     return placed;
                   }))
        ->layout;
  }

  const DevicePages& on_device(const PagedLayout& layout) {
    return static_cast<const PlacedPages*>(
               layout.device.get(
                   this,
                   [&] {
                     auto placed = std::make_shared<PlacedPages>();
                     placed->pages = upload_array(layout.pages.data(), layout.pages.size());
                     placed->page_begin =
                         upload_array(layout.page_begin.data(), layout.page_begin.size());
                     placed->keys = upload_array(layout.keys.data(), layout.keys.size());
                     placed->layout = {static_cast<const int32_t*>(placed->pages.get()),
                                       static_cast<const int64_t*>(placed->page_begin.get()),
                                       static_cast<const int32_t*>(placed->keys.get())};
                     return placed;
                   }))
        ->layout;
  }

  // Where no converted copy is needed: narrow factors, and what lies in the right type already. F32
  // factors above kNarrow are cuBLASLt's, for whose products in BF16 they are rounded to it.
  bool multiplies_in_place(const WeightView& right) const {
    if (right.dtype == DType::kF32 && std::min(right.rows, right.cols) <= kNarrow) return true;
    return right.dtype == precision_ && WideProducts::has_unit_stride(right);
  }

  // A product of two F32 matrices, as the second factor's of an update is, is exact in BF16 too,
  // whatever its depth: the rounding of both would round the update.
  // In fp32 the first term is cuBLASLt's whatever its depth, as in low_rank_product.
  bool is_narrow(const ProductTerm& term, bool first) const {
    if (term.left.dtype != DType::kF32 || term.right->view().dtype != DType::kF32) return false;
    return precision_ != DType::kF32 || (!first && term.right->k() <= kNarrow);
  }

  // Terms of disjoint ranges of rows in one launch; of the same rows, one after the other.
  void start(std::span<const NarrowTerm> terms, const ProductEpilogue& e, bool accumulate,
             Matrix out) {
    size_t done = 0;
    do {
      size_t end = std::min(terms.size(), done + 1);
      while (end < terms.size() && terms[end].begin >= terms[end - 1].end) ++end;
      if (done == 0)
        start_product(stream_, terms.first(end), e.scale, e.bias, e.residual, accumulate, out);
      else
        start_product(stream_, terms.subspan(done, end - done), e.scale, nullptr, {}, true, out);
      done = end;
    } while (done < terms.size());
  }

  void any_product(std::span<const NarrowTerm> narrow, std::span<const ProductTerm> wide,
                   const ProductEpilogue& e, Matrix out) {
    if (out.rows == 0 || out.cols == 0) return;
    if (e.residual.data && e.residual.dtype != out.dtype)
      throw std::logic_error("a product's residual is not of its result's type");
    if (e.activation == Activation::kNone && e.multiplier.data == nullptr)
      add_product(narrow, wide, e, out);
    else
      finished_product(narrow, wide, e, out);
  }

  // The wide product of `left` and what `term` makes of each update. Rows with an update and rows
  // without are products of their own, since a row alone has its product with or without a term:
  // each run of neighbouring rows of one kind is one.
  template <typename F>
  void wide_runs(ConstMatrix left, const PackedMatrix& right, std::span<const LowRankRows> updates,
                 const ProductEpilogue& e, Matrix out, const F& term) {
    const auto run = [&](int64_t begin, int64_t end, std::span<NarrowTerm> terms) {
      if (begin >= end) return;
      for (NarrowTerm& t : terms) {
        t.begin -= begin;
        t.end -= begin;
        t.left = t.left.row_range(begin, end);
      }
      ProductEpilogue part = e;
      if (e.derivative.data) part.derivative = e.derivative.row_range(begin, end);
      if (e.multiplier.data) part.multiplier = e.multiplier.row_range(begin, end);
      if (e.residual.data) part.residual = e.residual.row_range(begin, end);
      const ProductTerm wide{left.row_range(begin, end), &right};
      if (terms.empty())
        product(std::span(&wide, 1), part, out.row_range(begin, end));
      else
        any_product(terms, std::span(&wide, 1), part, out.row_range(begin, end));
    };
    int64_t covered = 0;
    for (size_t i = 0; i < updates.size();) {
      const int64_t begin = updates[i].begin;
      run(covered, begin, {});
      std::vector<NarrowTerm> terms;
      do {
        terms.push_back(term(updates[i]));
        terms.back().begin = updates[i].begin;
        covered = terms.back().end = updates[i].end;
      } while (++i < updates.size() && updates[i].begin == covered);
      run(begin, covered, terms);
    }
    run(covered, out.rows, {});
  }

  void add_outers(std::span<const NarrowOuter> parts) {
    if (parts.empty()) return;
    Tensor scratch = floats(1, narrow_outer_scratch_floats(parts));
    narrow_outer(stream_, parts, scratch.data());
  }

  // Whether the kernels for many ranges at once do these updates: dropout stands between two steps
  // of theirs, and large ranks are cuBLASLt's.
  bool takes(std::span<const LowRankRows> updates) const {
    return std::ranges::all_of(updates, [](const LowRankRows& u) {
      return u.dropout <= 0 && u.a.rows <= kNarrow && u.begin < u.end;
    });
  }

  // All but the wide terms, and the bias where cuBLASLt adds it, comes first, so that cuBLASLt adds
  // it to its product. A bias is cuBLASLt's with and without narrow terms, so that rows that have
  // none are computed alike.
  void add_product(std::span<const NarrowTerm> narrow, std::span<const ProductTerm> wide,
                   const ProductEpilogue& e, Matrix out) {
    const bool with_bias = e.bias != nullptr && out.dtype == DType::kBF16 && !wide.empty() &&
                           !e.accumulate && out.cols % 8 == 0;
    if (with_bias) {
      ProductEpilogue unbiased = e;
      unbiased.bias = nullptr;
      const void* bias = wide_.narrow_bias(e.bias, out.cols);
      const ConstMatrix addend = begin_product(narrow, wide, unbiased, out);
      if (wide_.multiply(wide, e.scale, addend, out, bias)) return;
    }
    wide_.multiply(wide, e.scale, begin_product(narrow, wide, e, out), out);
  }

  // What is to be added to the wide terms: in `out`, unless it is the residual alone.
  ConstMatrix begin_product(std::span<const NarrowTerm> narrow, std::span<const ProductTerm> wide,
                            const ProductEpilogue& e, Matrix out) {
    ConstMatrix addend = e.residual;
    if (e.bias || !narrow.empty() || (e.residual.data && e.accumulate) || wide.empty()) {
      start(narrow, e, e.accumulate, out);
      addend = out;
    } else if (e.accumulate) {
      addend = out;
    }
    return addend;
  }

  void finished_product(std::span<const NarrowTerm> narrow, std::span<const ProductTerm> wide,
                        const ProductEpilogue& e, Matrix out) {
    Tensor scratch;
    Matrix raw = out;
    if (e.accumulate) {
      scratch = Tensor(*allocator_, out.rows, out.cols, out.dtype);
      raw = scratch.matrix();
    }
    ConstMatrix addend;
    if (!narrow.empty() || wide.empty()) {
      start(narrow, {.scale = e.scale}, false, raw);
      addend = raw;
    }
    wide_.multiply(wide, e.scale, addend, raw);
    RANKSCOPE_CUDA::finish_product(stream_, raw, nullptr, e, out);
  }

  DeviceInfo info_;
  DType precision_;
  std::string instruction_set_;
  OwnedStream owned_stream_;
  Stream stream_;
  std::shared_ptr<DeviceAllocator> allocator_;
  WideProducts wide_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(int device, DType precision) {
  return std::make_unique<CudaBackend>(device, precision);
}

}  // namespace rankscope::RANKSCOPE_CUDA
