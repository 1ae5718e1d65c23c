// The differentiable operations that models are written in. Each is implemented, forward and
// backward side by side, in the file named beside it.
#pragma once

#include "engine/autograd/tape.h"

namespace rankscope {

// A weight matrix that meets activations, y = x W + b, with W as [in, out] whatever way the
// checkpoint stores it. The packed forms are made when first needed. linear.cpp
class LinearWeight {
 public:
  LinearWeight() = default;
  // `weight` views frozen memory or `trained`'s value; where the checkpoint stores [out, in], the
  // view is transposed. first_row/first_col say where this matrix begins inside the (untransposed)
  // parameter, for the slices of GPT-2's c_attn.
  LinearWeight(WeightView weight, Parameter* parameter, Parameter* bias, bool stored_transposed,
               int64_t first_row, int64_t first_col, int64_t bias_offset);

  int64_t in() const { return view_.rows; }
  int64_t out() const { return view_.cols; }
  const WeightView& view() const { return view_; }
  Parameter* parameter() const { return parameter_; }
  const float* bias() const;
  bool trainable() const { return parameter_ != nullptr && parameter_->trainable(); }
  bool bias_trainable() const { return bias_ != nullptr && bias_->trainable(); }
  // Called whenever a packed form or a screen was made from the view: what the view maps can be let
  // go.
  void on_packed(std::function<void()> release) { release_ = std::move(release); }
  // Of a backend in host memory, before the first product: both directions read one packed form,
  // for half of the memory.
  void pack_once() { packed_once_ = true; }
  const PackedMatrix& forward_packed(Backend& backend) const;   // [in, out]
  const PackedMatrix& backward_packed(Backend& backend) const;  // [out, in]
  // Null where the backend has none of this matrix, or where it has a bias.
  const Screen* screen(Backend& backend) const;
  // After the parameter became trainable (its memory moved) or changed: views and packs anew.
  void refresh(Backend& backend);
  // Adds x^T dy to the parameter's gradient and the column sums of dy to the bias's.
  void accumulate_gradients(Backend& backend, ConstMatrix x, ConstMatrix dy) const;

 private:
  WeightView view_;
  Parameter* parameter_ = nullptr;
  Parameter* bias_ = nullptr;
  bool stored_transposed_ = false;
  int64_t first_row_ = 0;
  int64_t first_col_ = 0;
  int64_t bias_offset_ = 0;
  std::function<void()> release_;
  bool packed_once_ = false;
  mutable PackedMatrix forward_;
  mutable PackedMatrix backward_;
  mutable bool screened_ = false;
  mutable std::shared_ptr<const Screen> screen_;
};

// x W + b + scale * (dropout(x) A^T) B^T: A [r, in], B [out, r]. Either factor may be frozen.
struct LowRankUpdate {
  Parameter* a = nullptr;
  Parameter* b = nullptr;
  float scale = 0.0f;
  float dropout = 0.0f;
};

// Factors of the columns of a linear operation, before its bias: DoRA's magnitude over the norm of
// the weight's column, through which no gradient flows (Liu et al., arXiv 2402.09353, section 4.3).
struct ColumnScale {
  Parameter* magnitude = nullptr;  // [1, out]
  Tensor inverse_norm;             // [1, out], F32
  Tensor factor;                   // [1, out], F32: magnitude * inverse_norm
};

// The update of rows [begin, end) of a linear operation.
struct LowRankRange {
  int64_t begin = 0;
  int64_t end = 0;
  LowRankUpdate update;
  DropoutDraws draws;  // of row 0 of the operation
};

struct LinearOptions {
  Activation activation = Activation::kNone;
  const Var* residual = nullptr;               // added to the result
  std::span<const LowRankRange> updates = {};  // disjoint, rising
  const ColumnScale* column_scale =
      nullptr;  // of the product and its updates; the weight is frozen
};
Var linear(Tape& tape, const Var& x, const LinearWeight& weight, const LinearOptions& options = {});

// normalization.cpp
Var layer_norm(Tape& tape, const Var& x, Parameter& gain, Parameter* bias, float epsilon);
Var rms_norm(Tape& tape, const Var& x, Parameter& gain, float epsilon);

// attention.cpp
Var attention(Tape& tape, const AttentionShape& shape,
              std::shared_ptr<const AttentionLayout> layout, const Var& q, const Var& k,
              const Var& v);
struct RotaryTable {
  Tensor cos;  // [positions, head_dim / 2]
  Tensor sin;
};
// Takes x over: its value is rotated in place, so it must not be used again.
Var rotary(Tape& tape, Var x, int64_t head_dim, std::shared_ptr<const Indices> positions,
           const RotaryTable& table);

// elementwise.cpp
Var swiglu(Tape& tape, const Var& gate, const Var& up);
Var dropout(Tape& tape, const Var& x, float p, const DropoutDraws& draws);

// rows.cpp
// table[ids] with the table a model parameter (its view may be half precision while frozen).
Var embedding(Tape& tape, const WeightView& view, Parameter& table,
              std::shared_ptr<const Indices> ids);
// x + y. Takes y over: its memory becomes the sum's, so it must not be used again, and whoever made
// it must not have kept its value for a backward pass (embedding does not).
Var add(Tape& tape, const Var& x, Var y);
// x with table[ids[i]] in row rows[i] (no row twice), where no gradient goes further down. Takes x
// over, as `add` does y.
Var replace_rows(Tape& tape, Var x, Parameter& table, std::shared_ptr<const Indices> ids,
                 std::shared_ptr<const Indices> rows);
// The rows of x at `rows`, which may repeat: gradients then add up in their order.
Var select_rows(Tape& tape, const Var& x, std::shared_ptr<const Indices> rows);

// loss.cpp
// The width of rows that hold this many logits: products of a device are fastest where each row
// begins at a multiple of it.
inline int64_t logits_width(int64_t vocabulary) { return (vocabulary + 15) / 16 * 16; }
struct LossOptions {
  float label_smoothing = 0.0f;
  // What the summed loss is multiplied by before differentiation: 1 / (target tokens of the step).
  float gradient_scale = 1.0f;
};
struct LossResult {
  Tensor loss;  // [1, rows], smoothed where asked
  Tensor nll;   // [1, rows]
};
// Softmax cross-entropy of hidden [rows, d] against labels through the head [d, vocabulary], a
// block of rows at a time: no tensor of size tokens x vocabulary exists. On a recording tape the
// gradient of hidden (and of the head, where trained) is computed here, from the logits at hand,
// and handed on when the tape runs backward.
LossResult cross_entropy(Tape& tape, const Var& hidden, const LinearWeight& head,
                         const Indices& labels, const LossOptions& options);
// The same with options for each range of rows; the ranges are disjoint, rise and cover all rows.
struct LossRange {
  int64_t begin = 0;
  int64_t end = 0;
  LossOptions options;
};
LossResult cross_entropy_of_ranges(Tape& tape, const Var& hidden, const LinearWeight& head,
                                   const Indices& labels, std::span<const LossRange> ranges);

}  // namespace rankscope
