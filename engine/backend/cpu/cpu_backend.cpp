#include "engine/backend/cpu/cpu_backend.h"

#include <algorithm>
#include <array>
#include <exception>
#include <numeric>
#include <stdexcept>

#include "common/error.h"
#include "engine/backend/cpu/cpu_screen.h"
#include "engine/backend/cpu/kernels/kernels.h"
#include "engine/backend/cpu/memory.h"
#include "engine/backend/cpu/thread_pool.h"

namespace rankscope {

namespace {

using cpu::KernelTable;

// Rows of a product tile: with a depth of 512 the left block is 200 KB, which stays in the
// second-level cache beside a panel.
constexpr int64_t kTileRows = 96;
// Elements that are worth a task of their own in elementwise work.
constexpr int64_t kElementsPerTask = 1 << 13;
// Block of sum_of_squares: part of the arithmetic, so it depends on nothing.
constexpr int64_t kSquaresBlock = 65536;

int dtype_code(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 0;
    case DType::kF16:
      return 1;
    case DType::kBF16:
      return 2;
    default:
      throw InputError("weights of type " + std::string(dtype_name(dtype)) +
                       " are not supported; convert the model to F32, F16 or BF16");
  }
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

class CpuBackend final : public Backend {
 public:
  CpuBackend(int threads, const KernelTable& kernels)
      : kernels_(kernels), pool_(threads), memory_(pool_), scratch_(static_cast<size_t>(threads)) {}

  std::string_view name() const override { return "cpu"; }
  std::string_view instruction_set() const override { return kernels_.instruction_set; }
  int threads() const override { return pool_.threads(); }
  Allocator& allocator() override { return memory_; }

  void run_parts(int64_t count, const std::function<void(int64_t)>& part) override {
    std::vector<std::exception_ptr> thrown(static_cast<size_t>(count));
    pool_.run(
        count,
        [&](int64_t i, int) {
          try {
            part(i);
          } catch (...) {
            thrown[static_cast<size_t>(i)] = std::current_exception();
          }
        },
        cpu::TaskOrder::kQueue);
    if (pool_.thread_inside() < 0) memory_.gather();
    for (const std::exception_ptr& error : thrown)
      if (error) std::rethrow_exception(error);
  }

  void upload(const float* from, Matrix to) override {
    for (int64_t i = 0; i < to.rows; ++i) std::copy_n(from + i * to.cols, to.cols, to.row(i));
  }

  void download(ConstMatrix from, float* to) override {
    for (int64_t i = 0; i < from.rows; ++i) std::copy_n(from.row(i), from.cols, to + i * from.cols);
  }

  void fill_zero(Matrix matrix) override {
    for (int64_t i = 0; i < matrix.rows; ++i) std::fill_n(matrix.row(i), matrix.cols, 0.0f);
  }

  WeightView place(const WeightView& host, std::shared_ptr<const void>&) override { return host; }

  PackedMatrix pack(const WeightView& right) override {
    PackedMatrix packed;
    repack(right, packed);
    return packed;
  }

  void repack(const WeightView& right, PackedMatrix& packed) override {
    const int dtype = dtype_code(right.dtype);
    const int64_t panels = ceil_div(right.cols, kernels_.panel_width);
    // In the type of the checkpoint, which products widen a block at a time: 16-bit weights take
    // half of the memory and of the time to read them.
    if (packed.empty() || packed.storage().dtype() != right.dtype)
      packed = {Tensor(memory_, panels, right.rows * kernels_.panel_width, right.dtype), right.rows,
                right.cols};
    float* to = packed.storage().data();
    pool_.run(panels, [&](int64_t panel, int) {
      kernels_.pack_panels(right.data, dtype, right.row_stride, right.col_stride, right.rows,
                           right.cols, panel, panel + 1, to);
    });
  }

  void product(std::span<const ProductTerm> terms, const ProductEpilogue& epilogue,
               Matrix out) override {
    std::vector<cpu::TileTerm> tile_terms;
    int64_t longest = 0;
    for (const ProductTerm& term : terms) {
      tile_terms.push_back({term.left.data, term.left.stride, 1, term.left.cols,
                            term.right->storage().data(), dtype_code(term.right->storage().dtype()),
                            term.right->across(), 0});
      longest = std::max(longest, term.left.cols);
    }
    run_tiles(tile_terms, tile_epilogue(epilogue), longest, out);
  }

  void finish_product(ConstMatrix x, const float* column_scale, const ProductEpilogue& epilogue,
                      Matrix out) override {
    cpu::TileEpilogue whole = tile_epilogue(epilogue);
    whole.column_scale = column_scale;
    by_rows(x.rows, x.cols, [&](int64_t begin, int64_t rows) {
      for (int64_t i = begin; i < begin + rows; ++i)
        kernels_.finish_row(from_row(whole, i), x.cols, x.row(i), out.row(i));
    });
  }

  void accumulate_outer(ConstMatrix left, ConstMatrix right, Matrix out) override {
    if (left.rows == 0) return;
    cpu::TileEpilogue e{};
    e.scale = 1.0f;
    if (out.cols <= kNarrow && out.cols < out.rows) {
      // LoRA's dB: a few columns fill a fraction of a panel, as rows they fill a tile.
      Tensor transposed = empty(out.cols, out.rows);
      run_tiles({{right.data, 1, right.stride, right.rows, left.data, 0, false, left.stride}}, e,
                left.rows, transposed.matrix());
      for (int64_t j = 0; j < out.cols; ++j)
        for (int64_t i = 0; i < out.rows; ++i) out.row(i)[j] += transposed.row(j)[i];
      return;
    }
    e.accumulate = true;
    run_tiles({{left.data, 1, left.stride, left.rows, right.data, 0, false, right.stride}}, e,
              left.rows, out);
  }

  void attention(const AttentionShape& shape, const AttentionLayout& layout, ConstMatrix q,
                 ConstMatrix k, ConstMatrix v, Matrix out, Matrix log_sum) override {
    run_attention(
        shape, layout,
        [&](cpu::AttentionTask& t, int64_t query, int64_t key) {
          t.q = q.row(query), t.q_stride = q.stride;
          t.k = k.row(key), t.k_stride = k.stride;
          t.v = v.row(key), t.v_stride = v.stride;
          t.out_w = out.row(query), t.out_stride = out.stride;
          t.log_sum_w = log_sum.row(query);
        },
        kernels_.attention_forward);
  }

  void attention_backward(const AttentionShape& shape, const AttentionLayout& layout, ConstMatrix q,
                          ConstMatrix k, ConstMatrix v, ConstMatrix out, ConstMatrix log_sum,
                          ConstMatrix dout, Matrix dq, Matrix dk, Matrix dv) override {
    run_attention(
        shape, layout,
        [&](cpu::AttentionTask& t, int64_t query, int64_t key) {
          t.q = q.row(query), t.q_stride = q.stride;
          t.k = k.row(key), t.k_stride = k.stride;
          t.v = v.row(key), t.v_stride = v.stride;
          t.out = out.row(query), t.out_stride = out.stride;
          t.log_sum = log_sum.row(query);
          t.dout = dout.row(query), t.dout_stride = dout.stride;
          if (dq.data) t.dq = dq.row(query), t.dq_stride = dq.stride;
          if (dk.data) t.dk = dk.row(key), t.dk_stride = dk.stride;
          if (dv.data) t.dv = dv.row(key), t.dv_stride = dv.stride;
        },
        kernels_.attention_backward);
  }

  void store_pages(const AttentionShape& shape, ConstMatrix k, ConstMatrix v, const Indices& slots,
                   const KeyValuePages& pages) override {
    by_rows(k.rows, k.cols, [&](int64_t begin, int64_t rows) {
      for (int64_t r = begin; r < begin + rows; ++r) {
        const int32_t slot = slots[static_cast<size_t>(r)];
        if (slot == kKept) continue;
        const int64_t page = slot / kPageTokens;
        const int64_t position = slot % kPageTokens;
        float* keys = pages.keys.row(page) + position;
        for (int64_t i = 0; i < k.cols; ++i) keys[i * kPageTokens] = k.row(r)[i];
        for (int64_t h = 0; h < shape.kv_heads; ++h) {
          std::copy_n(v.row(r) + h * shape.head_dim, shape.head_dim,
                      pages.values.row(page) + (h * kPageTokens + position) * shape.head_dim);
        }
      }
    });
  }

  void paged_attention(const AttentionShape& shape, const PagedLayout& layout, ConstMatrix q,
                       const KeyValuePages& pages, Matrix out) override {
    if (layout.queries() == 0) return;
    const int64_t most = *std::max_element(layout.keys.begin(), layout.keys.end());
    reserve_scratch(kernels_.paged_attention_scratch(most));
    pool_.run(layout.queries() * shape.kv_heads, [&](int64_t index, int thread) {
      const int64_t row = index / shape.kv_heads;
      cpu::PagedAttentionTask t{};
      t.head_dim = shape.head_dim;
      t.scale = shape.scale;
      t.heads_per_group = shape.heads / shape.kv_heads;
      t.kv_head = index % shape.kv_heads;
      t.keys = layout.keys[static_cast<size_t>(row)];
      t.pages = layout.pages.data() + layout.page_begin[static_cast<size_t>(row)];
      const int64_t first = t.kv_head * t.heads_per_group * t.head_dim;
      t.q = q.row(row) + first;
      t.out = out.row(row) + first;
      t.key_pages = pages.keys.data;
      t.value_pages = pages.values.data;
      t.page_stride = pages.keys.stride;
      t.scratch = scratch(thread);
      kernels_.paged_attention(t);
    });
  }

  void copy_rows(const Indices& from, const Indices& to, Matrix x) override {
    by_columns(x.cols, [&](int64_t begin, int64_t end) {
      for (size_t i = 0; i < from.size(); ++i)
        std::copy(x.row(from[i]) + begin, x.row(from[i]) + end, x.row(to[i]) + begin);
    });
  }

  void best_tokens(Matrix logits, const BannedTokens& banned, int64_t count, int32_t* ids,
                   float* log_probs) override {
    pool_.run(logits.rows, [&](int64_t row, int) {
      const bool any = !banned.begin.empty();
      const int64_t begin = any ? banned.begin[static_cast<size_t>(row)] : 0;
      const int64_t end = any ? banned.begin[static_cast<size_t>(row) + 1] : 0;
      kernels_.best_tokens(logits.row(row), logits.cols, banned.ids.data() + begin, end - begin,
                           count, ids + row * count, log_probs ? log_probs + row * count : nullptr);
    });
  }

  std::shared_ptr<const Screen> screen(const WeightView& right) override {
    return cpu::CpuScreen::make(right, dtype_code(right.dtype), kernels_, pool_, memory_);
  }

  bool best_columns(ConstMatrix left, const Screen& screen, const BannedTokens& banned,
                    int32_t* ids) override {
    return static_cast<const cpu::CpuScreen&>(screen).best_columns(left, banned, pool_, memory_,
                                                                   ids);
  }

  void layer_norm(ConstMatrix x, const float* gain, const float* bias, float epsilon, Matrix out,
                  Matrix stats) override {
    by_rows(x.rows, x.cols, [&](int64_t begin, int64_t rows) {
      kernels_.layer_norm(x.row(begin), x.stride, gain, bias, epsilon, rows, x.cols, out.row(begin),
                          out.stride, stats.row(begin));
    });
  }

  void layer_norm_backward(ConstMatrix x, const float* gain, ConstMatrix stats, ConstMatrix dout,
                           bool accumulate, Matrix dx, float* dgain, float* dbias) override {
    if (dx.data)
      by_rows(x.rows, x.cols, [&](int64_t begin, int64_t rows) {
        kernels_.layer_norm_dx(x.row(begin), x.stride, gain, stats.row(begin), dout.row(begin),
                               dout.stride, accumulate, rows, x.cols, dx.row(begin), dx.stride);
      });
    if (dgain || dbias)
      by_columns(x.cols, [&](int64_t begin, int64_t end) {
        kernels_.layer_norm_dgain(x.data, x.stride, stats.data, dout.data, dout.stride, x.rows,
                                  begin, end, dgain, dbias);
      });
  }

  void rms_norm(ConstMatrix x, const float* gain, float epsilon, Matrix out,
                Matrix stats) override {
    by_rows(x.rows, x.cols, [&](int64_t begin, int64_t rows) {
      kernels_.rms_norm(x.row(begin), x.stride, gain, epsilon, rows, x.cols, out.row(begin),
                        out.stride, stats.row(begin));
    });
  }

  void rms_norm_backward(ConstMatrix x, const float* gain, ConstMatrix stats, ConstMatrix dout,
                         bool accumulate, Matrix dx, float* dgain) override {
    if (dx.data)
      by_rows(x.rows, x.cols, [&](int64_t begin, int64_t rows) {
        kernels_.rms_norm_dx(x.row(begin), x.stride, gain, stats.row(begin), dout.row(begin),
                             dout.stride, accumulate, rows, x.cols, dx.row(begin), dx.stride);
      });
    if (dgain)
      by_columns(x.cols, [&](int64_t begin, int64_t end) {
        kernels_.rms_norm_dgain(x.data, x.stride, stats.data, dout.data, dout.stride, x.rows, begin,
                                end, dgain);
      });
  }

  void rotary(Matrix x, int64_t head_dim, const Indices& positions, ConstMatrix cos,
              ConstMatrix sin, bool inverse) override {
    by_rows(x.rows, x.cols, [&](int64_t begin, int64_t rows) {
      kernels_.rotary(x.row(begin), x.stride, rows, x.cols / head_dim, head_dim,
                      positions.data() + begin, cos.data, sin.data, cos.stride, inverse);
    });
  }

  void swiglu(ConstMatrix gate, ConstMatrix up, Matrix out) override {
    by_rows(gate.rows, gate.cols, [&](int64_t begin, int64_t rows) {
      for (int64_t i = begin; i < begin + rows; ++i)
        kernels_.swiglu(gate.row(i), up.row(i), gate.cols, out.row(i));
    });
  }

  void swiglu_backward(ConstMatrix gate, ConstMatrix up, ConstMatrix dout, Matrix dgate,
                       Matrix dup) override {
    by_rows(gate.rows, gate.cols, [&](int64_t begin, int64_t rows) {
      for (int64_t i = begin; i < begin + rows; ++i)
        kernels_.swiglu_backward(gate.row(i), up.row(i), dout.row(i), gate.cols, dgate.row(i),
                                 dup.row(i));
    });
  }

  Matrix cross_entropy(Matrix logits, const Indices& labels, int64_t first, float smoothing,
                       float gradient_scale, float* loss, float* nll) override {
    by_rows(logits.rows, logits.cols, [&](int64_t begin, int64_t rows) {
      kernels_.cross_entropy(logits.row(begin), logits.stride, rows, logits.cols,
                             labels.data() + first + begin, smoothing, gradient_scale, loss + begin,
                             nll + begin);
    });
    return logits;
  }

  void gather(const WeightView& table, const Indices& ids, bool accumulate, Matrix out) override {
    const int dtype = dtype_code(table.dtype);
    by_rows(out.rows, out.cols, [&](int64_t begin, int64_t rows) {
      kernels_.gather(table.data, dtype, table.row_stride, table.col_stride, table.cols,
                      ids.data() + begin, rows, accumulate, out.row(begin), out.stride);
    });
  }

  void replace_rows(const WeightView& table, const Indices& ids, const Indices& rows,
                    Matrix x) override {
    const int dtype = dtype_code(table.dtype);
    by_rows(static_cast<int64_t>(rows.size()), x.cols, [&](int64_t begin, int64_t count) {
      for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(begin + count); ++i)
        kernels_.gather(table.data, dtype, table.row_stride, table.col_stride, table.cols, &ids[i],
                        1, false, x.row(rows[i]), x.stride);
    });
  }

  void scatter_add(ConstMatrix rows, const Indices& ids, Matrix table) override {
    // Each task owns some columns of the table and walks all rows, so that repeated ids add up in
    // the order of the rows.
    by_columns(rows.cols, [&](int64_t begin, int64_t end) {
      for (int64_t i = 0; i < rows.rows; ++i)
        kernels_.add(rows.row(i) + begin, end - begin,
                     table.row(ids[static_cast<size_t>(i)]) + begin);
    });
  }

  void column_sum(ConstMatrix x, float* out) override {
    by_columns(x.cols, [&](int64_t begin, int64_t end) {
      kernels_.column_sum(x.data, x.stride, x.rows, begin, end, out);
    });
  }

  void dropout(ConstMatrix x, float p, const DropoutDraws& draws, bool accumulate,
               Matrix out) override {
    by_rows(x.rows, x.cols, [&](int64_t begin, int64_t rows) {
      kernels_.dropout(x.row(begin), x.stride, rows, x.cols, p, draws.key.data(),
                       draws.row_ids->data() + draws.first_row + begin, accumulate, out.row(begin),
                       out.stride);
    });
  }

  void add(ConstMatrix x, Matrix y) override {
    by_rows(x.rows, x.cols, [&](int64_t begin, int64_t rows) {
      for (int64_t i = begin; i < begin + rows; ++i) kernels_.add(x.row(i), x.cols, y.row(i));
    });
  }

  void multiply(ConstMatrix x, Matrix y) override {
    by_rows(x.rows, x.cols, [&](int64_t begin, int64_t rows) {
      for (int64_t i = begin; i < begin + rows; ++i) kernels_.multiply(x.row(i), x.cols, y.row(i));
    });
  }

  double sum_of_squares(std::span<const std::span<const float>> arrays) override {
    double total = 0;
    for (const std::span<const float> x : arrays) {
      const int64_t count = static_cast<int64_t>(x.size());
      std::vector<double> sums(static_cast<size_t>(ceil_div(count, kSquaresBlock)));
      pool_.run(static_cast<int64_t>(sums.size()), [&](int64_t block, int) {
        const int64_t begin = block * kSquaresBlock;
        sums[static_cast<size_t>(block)] =
            kernels_.sum_of_squares(x.data() + begin, std::min(kSquaresBlock, count - begin));
      });
      total += std::accumulate(sums.begin(), sums.end(), 0.0);
    }
    return total;
  }

  void adamw(const AdamWStep& step, std::span<const AdamWParameter> arrays) override {
    for (const AdamWParameter& a : arrays) {
      const int64_t count = static_cast<int64_t>(a.parameter.size());
      pool_.run(ceil_div(count, kElementsPerTask), [&](int64_t task, int) {
        const int64_t begin = task * kElementsPerTask;
        const int64_t part = std::min(kElementsPerTask, count - begin);
        kernels_.adamw(a.learning_rate, step.beta1, step.beta2, step.epsilon, step.weight_decay,
                       step.step, step.gradient_scale, part, a.parameter.data() + begin,
                       a.gradient.data() + begin, a.first_moment.data() + begin,
                       a.second_moment.data() + begin);
        std::fill_n(a.gradient.data() + begin, part, 0.0f);
      });
    }
  }

 private:
  // Before the tasks that use it, which must not throw where memory is short; one that is itself a
  // task runs its own alone.
  void reserve_scratch(size_t floats) {
    const int inside = pool_.thread_inside();
    const size_t begin = inside < 0 ? 0 : static_cast<size_t>(inside);
    const size_t end = inside < 0 ? scratch_.size() : begin + 1;
    for (size_t i = begin; i < end; ++i)
      if (scratch_[i].size() < floats) scratch_[i].resize(floats);
  }

  float* scratch(int thread) { return scratch_[static_cast<size_t>(thread)].data(); }

  static cpu::TileEpilogue tile_epilogue(const ProductEpilogue& epilogue) {
    cpu::TileEpilogue e{};
    e.scale = epilogue.scale;
    e.bias = epilogue.bias;
    e.activation = static_cast<int>(epilogue.activation);
    e.derivative = epilogue.derivative.data;
    e.derivative_stride = epilogue.derivative.stride;
    e.multiplier = epilogue.multiplier.data;
    e.multiplier_stride = epilogue.multiplier.stride;
    e.residual = epilogue.residual.data;
    e.residual_stride = epilogue.residual.stride;
    e.accumulate = epilogue.accumulate;
    return e;
  }

  static cpu::TileEpilogue from_row(cpu::TileEpilogue e, int64_t row) {
    if (e.derivative) e.derivative += row * e.derivative_stride;
    if (e.multiplier) e.multiplier += row * e.multiplier_stride;
    if (e.residual) e.residual += row * e.residual_stride;
    return e;
  }

  // A part of run_parts has its thread alone.
  int64_t workers_here() const { return pool_.thread_inside() < 0 ? threads() : 1; }

  // `count` tasks, or as many more as give each of `workers` as many as the others.
  static int64_t shared_evenly(int64_t count, int64_t workers) {
    return ceil_div(count, workers) * workers;
  }

  // How a product is divided into tasks: blocks of rows, whole tiles each, by `group` panels of the
  // right operand.
  struct TileGrid {
    int64_t row_blocks, group;
    bool rows_first;  // tasks that follow one another share their rows, else their panels
  };

  TileGrid tile_grid(int64_t rows, int64_t panels, int64_t right_floats, bool across) const {
    const int64_t workers = workers_here();
    const int64_t widest = kMaxTileColumns / kernels_.panel_width;
    // Enough rows for each thread to pass over the whole right operand with rows of its own, which
    // it finds in its cache; a right operand that is in no cache wants more of them. All threads
    // get as many rows: where one had a block more, the others waited for a tenth of the time.
    const bool cached = right_floats <= kCachedFloats;
    if (rows > kTileRows * (cached ? workers - 1 : workers)) {
      const auto blocks = [&](int64_t most) {
        return shared_evenly(ceil_div(rows, most), workers);
      };
      // More rows to share the work of turning panels.
      if (across) return {blocks(2 * kTileRows), equal_parts(panels, widest), true};
      if (cached) return {blocks(kTileRows), std::min(panels, widest), true};
      return {blocks(kTileRows / 2), equal_parts(panels, 4 * widest), true};
    }
    // Else each thread has panels of its own. Some 32 tasks a thread even out the end; a task has
    // at least 4 panels to pay for itself, or each thread's share where that is less.
    const int64_t row_blocks = ceil_div(rows, kTileRows);
    const int64_t wanted = ceil_div(32 * workers, row_blocks);
    const int64_t share = ceil_div(panels * row_blocks, workers);
    return {row_blocks,
            std::clamp(ceil_div(panels, wanted), std::min<int64_t>(4, share),
                       std::max<int64_t>(8, widest)),
            false};
  }

  // Of the fewest parts of at most `most`, the size of one, so that the last is not a sliver.
  static int64_t equal_parts(int64_t all, int64_t most) {
    return ceil_div(all, ceil_div(all, most));
  }

  void run_tiles(const std::vector<cpu::TileTerm>& terms, const cpu::TileEpilogue& epilogue,
                 int64_t longest_k, Matrix out) {
    if (out.rows == 0 || out.cols == 0) return;
    if (terms.empty() || terms.size() > kMaxTerms || longest_k == 0)
      throw std::logic_error("a product takes 1 to 4 terms, not all of them empty");
    const int64_t panels = ceil_div(out.cols, kernels_.panel_width);
    const bool across =
        std::any_of(terms.begin(), terms.end(), [](const auto& term) { return term.across; });
    const TileGrid grid = tile_grid(out.rows, panels, longest_k * out.cols, across);
    const int64_t groups = ceil_div(panels, grid.group);
    const int64_t tiles = ceil_div(out.rows, kernels_.row_tile);
    const int64_t row_blocks = std::min(grid.row_blocks, tiles);
    reserve_scratch(kernels_.product_scratch(ceil_div(tiles, row_blocks) * kernels_.row_tile,
                                             grid.group, longest_k));
    const auto first_row = [&](int64_t block) {
      return std::min(out.rows, tiles * block / row_blocks * kernels_.row_tile);
    };
    pool_.run(row_blocks * groups, [&](int64_t task, int thread) {
      const int64_t block = grid.rows_first ? task / groups : task % row_blocks;
      const int64_t row = first_row(block);
      const int64_t panel = (grid.rows_first ? task % groups : task / row_blocks) * grid.group;
      std::array<cpu::TileTerm, kMaxTerms> local;
      for (size_t i = 0; i < terms.size(); ++i) {
        local[i] = terms[i];
        local[i].left += row * terms[i].row_step;
      }
      kernels_.product_tile(local.data(), static_cast<int>(terms.size()), from_row(epilogue, row),
                            first_row(block + 1) - row, out.cols, panel,
                            std::min(panels, panel + grid.group), out.row(row), out.stride,
                            scratch(thread));
    });
  }

  template <typename Fill, typename Kernel>
  void run_attention(const AttentionShape& shape, const AttentionLayout& layout, const Fill& fill,
                     Kernel kernel) {
    const int64_t sequences = layout.sequences();
    if (sequences == 0) return;
    std::vector<int64_t> order(static_cast<size_t>(sequences));
    std::iota(order.begin(), order.end(), 0);
    auto length = [&](int64_t s) {
      return layout.key_begin[static_cast<size_t>(s) + 1] -
             layout.key_begin[static_cast<size_t>(s)];
    };
    // Many tasks even themselves out where their rows are; of few, the longest come first, so that
    // the end is not one straggler.
    const bool few = sequences * shape.kv_heads < kManyTasks * threads();
    if (few)
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t a, int64_t b) { return length(a) > length(b); });
    int64_t longest = 0;
    for (int64_t s = 0; s < sequences; ++s) longest = std::max(longest, length(s));
    reserve_scratch(kernels_.attention_scratch(longest, shape.head_dim));
    const auto task = [&](int64_t index, int thread) {
      const size_t s = static_cast<size_t>(order[static_cast<size_t>(index / shape.kv_heads)]);
      cpu::AttentionTask t{};
      t.head_dim = shape.head_dim;
      t.scale = shape.scale;
      t.heads_per_group = shape.heads / shape.kv_heads;
      t.kv_head = index % shape.kv_heads;
      t.first_head = t.kv_head * t.heads_per_group;
      t.heads = shape.heads;
      t.keys = layout.key_begin[s + 1] - layout.key_begin[s];
      t.queries = layout.query_begin[s + 1] - layout.query_begin[s];
      t.positions = layout.query_positions.data() + layout.query_begin[s];
      t.scratch = scratch(thread);
      fill(t, layout.query_begin[s], layout.key_begin[s]);
      kernel(t);
    };
    pool_.run(sequences * shape.kv_heads, task,
              few ? cpu::TaskOrder::kQueue : cpu::TaskOrder::kShares);
  }

  template <typename Function>
  void by_rows(int64_t rows, int64_t cols, const Function& function) {
    const int64_t block = std::max<int64_t>(1, kElementsPerTask / std::max<int64_t>(1, cols));
    int64_t tasks = ceil_div(rows, block);
    if (tasks > 1) tasks = std::min(rows, shared_evenly(tasks, workers_here()));
    pool_.run(tasks, [&](int64_t task, int) {
      const int64_t begin = rows * task / tasks;
      function(begin, rows * (task + 1) / tasks - begin);
    });
  }

  template <typename Function>
  void by_columns(int64_t cols, const Function& function) {
    constexpr int64_t kColumns = 64;  // four lines of a row: whole cache lines to a task
    pool_.run(ceil_div(cols, kColumns), [&](int64_t task, int) {
      const int64_t begin = task * kColumns;
      function(begin, std::min(cols, begin + kColumns));
    });
  }

  static constexpr size_t kMaxTerms = 4;
  static constexpr int64_t kNarrow = 16;
  static constexpr int64_t kMaxTileColumns = 256;
  // 1 MiB, what a core's second-level cache holds.
  static constexpr int64_t kCachedFloats = int64_t{1} << 18;
  // Attention's tasks for each thread.
  static constexpr int64_t kManyTasks = 16;

  const KernelTable& kernels_;
  cpu::ThreadPool pool_;
  cpu::CachingAllocator memory_;
  std::vector<std::vector<float>> scratch_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(int threads, std::string_view instruction_set) {
  if (threads <= 0) threads = cpu::available_processors();
  return std::make_unique<CpuBackend>(threads, cpu::kernels_of(instruction_set));
}

std::unique_ptr<Backend> make_cpu_backend(int threads) {
  return make_cpu_backend(threads, cpu::best_kernels().instruction_set);
}

}  // namespace rankscope
