// Backend: the short list of kernels that a device must supply. Everything above (autograd, models,
// methods, training) is written against this file alone.
//
// Contract of every kernel, tested by tests/engine/kernels against plain double-precision
// references:
// - fp32 in, fp32 out, row-major. "rows" are tokens packed end to end. A device of another
// precision
//   keeps activations (what empty() makes) in it; what is said to be F32 is so everywhere, and sums
//   are fp32 always.
// - What a row yields depends on that row's data alone: not on its neighbours, the number of rows,
//   the number of threads, or the address. Sums over rows run in row order in blocks of fixed size.
// - Outputs may not overlap inputs unless the comment says so.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/dtype.h"
#include "engine/backend/index_array.h"
#include "engine/tensor/tensor.h"

namespace rankscope {

// A weight as it lies in a checkpoint: element (i, j) of the logical [rows, cols] matrix is at
// data + (i * row_stride + j * col_stride) elements of `dtype` (F32, F16 or BF16).
struct WeightView {
  const void* data = nullptr;
  DType dtype = DType::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t row_stride = 0;
  int64_t col_stride = 0;

  WeightView transposed() const { return {data, dtype, cols, rows, col_stride, row_stride}; }
  static WeightView of(ConstMatrix m) { return {m.data, m.dtype, m.rows, m.cols, m.stride, 1}; }
};

// The right operand [k, n] of a product, in the layout that the backend multiplies fastest.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  PackedMatrix(Tensor storage, int64_t k, int64_t n) : storage_(std::move(storage)), k_(k), n_(n) {}
  // Of a backend that multiplies by the matrix where it lies, or by a converted copy in `storage`.
  PackedMatrix(const WeightView& view, Tensor storage)
      : storage_(std::move(storage)), view_(view), k_(view.rows), n_(view.cols) {}
  // Of a backend in host memory: the transposition of `other`, in the memory that `other` has now;
  // a repack() of `other` within it shows here too, one of this is not possible. Products by it
  // have the same bits as by one that is packed for itself, and take a little longer.
  static PackedMatrix transposition(const PackedMatrix& other) {
    PackedMatrix t(other.storage_, other.n_, other.k_);
    t.across_ = !other.across_;
    return t;
  }
  bool empty() const { return storage_.empty() && view_.data == nullptr; }
  // Whether the memory holds the panels of this matrix's transposition.
  bool across() const { return across_; }
  int64_t k() const { return k_; }
  int64_t n() const { return n_; }
  const Tensor& storage() const { return storage_; }
  const WeightView& view() const { return view_; }

 private:
  Tensor storage_;
  WeightView view_;
  int64_t k_ = 0;
  int64_t n_ = 0;
  bool across_ = false;
};

// What a backend keeps of the right operand of a product to find the largest element of each row
// without forming them all.
class Screen {
 public:
  virtual ~Screen() = default;
};

// left [m, k] times right [k, n].
struct ProductTerm {
  ConstMatrix left;
  const PackedMatrix* right = nullptr;
};

// GELU in its tanh form, as GPT-2's `gelu_new`; ReLU, whose derivative at 0 is 0 as PyTorch's.
enum class Activation { kNone, kGeluTanh, kRelu };

// What happens to s = scale * (sum of terms) + bias before it is stored:
//   activation: out = act(s), and derivative = act'(s) where a matrix is given for it
//   multiplier: out = s * multiplier, element by element (a derivative that a backend stored)
//   residual:   out += residual;   accumulate: out += what was there
struct ProductEpilogue {
  float scale = 1.0f;
  const float* bias = nullptr;  // [n]
  Activation activation = Activation::kNone;
  Matrix derivative = {};       // [m, n] or empty
  ConstMatrix multiplier = {};  // [m, n] or empty
  ConstMatrix residual = {};    // [m, n] or empty
  bool accumulate = false;
};

// Which keys each query row sees. Sequence s has keys (and values) in rows [key_begin[s],
// key_begin[s+1]) and its queries in rows [query_begin[s], query_begin[s+1]); a query at position p
// of its sequence sees keys 0..p. Positions rise within a sequence; queries may be a subset of the
// positions (the last layer computes target rows only).
struct AttentionLayout {
  std::vector<int64_t> key_begin;        // [sequences + 1]
  std::vector<int64_t> query_begin;      // [sequences + 1]
  std::vector<int32_t> query_positions;  // [query rows]
  DeviceCopy device = {};
  int64_t sequences() const { return static_cast<int64_t>(key_begin.size()) - 1; }
};

// What Backend::logits_at_once says on the CPU, and on a GPU: memory plans are made without one.
inline constexpr int64_t kLogitsAtOnce = 10'000'000;
inline constexpr int64_t kGpuLogitsAtOnce = 40'000'000;

// The widest head that attention on a GPU computes.
inline constexpr int64_t kMostGpuHeadDim = 128;

// Positions of a page of kept keys and values.
inline constexpr int64_t kPageTokens = 16;
// In the place of a row's slot: the row's key and value are kept already.
inline constexpr int32_t kKept = -1;

// One layer's kept keys and values, each [pages, kv_heads * head_dim * kPageTokens]. At position t
// of a page, element i of kv head h is in column (h * head_dim + i) * kPageTokens + t of `keys` and
// (h * kPageTokens + t) * head_dim + i of `values`.
struct KeyValuePages {
  Matrix keys;
  Matrix values;
};

// Which kept keys each query row sees: the first keys[r] positions of the pages that begin at entry
// page_begin[r] of `pages`. Rows may share pages.
struct PagedLayout {
  std::vector<int32_t> pages;
  std::vector<int64_t> page_begin;  // [query rows]
  std::vector<int32_t> keys;        // [query rows], at least 1
  DeviceCopy device = {};
  int64_t queries() const { return static_cast<int64_t>(keys.size()); }
};

// Tokens that may not be chosen: row r's are ids [begin[r], begin[r + 1]); both may be empty.
struct BannedTokens {
  std::vector<int32_t> ids;
  std::vector<int64_t> begin;  // [rows + 1]
};

struct AttentionShape {
  int64_t heads = 0;
  int64_t kv_heads = 0;  // query head h reads key/value head h / (heads / kv_heads)
  int64_t head_dim = 0;
  float scale = 0.0f;  // on q k^T before the softmax; 1 / sqrt(head_dim) in both families
};

// Keys of dropout draws: element (row, column) is dropped by a function of `key`, row_ids[row] and
// the column alone, so that a row keeps its mask whatever shares its batch.
struct DropoutDraws {
  std::array<uint32_t, 2> key{};
  const RowIds* row_ids = nullptr;  // of row 0: (*row_ids)[first_row]
  int64_t first_row = 0;
};

// Up to this rank the updates of several ranges of rows share one matrix `low`. One of a larger
// rank is a library's to multiply by, whose choice of an algorithm, and so the bits, may follow the
// distance of rows, which in a shared matrix is a neighbour's rank.
inline constexpr int64_t kSharedRank = 64;

// The low-rank update of rows [begin, end) of a product [rows, in] x [in, out]: + scale *
// (dropout(left) A^T) B^T. All F32. Rows of several trials have each their own.
struct LowRankRows {
  int64_t begin = 0;
  int64_t end = 0;
  ConstMatrix a;  // [r, in]
  ConstMatrix b;  // [out, r]
  float scale = 0.0f;
  float dropout = 0.0f;
  DropoutDraws draws;  // of row 0 of the whole product
  Matrix a_gradient;   // like a and b; empty where frozen
  Matrix b_gradient;
  Matrix own_low = {};  // [end - begin, r], F32, where r is above kSharedRank
};

// Where scale * dropout(left) A^T of an update's rows lies.
template <typename M>
M low_of(const LowRankRows& update, M shared) {
  const int64_t r = update.a.rows;
  return r > kSharedRank ? M(update.own_low)
                         : shared.row_range(update.begin, update.end).columns(0, r);
}

struct AdamWStep {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  int64_t step = 1;           // counts from 1, for the bias corrections
  double gradient_scale = 1;  // from clipping
};
// One parameter of an update, F32.
struct AdamWParameter {
  std::span<float> parameter;
  std::span<float> gradient;
  std::span<float> first_moment;
  std::span<float> second_moment;
  double learning_rate = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view instruction_set() const = 0;
  // The libraries beside it whose versions decide bits: what was half done with others is begun
  // anew, and what is finished counts. Empty for none.
  virtual std::string libraries() const { return {}; }
  virtual int threads() const = 0;
  // part(i) for i in [0, count), side by side on the backend's threads where it has any. What a
  // part asks of the backend is done by its thread alone, so that threads wait for one another at
  // the parts' end alone; no bit depends on it. What a part throws comes out, of several the first
  // part's.
  virtual void run_parts(int64_t count, const std::function<void(int64_t part)>& part) {
    for (int64_t i = 0; i < count; ++i) part(i);
  }
  virtual Allocator& allocator() = 0;
  // The most bytes of tensors at one time, where the backend counts them; else 0.
  virtual int64_t peak_bytes() const { return 0; }
  // peak_bytes() is of what follows.
  virtual void restart_peak() {}
  // The element type of activations.
  virtual DType precision() const { return DType::kF32; }
  // An activation, and a matrix that is F32 on every backend; both uninitialised.
  Tensor empty(int64_t rows, int64_t cols) { return Tensor(allocator(), rows, cols, precision()); }
  Tensor floats(int64_t rows, int64_t cols) { return Tensor(allocator(), rows, cols); }
  // Of F32.
  Tensor zeros(int64_t rows, int64_t cols);
  // How many logits may exist at once; a row's loss does not depend on it.
  virtual int64_t logits_at_once() const { return kLogitsAtOnce; }

  // ---- Memory: how the host reads and writes what tensors hold, in order with the kernels
  // -------- Rows without gaps from and to the host, as fp32 (rounded to a BF16 matrix's type).
  virtual void upload(const float* from, Matrix to) = 0;
  virtual void download(ConstMatrix from, float* to) = 0;
  virtual void fill_zero(Matrix matrix) = 0;
  std::vector<float> to_host(ConstMatrix from);
  // The values of an F32 tensor where the host can read them: its own memory, or a copy that is put
  // behind `copies`.
  const float* host_values(const Tensor& tensor, std::vector<std::vector<float>>& copies);
  // Whether the host may follow the pointers of F32 tensors.
  virtual bool in_host_memory() const { return true; }
  // The matrix of a checkpoint, in the host's memory, where and how this backend computes with it:
  // itself, or a copy that lives as long as `owner`.
  virtual WeightView place(const WeightView& host, std::shared_ptr<const void>& owner) = 0;

  // ---- Products -------------------------------------------------------------------------------
  virtual PackedMatrix pack(const WeightView& right) = 0;
  // Overwrites `packed`, which pack() made from a view of the same shape; in new memory where the
  // view has another type.
  virtual void repack(const WeightView& right, PackedMatrix& packed) = 0;
  // out [m, n] = epilogue(sum over terms of left * right). All terms share m and n.
  virtual void product(std::span<const ProductTerm> terms, const ProductEpilogue& epilogue,
                       Matrix out) = 0;
  // out [m, n] = epilogue(column_scale * x), each column by its factor: what a product's end is
  // where its columns are scaled after it. column_scale [n], F32; epilogue.scale is 1. x may be
  // out.
  virtual void finish_product(ConstMatrix x, const float* column_scale,
                              const ProductEpilogue& epilogue, Matrix out) = 0;
  // out [p, q] += left^T right with left [rows, p], right [rows, q]: weight gradients.
  virtual void accumulate_outer(ConstMatrix left, ConstMatrix right, Matrix out) = 0;

  // ---- Products with low-rank updates: by the kernels above and dropout(), unless the device has
  // something better. Ranges of rows are disjoint and rise; rows in none have no update. A row's
  // bits, and those of a range's gradients, are what they are where the range is alone.
  // out = epilogue(left * right + updates). low [rows, at least the largest r up to
  // kSharedRank], F32, and of larger ones their own, get scale * dropout(left) A^T for the
  // backward.
  virtual void low_rank_product(ConstMatrix left, const PackedMatrix& right,
                                std::span<const LowRankRows> updates,
                                const ProductEpilogue& epilogue, Matrix low, Matrix out);
  // B's gradient += dy^T low; with dlow = scale * dy B, A's += dlow^T dropout(left); and, where dx
  // is not empty, dx = epilogue(dy * back + dropout(dlow A)), the mask being the forward's. `back`
  // is the transposed right operand, read for dx alone; so is `left` for A's gradients.
  virtual void low_rank_backward(ConstMatrix left, ConstMatrix low, ConstMatrix dy,
                                 const PackedMatrix* back, std::span<const LowRankRows> updates,
                                 const ProductEpilogue& epilogue, Matrix dx);

  // ---- Attention (causal, softmax) ------------------------------------------------------------
  // q [query rows, heads * head_dim], k and v [key rows, kv_heads * head_dim] -> out like q;
  // log_sum [query rows, heads] is the log of each softmax's denominator, kept for the backward.
  virtual void attention(const AttentionShape& shape, const AttentionLayout& layout, ConstMatrix q,
                         ConstMatrix k, ConstMatrix v, Matrix out, Matrix log_sum) = 0;
  // Overwrites dq, dk, dv; each may be empty (data == nullptr) where no gradient is wanted.
  virtual void attention_backward(const AttentionShape& shape, const AttentionLayout& layout,
                                  ConstMatrix q, ConstMatrix k, ConstMatrix v, ConstMatrix out,
                                  ConstMatrix log_sum, ConstMatrix dout, Matrix dq, Matrix dk,
                                  Matrix dv) = 0;

  // ---- Decoding -------------------------------------------------------------------------------
  // Row r of k and v [rows, kv_heads * head_dim] goes to position slots[r] % kPageTokens of page
  // slots[r] / kPageTokens; nowhere where slots[r] is kKept.
  virtual void store_pages(const AttentionShape& shape, ConstMatrix k, ConstMatrix v,
                           const Indices& slots, const KeyValuePages& pages) = 0;
  // As attention, over kept keys and values: q and out [query rows, heads * head_dim].
  virtual void paged_attention(const AttentionShape& shape, const PagedLayout& layout,
                               ConstMatrix q, const KeyValuePages& pages, Matrix out) = 0;
  // x[to[i]] = x[from[i]]; no row is both read and written, or written twice.
  virtual void copy_rows(const Indices& from, const Indices& to, Matrix x) = 0;
  // The `count` tokens of each row with the largest logits, largest first and equal ones by id, to
  // ids and (where it is not null) log_probs [rows, count]; a log probability is the logit less the
  // log of the sum of all exponentials, banned tokens' included. Banned tokens' logits become
  // -infinity. Logits are F32, ids and log_probs the host's. Logits that are NaN or -infinity are
  // not chosen; what is then missing is id -1.
  virtual void best_tokens(Matrix logits, const BannedTokens& banned, int64_t count, int32_t* ids,
                           float* log_probs) = 0;
  // For best_columns(): of a right operand [k, n] whose memory stays as it is as long as the screen
  // is used. Null where this backend, or this matrix, has none.
  virtual std::shared_ptr<const Screen> screen(const WeightView&) { return nullptr; }
  // For each row of left [m, k] the column, not banned, with the largest element of left x right:
  // the id that best_tokens() of that product gives for a count of 1, whatever bits the screen has.
  // False, and `ids` [m] is not written, where forming the product is the better way.
  virtual bool best_columns(ConstMatrix, const Screen&, const BannedTokens&, int32_t*) {
    return false;
  }

  // ---- Rows -----------------------------------------------------------------------------------
  // LayerNorm: out = (x - mean) * rstd * gain + bias, variance over d (not d - 1).
  // stats [rows, 2] = mean, rstd. bias may be null.
  virtual void layer_norm(ConstMatrix x, const float* gain, const float* bias, float epsilon,
                          Matrix out, Matrix stats) = 0;
  // dx (+)= gradient; dgain, dbias [cols] += their gradients, or null.
  virtual void layer_norm_backward(ConstMatrix x, const float* gain, ConstMatrix stats,
                                   ConstMatrix dout, bool accumulate, Matrix dx, float* dgain,
                                   float* dbias) = 0;
  // RMSNorm: out = x * rstd * gain, rstd = 1 / sqrt(mean(x^2) + epsilon). stats [rows, 1] = rstd.
  virtual void rms_norm(ConstMatrix x, const float* gain, float epsilon, Matrix out,
                        Matrix stats) = 0;
  virtual void rms_norm_backward(ConstMatrix x, const float* gain, ConstMatrix stats,
                                 ConstMatrix dout, bool accumulate, Matrix dx, float* dgain) = 0;
  // Rotary positions in place, on every head of x [rows, heads * head_dim], the halves of a head
  // paired (i, i + head_dim / 2) as in transformers. cos, sin [positions, head_dim / 2];
  // inverse = true rotates back, which is the gradient.
  virtual void rotary(Matrix x, int64_t head_dim, const Indices& positions, ConstMatrix cos,
                      ConstMatrix sin, bool inverse) = 0;
  // SwiGLU: out = silu(gate) * up; the backward overwrites dgate and dup.
  virtual void swiglu(ConstMatrix gate, ConstMatrix up, Matrix out) = 0;
  virtual void swiglu_backward(ConstMatrix gate, ConstMatrix up, ConstMatrix dout, Matrix dgate,
                               Matrix dup) = 0;
  // Each row of `logits` [rows, vocabulary], F32, becomes the gradient of `gradient_scale` times
  // its loss; loss [rows] gets the loss itself: (1 - s) NLL + s * mean over the vocabulary of -log
  // p, s being the label smoothing, and nll [rows] the NLL alone (natural logarithm), both F32. Row
  // i's label is labels[first + i]. With gradient_scale 0 the logits are left as they are. Returns
  // the gradient: a matrix in the memory of the logits, of the activations' type.
  virtual Matrix cross_entropy(Matrix logits, const Indices& labels, int64_t first, float smoothing,
                               float gradient_scale, float* loss, float* nll) = 0;
  // out[i] = table[ids[i]] (+ out[i] when accumulating); the table may be F32, F16 or BF16.
  virtual void gather(const WeightView& table, const Indices& ids, bool accumulate, Matrix out) = 0;
  // x[rows[i]] = table[ids[i]]; no row is written twice. The table is of a type as above.
  virtual void replace_rows(const WeightView& table, const Indices& ids, const Indices& rows,
                            Matrix x) = 0;
  // table[ids[i]] += rows[i], in the order of i. Ids may repeat.
  virtual void scatter_add(ConstMatrix rows, const Indices& ids, Matrix table) = 0;
  // out [cols], F32, += the sum of the rows.
  virtual void column_sum(ConstMatrix x, float* out) = 0;
  // out = x * keep / (1 - p) (+ out when accumulating); x and out may be the same memory.
  virtual void dropout(ConstMatrix x, float p, const DropoutDraws& draws, bool accumulate,
                       Matrix out) = 0;

  // ---- Elements -------------------------------------------------------------------------------
  // y += x
  virtual void add(ConstMatrix x, Matrix y) = 0;
  // y *= x, element by element
  virtual void multiply(ConstMatrix x, Matrix y) = 0;
  // Sum of the squares of all arrays together, in double, in an order fixed by their sizes alone.
  virtual double sum_of_squares(std::span<const std::span<const float>> arrays) = 0;
  // That of each group.
  virtual std::vector<double> sums_of_squares(
      std::span<const std::span<const std::span<const float>>> groups);
  // AdamW as torch.optim.AdamW: decoupled decay, bias corrections, epsilon outside the root. Zeroes
  // the gradients.
  virtual void adamw(const AdamWStep& step, std::span<const AdamWParameter> arrays) = 0;
};

// Names of all kernels above, in order: the test table must have a row for each.
std::span<const std::string_view> kernel_names();

// The CPU backend. threads >= 1; 0 means all processors the process may use.
std::unique_ptr<Backend> make_cpu_backend(int threads);

}  // namespace rankscope
