#include "tests/engine/cuda/staged_backend.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <list>
#include <stdexcept>

#include "common/half.h"
#include "engine/backend/cuda/cuda_backend.h"
#include "engine/backend/devices.h"

namespace rankscope::tests {

namespace {

constexpr float kOutside = std::numeric_limits<float>::quiet_NaN();

// One operand's copy on the device.
class Placed {
 public:
  Placed(Backend& device, const float* data, int64_t rows, int64_t cols, int64_t stride,
         DType dtype)
      : device_(device), host_(data), rows_(rows), cols_(cols), stride_(stride) {
    constexpr int64_t kAround = 64;
    const auto address = reinterpret_cast<uintptr_t>(data);
    first_ = kAround + static_cast<int64_t>(address % 64 / sizeof(float));
    const int64_t count = first_ + std::max<int64_t>(0, rows - 1) * stride + cols + kAround;
    memory_ = Tensor(device.allocator(), 1, count, dtype);
    std::vector<float> values(static_cast<size_t>(count), kOutside);
    for (int64_t i = 0; i < rows; ++i)
      std::copy_n(data + i * stride, cols, values.data() + first_ + i * stride);
    device.upload(values.data(), memory_.matrix());
  }

  const float* host() const { return host_; }
  Matrix matrix() const {
    return {element_at(memory_.data(), first_, memory_.dtype()), rows_, cols_, stride_,
            memory_.dtype()};
  }

  // Back to where it came from.
  void take(float* to) const {
    const std::vector<float> values = device_.to_host(memory_.view());
    for (size_t k = 0; k < values.size(); ++k) {
      const int64_t inside = static_cast<int64_t>(k) - first_;
      const bool within =
          inside >= 0 && inside < rows_ * stride_ && stride_ > 0 && inside % stride_ < cols_;
      if (within)
        to[inside] = values[k];
      else if (!std::isnan(values[k]))
        throw std::runtime_error("a kernel wrote outside of an operand");
    }
  }

 private:
  Backend& device_;
  const float* host_;
  int64_t rows_, cols_, stride_, first_ = 0;
  Tensor memory_;
};

// The operands of one call.
class Call {
 public:
  explicit Call(Backend& device) : device_(device) {}
  ~Call() noexcept(false) {
    if (std::uncaught_exceptions() > 0) return;
    for (const auto& [placed, to] : outputs_) placed->take(to);
  }

  ConstMatrix in(ConstMatrix m, DType dtype) { return place(m, dtype).matrix(); }
  ConstMatrix in(ConstMatrix m) { return m.data ? in(m, device_.precision()) : ConstMatrix{}; }
  Matrix out(Matrix m, DType dtype) {
    if (m.data == nullptr) return {};
    const Placed& placed = place(m, dtype);
    outputs_.emplace_back(&placed, m.data);
    return placed.matrix();
  }
  Matrix out(Matrix m) { return out(m, device_.precision()); }
  const float* in(const float* data, int64_t count) {
    return data ? in(ConstMatrix{data, 1, count, count}, DType::kF32).data : nullptr;
  }
  float* out(float* data, int64_t count) {
    return data ? out(Matrix{data, 1, count, count}, DType::kF32).data : nullptr;
  }

 private:
  const Placed& place(ConstMatrix m, DType dtype) {
    for (const Placed& placed : placed_)
      if (placed.host() == m.data) return placed;
    placed_.emplace_back(device_, m.data, m.rows, m.cols, m.stride, dtype);
    return placed_.back();
  }

  Backend& device_;
  std::list<Placed> placed_;
  std::vector<std::pair<const Placed*, float*>> outputs_;
};

class StagedBackend final : public Backend {
 public:
  explicit StagedBackend(std::unique_ptr<Backend> device)
      : device_(std::move(device)), host_(make_cpu_backend(1)) {}

  std::string_view name() const override { return device_->name(); }
  std::string_view instruction_set() const override { return device_->instruction_set(); }
  int threads() const override { return 1; }
  Allocator& allocator() override { return host_->allocator(); }
  void upload(const float* from, Matrix to) override { host_->upload(from, to); }
  void download(ConstMatrix from, float* to) override { host_->download(from, to); }
  void fill_zero(Matrix matrix) override { host_->fill_zero(matrix); }
  WeightView place(const WeightView& host, std::shared_ptr<const void>&) override { return host; }

  PackedMatrix pack(const WeightView& right) override { return device_->pack(keep(right)); }
  void repack(const WeightView& right, PackedMatrix& packed) override {
    device_->repack(keep(right), packed);
  }

  void product(std::span<const ProductTerm> terms, const ProductEpilogue& e, Matrix out) override {
    Call call(*device_);
    const bool plain = e.bias == nullptr && e.activation == Activation::kNone &&
                       e.multiplier.data == nullptr && e.residual.data == nullptr;
    // Narrow results are the low-rank activations, which are F32 everywhere.
    const DType type = plain && out.cols <= 64 ? DType::kF32 : device_->precision();
    std::vector<ProductTerm> placed;
    for (const ProductTerm& t : terms) {
      const bool low = placed.size() > 0 && t.left.cols <= 64;
      placed.push_back({call.in(t.left, low ? DType::kF32 : device_->precision()), t.right});
    }
    ProductEpilogue epilogue = e;
    epilogue.bias = call.in(e.bias, out.cols);
    epilogue.derivative = call.out(e.derivative);
    epilogue.multiplier = call.in(e.multiplier);
    epilogue.residual = e.residual.data ? call.in(e.residual, type) : ConstMatrix{};
    device_->product(placed, epilogue, call.out(out, type));
  }

  void finish_product(ConstMatrix x, const float* column_scale, const ProductEpilogue& e,
                      Matrix out) override {
    Call call(*device_);
    ProductEpilogue epilogue = e;
    epilogue.bias = call.in(e.bias, out.cols);
    epilogue.derivative = call.out(e.derivative);
    epilogue.multiplier = call.in(e.multiplier);
    epilogue.residual = call.in(e.residual);
    device_->finish_product(call.in(x), call.in(column_scale, out.cols), epilogue, call.out(out));
  }

  void accumulate_outer(ConstMatrix left, ConstMatrix right, Matrix out) override {
    Call call(*device_);
    device_->accumulate_outer(call.in(left), call.in(right), call.out(out, DType::kF32));
  }

  void attention(const AttentionShape& shape, const AttentionLayout& layout, ConstMatrix q,
                 ConstMatrix k, ConstMatrix v, Matrix out, Matrix log_sum) override {
    Call call(*device_);
    device_->attention(shape, layout, call.in(q), call.in(k), call.in(v), call.out(out),
                       call.out(log_sum, DType::kF32));
  }

  void attention_backward(const AttentionShape& shape, const AttentionLayout& layout, ConstMatrix q,
                          ConstMatrix k, ConstMatrix v, ConstMatrix out, ConstMatrix log_sum,
                          ConstMatrix dout, Matrix dq, Matrix dk, Matrix dv) override {
    Call call(*device_);
    device_->attention_backward(shape, layout, call.in(q), call.in(k), call.in(v), call.in(out),
                                call.in(log_sum, DType::kF32), call.in(dout), call.out(dq),
                                call.out(dk), call.out(dv));
  }

  void store_pages(const AttentionShape& shape, ConstMatrix k, ConstMatrix v, const Indices& slots,
                   const KeyValuePages& pages) override {
    Call call(*device_);
    device_->store_pages(shape, call.in(k), call.in(v), slots,
                         {call.out(pages.keys), call.out(pages.values)});
  }

  void paged_attention(const AttentionShape& shape, const PagedLayout& layout, ConstMatrix q,
                       const KeyValuePages& pages, Matrix out) override {
    Call call(*device_);
    device_->paged_attention(shape, layout, call.in(q),
                             {call.out(pages.keys), call.out(pages.values)}, call.out(out));
  }

  void copy_rows(const Indices& from, const Indices& to, Matrix x) override {
    Call call(*device_);
    device_->copy_rows(from, to, call.out(x));
  }

  void best_tokens(Matrix logits, const BannedTokens& banned, int64_t count, int32_t* ids,
                   float* log_probs) override {
    Call call(*device_);
    device_->best_tokens(call.out(logits, DType::kF32), banned, count, ids, log_probs);
  }

  void layer_norm(ConstMatrix x, const float* gain, const float* bias, float epsilon, Matrix out,
                  Matrix stats) override {
    Call call(*device_);
    device_->layer_norm(call.in(x), call.in(gain, x.cols), call.in(bias, x.cols), epsilon,
                        call.out(out), call.out(stats, DType::kF32));
  }

  void layer_norm_backward(ConstMatrix x, const float* gain, ConstMatrix stats, ConstMatrix dout,
                           bool accumulate, Matrix dx, float* dgain, float* dbias) override {
    Call call(*device_);
    device_->layer_norm_backward(call.in(x), call.in(gain, x.cols), call.in(stats, DType::kF32),
                                 call.in(dout), accumulate, call.out(dx), call.out(dgain, x.cols),
                                 call.out(dbias, x.cols));
  }

  void rms_norm(ConstMatrix x, const float* gain, float epsilon, Matrix out,
                Matrix stats) override {
    Call call(*device_);
    device_->rms_norm(call.in(x), call.in(gain, x.cols), epsilon, call.out(out),
                      call.out(stats, DType::kF32));
  }

  void rms_norm_backward(ConstMatrix x, const float* gain, ConstMatrix stats, ConstMatrix dout,
                         bool accumulate, Matrix dx, float* dgain) override {
    Call call(*device_);
    device_->rms_norm_backward(call.in(x), call.in(gain, x.cols), call.in(stats, DType::kF32),
                               call.in(dout), accumulate, call.out(dx), call.out(dgain, x.cols));
  }

  void rotary(Matrix x, int64_t head_dim, const Indices& positions, ConstMatrix cos,
              ConstMatrix sin, bool inverse) override {
    Call call(*device_);
    device_->rotary(call.out(x), head_dim, positions, call.in(cos, DType::kF32),
                    call.in(sin, DType::kF32), inverse);
  }

  void swiglu(ConstMatrix gate, ConstMatrix up, Matrix out) override {
    Call call(*device_);
    device_->swiglu(call.in(gate), call.in(up), call.out(out));
  }

  void swiglu_backward(ConstMatrix gate, ConstMatrix up, ConstMatrix dout, Matrix dgate,
                       Matrix dup) override {
    Call call(*device_);
    device_->swiglu_backward(call.in(gate), call.in(up), call.in(dout), call.out(dgate),
                             call.out(dup));
  }

  Matrix cross_entropy(Matrix logits, const Indices& labels, int64_t first, float smoothing,
                       float gradient_scale, float* loss, float* nll) override {
    Matrix gradient;
    Placed placed(*device_, logits.data, logits.rows, logits.cols, logits.stride, DType::kF32);
    {
      Call call(*device_);
      gradient = device_->cross_entropy(placed.matrix(), labels, first, smoothing, gradient_scale,
                                        call.out(loss, logits.rows), call.out(nll, logits.rows));
    }
    if (gradient_scale == 0.0f) {
      placed.take(logits.data);
      return logits;
    }
    const std::vector<float> values = device_->to_host(gradient);
    for (int64_t i = 0; i < logits.rows; ++i)
      std::copy_n(values.data() + i * logits.cols, logits.cols, logits.row(i));
    return logits;
  }

  void gather(const WeightView& table, const Indices& ids, bool accumulate, Matrix out) override {
    Call call(*device_);
    device_->gather(keep(table), ids, accumulate, call.out(out));
  }

  void replace_rows(const WeightView& table, const Indices& ids, const Indices& rows,
                    Matrix x) override {
    Call call(*device_);
    device_->replace_rows(keep(table), ids, rows, call.out(x));
  }

  void scatter_add(ConstMatrix rows, const Indices& ids, Matrix table) override {
    Call call(*device_);
    device_->scatter_add(call.in(rows), ids, call.out(table, DType::kF32));
  }

  void column_sum(ConstMatrix x, float* out) override {
    Call call(*device_);
    device_->column_sum(call.in(x), call.out(out, x.cols));
  }

  void dropout(ConstMatrix x, float p, const DropoutDraws& draws, bool accumulate,
               Matrix out) override {
    Call call(*device_);
    const Matrix to = call.out(out);
    device_->dropout(call.in(x), p, draws, accumulate, to);
  }

  void add(ConstMatrix x, Matrix y) override {
    Call call(*device_);
    device_->add(call.in(x), call.out(y));
  }

  void multiply(ConstMatrix x, Matrix y) override {
    Call call(*device_);
    device_->multiply(call.in(x), call.out(y));
  }

  double sum_of_squares(std::span<const std::span<const float>> arrays) override {
    Call call(*device_);
    std::vector<std::span<const float>> placed;
    for (const auto a : arrays)
      placed.push_back({call.in(a.data(), static_cast<int64_t>(a.size())), a.size()});
    return device_->sum_of_squares(placed);
  }

  void adamw(const AdamWStep& step, std::span<const AdamWParameter> arrays) override {
    Call call(*device_);
    std::vector<AdamWParameter> placed;
    const auto out = [&](std::span<float> a) {
      return std::span<float>(call.out(a.data(), static_cast<int64_t>(a.size())), a.size());
    };
    for (const AdamWParameter& a : arrays)
      placed.push_back({out(a.parameter), out(a.gradient), out(a.first_moment),
                        out(a.second_moment), a.learning_rate});
    device_->adamw(step, placed);
  }

 private:
  // A matrix on the device for as long as this backend lives, seen as `view` sees the host's.
  WeightView keep(const WeightView& view) {
    if (view.col_stride != 1) return keep(view.transposed()).transposed();
    std::vector<float> values;
    for (int64_t i = 0; i < view.rows; ++i)
      for (int64_t j = 0; j < view.cols; ++j) {
        const int64_t at = i * view.row_stride + j;
        if (view.dtype == DType::kF32)
          values.push_back(static_cast<const float*>(view.data)[at]);
        else if (view.dtype == DType::kBF16)
          values.push_back(bf16_to_float(static_cast<const uint16_t*>(view.data)[at]));
        else
          values.push_back(f16_to_float(static_cast<const uint16_t*>(view.data)[at]));
      }
    Tensor copy(device_->allocator(), view.rows, view.cols);
    device_->upload(values.data(), copy.matrix());
    kept_.push_back(copy);
    return WeightView::of(copy.view());
  }

  std::unique_ptr<Backend> device_;
  std::unique_ptr<Backend> host_;
  std::vector<Tensor> kept_;
};

std::string text_of(DType precision) { return precision == DType::kF32 ? "fp32" : "bf16"; }

}  // namespace

std::unique_ptr<Backend> make_fake_backend(DType precision) {
  return fake_cuda::make_backend(0, precision);
}

std::unique_ptr<Backend> make_staged_backend(std::unique_ptr<Backend> device) {
  return std::make_unique<StagedBackend>(std::move(device));
}

std::unique_ptr<Backend> make_gpu_backend(DType precision) {
  return make_cuda_backend(usable_gpus(gpus()).at(0), precision);
}

std::vector<NamedBackend> fake_backends() {
  std::vector<NamedBackend> all;
  for (const DType precision : {DType::kF32, DType::kBF16})
    all.push_back({"the fake device in " + text_of(precision), false, precision,
                   make_staged_backend(make_fake_backend(precision))});
  return all;
}

std::vector<NamedBackend> gpu_backends() {
  std::vector<NamedBackend> all;
  if (usable_gpus(gpus()).empty()) return all;
  for (const DType precision : {DType::kF32, DType::kBF16})
    all.push_back({"the GPU in " + text_of(precision), true, precision,
                   make_staged_backend(make_gpu_backend(precision))});
  return all;
}

}  // namespace rankscope::tests
