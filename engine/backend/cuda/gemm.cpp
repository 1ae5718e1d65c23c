#include "engine/backend/cuda/gemm.h"

#include <cublasLt.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "common/error.h"

namespace rankscope::cuda {

namespace {

void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw MachineError(std::string("cuBLASLt: ") + what + " failed: " +
                     cublasLtGetStatusString(status));
}

cudaDataType_t type_of(DType dtype) { return dtype == DType::kF32 ? CUDA_R_32F : CUDA_R_16BF; }

// The largest power of two up to 16 that divides the address and the distance of rows, in bytes.
uint32_t alignment(const void* data, int64_t stride, DType dtype) {
  const auto bits = reinterpret_cast<uintptr_t>(data) |
                    static_cast<uintptr_t>(stride * static_cast<int64_t>(dtype_size(dtype)));
  uint32_t aligned = 16;
  while (bits % aligned != 0) aligned /= 2;
  return aligned;
}

class Layout {
 public:
  Layout(DType dtype, int64_t rows, int64_t cols, int64_t ld) {
    check(cublasLtMatrixLayoutCreate(&layout_, type_of(dtype), static_cast<uint64_t>(rows),
                                     static_cast<uint64_t>(cols), ld),
          "a matrix layout");
  }
  ~Layout() { cublasLtMatrixLayoutDestroy(layout_); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
  cublasLtMatrixLayout_t get() const { return layout_; }

 private:
  cublasLtMatrixLayout_t layout_ = nullptr;
};

// cuBLASLt's matrices stand in columns, ours in rows: out^T [n, m] = right^T [n, k] left^T [k, m],
// each the same memory read the other way.
struct Problem {
  const void* a;  // right
  int64_t a_rows, a_cols, lda;
  cublasOperation_t transa;
  const void* b;  // left
  int64_t b_rows, b_cols, ldb;
  cublasOperation_t transb;
  DType in;
  int64_t n, k;   // k < 0: any (an outer product's depth is its number of rows)
  float alpha;
  float beta;
  const void* c;
  int64_t ldc;
  void* d;
  int64_t ldd;
  DType out;
  int64_t m;
};

class LtGemm final : public Gemm {
 public:
  explicit LtGemm(Stream stream) : stream_(static_cast<cudaStream_t>(stream.handle)) {
    check(cublasLtCreate(&handle_), "its start");
    check(cublasLtMatmulPreferenceCreate(&preference_), "a preference");
    // No split of a sum over blocks, and no memory to do it in: the order of a sum is one tile's.
    const uint32_t no_reduction = CUBLASLT_REDUCTION_SCHEME_NONE;
    const uint64_t no_workspace = 0;
    set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, no_reduction);
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, no_workspace);
    for (const cublasOperation_t transa : {CUBLAS_OP_N, CUBLAS_OP_T})
      for (const cublasOperation_t transb : {CUBLAS_OP_N, CUBLAS_OP_T}) {
        cublasLtMatmulDesc_t& desc = descriptions_[transa == CUBLAS_OP_T][transb == CUBLAS_OP_T];
        check(cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a description");
        check(cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_TRANSA, &transa,
                                             sizeof(transa)),
              "a description");
        check(cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_TRANSB, &transb,
                                             sizeof(transb)),
              "a description");
      }
  }

  ~LtGemm() override {
    for (auto& pair : descriptions_)
      for (cublasLtMatmulDesc_t desc : pair) cublasLtMatmulDescDestroy(desc);
    cublasLtMatmulPreferenceDestroy(preference_);
    cublasLtDestroy(handle_);
  }

  void run(ConstMatrix left, const WeightView& right, float alpha, ConstMatrix addend,
           Matrix out) override {
    if (out.rows == 0 || out.cols == 0) return;
    const bool plain = right.col_stride == 1;  // rows of `right` lie end to end
    Problem p{};
    p.a = right.data;
    p.a_rows = plain ? right.cols : right.rows;
    p.a_cols = plain ? right.rows : right.cols;
    p.lda = plain ? right.row_stride : right.col_stride;
    p.transa = plain ? CUBLAS_OP_N : CUBLAS_OP_T;
    p.b = left.data;
    p.b_rows = left.cols;
    p.b_cols = left.rows;
    p.ldb = left.stride;
    p.transb = CUBLAS_OP_N;
    p.in = left.dtype;
    p.n = out.cols;
    p.k = left.cols;
    p.alpha = alpha;
    p.beta = addend.data ? 1.0f : 0.0f;
    p.c = addend.data ? addend.data : out.data;
    p.ldc = addend.data ? addend.stride : out.stride;
    p.d = out.data;
    p.ldd = out.stride;
    p.out = out.dtype;
    p.m = out.rows;
    multiply(p, p.k);
  }

  void outer(ConstMatrix left, ConstMatrix right, Matrix out) override {
    if (left.rows == 0 || out.rows == 0 || out.cols == 0) return;
    Problem p{};
    p.a = right.data;
    p.a_rows = right.cols;
    p.a_cols = right.rows;
    p.lda = right.stride;
    p.transa = CUBLAS_OP_N;
    p.b = left.data;
    p.b_rows = left.cols;
    p.b_cols = left.rows;
    p.ldb = left.stride;
    p.transb = CUBLAS_OP_T;
    p.in = left.dtype;
    p.n = out.cols;
    p.k = -1;
    p.alpha = 1.0f;
    p.beta = 1.0f;
    p.c = p.d = out.data;
    p.ldc = p.ldd = out.stride;
    p.out = out.dtype;
    p.m = out.rows;
    multiply(p, left.rows);
  }

 private:
  using Key = std::tuple<int64_t, int64_t, int, int, int, int, bool, uint32_t, uint32_t, uint32_t,
                         int64_t>;

  template <typename T>
  void set(cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
    check(cublasLtMatmulPreferenceSetAttribute(preference_, attribute, &value, sizeof(value)),
          "a preference");
  }

  void multiply(const Problem& p, int64_t depth) {
    const cublasLtMatmulDesc_t desc =
        descriptions_[p.transa == CUBLAS_OP_T][p.transb == CUBLAS_OP_T];
    const Layout a(p.in, p.a_rows, p.a_cols, p.lda), b(p.in, p.b_rows, p.b_cols, p.ldb);
    const Layout c(p.out, p.n, p.m, p.ldc), d(p.out, p.n, p.m, p.ldd);
    const cublasLtMatmulAlgo_t& algorithm = algorithm_of(p, depth, desc);
    check(cublasLtMatmul(handle_, desc, &p.alpha, p.a, a.get(), p.b, b.get(), &p.beta, p.c, c.get(),
                         p.d, d.get(), &algorithm, nullptr, 0, stream_),
          "a product");
  }

  // Chosen for a typical number of rows, and used for every number.
  const cublasLtMatmulAlgo_t& algorithm_of(const Problem& p, int64_t depth,
                                           cublasLtMatmulDesc_t desc) {
    const uint32_t align_a = alignment(p.a, p.lda, p.in), align_b = alignment(p.b, p.ldb, p.in);
    const uint32_t align_c = std::min(alignment(p.c, p.ldc, p.out), alignment(p.d, p.ldd, p.out));
    const bool outer = p.k < 0;
    const Key key{p.n,          p.k,     static_cast<int>(p.transa), static_cast<int>(p.transb),
                  static_cast<int>(p.in), static_cast<int>(p.out),   p.beta != 0.0f, align_a,
                  align_b,      align_c, outer ? p.m : -1};
    const auto found = algorithms_.find(key);
    if (found != algorithms_.end()) return found->second;

    constexpr int64_t kTypicalRows = 1024;
    const int64_t m = outer ? p.m : kTypicalRows;
    const int64_t k = outer ? kTypicalRows : depth;
    const Layout a(p.in, p.transa == CUBLAS_OP_N ? p.n : k, p.transa == CUBLAS_OP_N ? k : p.n,
                   p.lda);
    const Layout b(p.in, p.transb == CUBLAS_OP_N ? k : m, p.transb == CUBLAS_OP_N ? m : k, p.ldb);
    const Layout c(p.out, p.n, m, p.ldc), d(p.out, p.n, m, p.ldd);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, align_a);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, align_b);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, align_c);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, align_c);
    cublasLtMatmulHeuristicResult_t result{};
    int returned = 0;
    check(cublasLtMatmulAlgoGetHeuristic(handle_, desc, a.get(), b.get(), c.get(), d.get(),
                                         preference_, 1, &result, &returned),
          "the choice of an algorithm");
    if (returned == 0)
      throw MachineError("cuBLASLt knows no algorithm for a product of depth " +
                         std::to_string(depth) + " and width " + std::to_string(p.n));
    return algorithms_.emplace(key, result.algo).first->second;
  }

  cudaStream_t stream_;
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
  cublasLtMatmulDesc_t descriptions_[2][2] = {};
  std::map<Key, cublasLtMatmulAlgo_t> algorithms_;
};

}  // namespace

std::unique_ptr<Gemm> make_gemm(Stream stream) { return std::make_unique<LtGemm>(stream); }

}  // namespace rankscope::cuda
