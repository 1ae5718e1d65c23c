// CpuScreen: the largest element of each row of a product for a quarter of the work. A product of
// both operands rounded to 8 bits says of every element how large it can be; the few that can be
// the largest of their row are formed as the product forms them. So the answer is the product's to
// the last bit.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/backend/cpu/kernels/kernels.h"
#include "engine/backend/cpu/thread_pool.h"

namespace rankscope::cpu {

class CpuScreen final : public Screen {
 public:
  // Of right [k, n]. Null where the processor has no products of bytes, where the matrix holds what
  // is not finite, or where its columns do not lie in one piece each.
  static std::unique_ptr<CpuScreen> make(const WeightView& right, int dtype,
                                         const KernelTable& kernels, ThreadPool& pool,
                                         Allocator& memory);

  // As Backend::best_columns().
  bool best_columns(ConstMatrix left, const BannedTokens& banned, ThreadPool& pool,
                    Allocator& memory, int32_t* ids) const;

 private:
  CpuScreen(const WeightView& right, int dtype, const KernelTable& kernels, Allocator& memory);
  bool fill(ThreadPool& pool);
  bool fill_column(int64_t column, std::vector<float>& values);

  const KernelTable& kernels_;
  WeightView right_;
  int dtype_;
  int64_t groups_, panels_;
  Tensor bytes_;  // as ByteProduct says
  std::vector<float> scales_;
  std::vector<int32_t> offsets_;
  // An estimate of column c is off by at most a row's norm times by_norm_[c] and the norm of what
  // its bytes leave of the row times by_rest_[c].
  std::vector<float> by_norm_, by_rest_;
  // Products that were, and those whose estimates ruled too little out.
  mutable std::atomic<int64_t> tried_ = 0, failed_ = 0;
};

}  // namespace rankscope::cpu
