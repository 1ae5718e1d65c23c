#include "engine/backend/cpu/cpu_screen.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rankscope::cpu {

namespace {

constexpr int64_t kBytesOfGroup = 4;
// Sums of products of bytes, each at most 255 * 127, stay within 32 bits.
constexpr int64_t kMostDepth = 65536;
// Forming an element by itself costs a few times what it costs within the product: of more columns
// than these, a part of all, the product is the better way.
constexpr int64_t kLeastPart = 64;
// Products after which it is asked whether screening pays.
constexpr int64_t kTrials = 8;
// Panels that are worth a task.
constexpr int64_t kPanelsPerTask = 8;
// Within these, no square of an element's rounding overflows or vanishes.
constexpr float kLeastNorm = 1e-12f, kMostNorm = 1e15f;

constexpr double kUnit = 0x1p-24;  // of rounding, in fp32

}  // namespace

CpuScreen::CpuScreen(const WeightView& right, int dtype, const KernelTable& kernels,
                     Allocator& memory)
    : kernels_(kernels),
      right_(right),
      dtype_(dtype),
      groups_((right.rows + kBytesOfGroup - 1) / kBytesOfGroup),
      panels_((right.cols + kernels.panel_width - 1) / kernels.panel_width),
      bytes_(memory, panels_, groups_ * kBytesOfGroup * kernels.panel_width, DType::kI8),
      scales_(static_cast<size_t>(panels_ * kernels.panel_width)),
      offsets_(scales_.size()),
      by_norm_(static_cast<size_t>(right.cols)),
      by_rest_(by_norm_.size()) {}

std::unique_ptr<CpuScreen> CpuScreen::make(const WeightView& right, int dtype,
                                           const KernelTable& kernels, ThreadPool& pool,
                                           Allocator& memory) {
  if (!kernels.has_byte_products() || right.row_stride != 1 || right.rows > kMostDepth)
    return nullptr;
  std::unique_ptr<CpuScreen> screen(new CpuScreen(right, dtype, kernels, memory));
  if (!screen->fill(pool)) return nullptr;
  return screen;
}

bool CpuScreen::fill(ThreadPool& pool) {
  std::atomic<bool> finite = true;
  std::vector<std::vector<float>> values(
      static_cast<size_t>(pool.threads()),
      std::vector<float>(static_cast<size_t>(groups_ * kBytesOfGroup)));
  const int64_t width = kernels_.panel_width;
  pool.run(panels_, [&](int64_t panel, int thread) {
    for (int64_t column = panel * width; column < (panel + 1) * width; ++column)
      if (!fill_column(column, values[static_cast<size_t>(thread)])) finite = false;
  });
  float largest_norm = 0.0f;
  for (size_t i = 0; i < by_norm_.size(); ++i)
    largest_norm = std::max(largest_norm, by_norm_[i] + by_rest_[i]);
  return finite && largest_norm < kMostNorm;
}

bool CpuScreen::fill_column(int64_t column, std::vector<float>& values) {
  const int64_t width = kernels_.panel_width, depth = right_.rows;
  auto* const to = reinterpret_cast<int8_t*>(bytes_.data()) +
                   column / width * groups_ * kBytesOfGroup * width +
                   column % width * kBytesOfGroup;
  const auto byte = [&](int64_t k) -> int8_t& {
    return to[k / kBytesOfGroup * kBytesOfGroup * width + k % kBytesOfGroup];
  };
  float top = 0.0f;
  bool finite = true;
  std::ranges::fill(values, 0.0f);
  if (column < right_.cols) {
    const int32_t first = 0;
    const void* const data =
        static_cast<const char*>(right_.data) +
        column * right_.col_stride * static_cast<int64_t>(dtype_size(right_.dtype));
    kernels_.gather(data, dtype_, 0, 1, depth, &first, 1, false, values.data(), depth);
    for (int64_t k = 0; k < depth; ++k) {
      const float x = std::abs(values[static_cast<size_t>(k)]);
      finite = finite && std::isfinite(x);
      top = std::max(top, x);
    }
  }
  // Where a column is next to nothing its bytes are zeros, and all of it is what they leave.
  const float scale = finite && top > kLeastNorm ? top / 127.0f : 0.0f;
  double rounded_square = 0.0, rest_square = 0.0;
  int32_t sum = 0;
  for (int64_t k = 0; k < groups_ * kBytesOfGroup; ++k) {
    const float x = values[static_cast<size_t>(k)];
    const auto whole = static_cast<int32_t>(
        scale > 0.0f ? std::clamp(std::nearbyint(x / scale), -127.0f, 127.0f) : 0.0f);
    byte(k) = static_cast<int8_t>(whole);
    sum += whole;
    const double rounded = static_cast<double>(scale) * whole;
    rounded_square += rounded * rounded;
    rest_square += (x - rounded) * (x - rounded);
  }
  const auto at = static_cast<size_t>(column);
  scales_[at] = scale;
  offsets_[at] = 128 * sum;
  if (column >= right_.cols) return true;
  // With row h = t a + e and column w = s q + r, a and q being the bytes, and t s (a q) the
  // estimate: w h - estimate = s q e + r h, so that it is off by |s q| |e| + |r| |h| (Cauchy and
  // Schwarz). A chain of k multiply-adds is off by another k u |w| |h| / (1 - k u) (Higham,
  // Accuracy and Stability of Numerical Algorithms, 3.1), and forming estimate, norms and bound in
  // fp32 by a few u of the same; twice that is allowed for.
  const double chain = 2.0 * static_cast<double>(depth + 32) * kUnit;
  const double rounded_norm = std::sqrt(rounded_square), rest_norm = std::sqrt(rest_square);
  by_norm_[at] =
      static_cast<float>((1.0 + chain) * (rest_norm + chain * (rounded_norm + rest_norm)));
  by_rest_[at] = static_cast<float>((1.0 + chain) * (1.0 + chain) * rounded_norm);
  return finite;
}

bool CpuScreen::best_columns(ConstMatrix left, const BannedTokens& banned, ThreadPool& pool,
                             Allocator& memory, int32_t* ids) const {
  if (tried_ >= kTrials && 2 * failed_ > tried_) return false;
  ++tried_;
  const int64_t row_bytes = groups_ * kBytesOfGroup, depth = right_.rows;
  const auto rows = static_cast<size_t>(left.rows);
  std::vector<uint8_t> bytes(rows * static_cast<size_t>(row_bytes));
  std::vector<ByteRow> as_bytes(rows);
  std::vector<float> row_scales(rows);
  bool usual = true;
  for (int64_t i = 0; i < left.rows; ++i) {
    const ByteRow row =
        kernels_.bytes_of_row(left.row(i), depth, bytes.data() + i * row_bytes, row_bytes);
    as_bytes[static_cast<size_t>(i)] = row;
    row_scales[static_cast<size_t>(i)] = row.scale;
    usual = usual && row.norm > kLeastNorm && row.norm < kMostNorm;
  }
  if (!usual) {
    ++failed_;
    return false;
  }
  const Tensor estimates(memory, left.rows, panels_ * kernels_.panel_width);
  const ByteProduct product{bytes.data(),
                            row_bytes,
                            left.rows,
                            row_scales.data(),
                            reinterpret_cast<const int8_t*>(bytes_.data()),
                            groups_,
                            scales_.data(),
                            offsets_.data(),
                            estimates.data(),
                            estimates.cols()};
  const int64_t tasks = (panels_ + kPanelsPerTask - 1) / kPanelsPerTask;
  pool.run(tasks, [&](int64_t task, int) {
    kernels_.byte_product(product, task * kPanelsPerTask,
                          std::min(panels_, (task + 1) * kPanelsPerTask));
  });
  const int64_t most = std::max<int64_t>(1, right_.cols / kLeastPart);
  std::vector<int32_t> best(rows), columns(rows * static_cast<size_t>(most));
  std::vector<float> elements(columns.size());
  std::atomic<bool> found = true;
  pool.run(left.rows, [&](int64_t i, int) {
    const auto at = static_cast<size_t>(i);
    if (!banned.begin.empty()) {
      for (int64_t b = banned.begin[at]; b < banned.begin[at + 1]; ++b)
        estimates.row(i)[banned.ids[static_cast<size_t>(b)]] =
            -std::numeric_limits<float>::infinity();
    }
    int32_t* const own = columns.data() + i * most;
    const int64_t count =
        kernels_.screened_columns(estimates.row(i), by_norm_.data(), by_rest_.data(), right_.cols,
                                  as_bytes[at].norm, as_bytes[at].rest_norm, own, most);
    if (count > most) {
      found = false;
      return;
    }
    float* const values = elements.data() + i * most;
    kernels_.column_products(left.row(i), right_.data, dtype_, right_.col_stride, depth, own, count,
                             values);
    // Of equal ones the first, as best_tokens() has it.
    best[at] = count == 0 ? -1 : own[std::max_element(values, values + count) - values];
  });
  if (!found) {
    ++failed_;
    return false;
  }
  std::ranges::copy(best, ids);
  return true;
}

}  // namespace rankscope::cpu
