#include "engine/backend/cuda/gemm.h"

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "common/error.h"
#include "engine/backend/cuda/check.h"
#include "engine/backend/cuda/device_memory.h"

namespace rankscope::cuda {

namespace {

void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  if (status == CUBLAS_STATUS_ALLOC_FAILED) throw_out_of_gpu_memory("cuBLASLt", what);
  throw MachineError(std::string("cuBLASLt: ") + what +
                     " failed: " + cublasLtGetStatusString(status));
}

cudaDataType_t type_of(DType dtype) { return dtype == DType::kF32 ? CUDA_R_32F : CUDA_R_16BF; }

class Layout {
 public:
  Layout(DType dtype, const GemmLayout& of) : Layout(dtype, of.rows, of.cols, of.ld) {}
  Layout(DType dtype, int64_t rows, int64_t cols, int64_t ld) {
    check(cublasLtMatrixLayoutInit(&layout_, type_of(dtype), static_cast<uint64_t>(rows),
                                   static_cast<uint64_t>(cols), ld),
          "a matrix layout");
  }
  cublasLtMatrixLayout_t get() { return &layout_; }

 private:
  cublasLtMatrixLayoutOpaque_t layout_{};
};

// cuBLASLt's matrices stand in columns, ours in rows: out^T [n, m] = right^T [n, k] left^T [k, m],
// each the same memory read the other way.
struct Problem {
  const void* a;  // right
  GemmLayout a_layout;
  cublasOperation_t transa;
  const void* b;  // left
  GemmLayout b_layout;
  cublasOperation_t transb;
  DType in;
  int64_t n, k;  // k < 0: any (an outer product's depth is its number of rows)
  float alpha;
  float beta;
  const void* c;
  GemmLayout c_layout;
  void* d;
  GemmLayout d_layout;
  DType out;
  int64_t m;
  const void* bias;
};

class LtGemm final : public Gemm {
 public:
  explicit LtGemm(Stream stream) : stream_(static_cast<cudaStream_t>(stream.handle)) {
    check(cublasLtCreate(&handle_), "its start");
    check(cublasLtMatmulPreferenceCreate(&preference_), "a preference");
    // A sum is one tile's, or split at depths that the algorithm fixes, its parts added in fp32 in
    // a workspace: never by atomics, and never at places that depend on the number of rows.
    const uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    const uint64_t workspace_bytes = kWorkspaceBytes;
    set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reductions);
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
    workspace_ = device_allocate(kWorkspaceBytes);
    if (workspace_ == nullptr)
      throw OutOfGpuMemory(
          "out of GPU memory: cuBLASLt's workspace of 32 MiB does not fit; is another "
          "program using this GPU?");
    for (const cublasOperation_t transa : {CUBLAS_OP_N, CUBLAS_OP_T})
      for (const cublasOperation_t transb : {CUBLAS_OP_N, CUBLAS_OP_T})
        for (const bool bias : {false, true}) {
          const cublasLtMatmulDesc_t desc = description(transa, transb, bias);
          const cublasLtEpilogue_t epilogue =
              bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
          check(cublasLtMatmulDescInit(desc, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a description");
          set(desc, CUBLASLT_MATMUL_DESC_TRANSA, transa);
          set(desc, CUBLASLT_MATMUL_DESC_TRANSB, transb);
          set(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
        }
  }

  ~LtGemm() override {
    device_free(workspace_);
    cublasLtMatmulPreferenceDestroy(preference_);
    cublasLtDestroy(handle_);
  }

  std::string version() const override {
    const size_t v = cublasLtGetVersion();
    return "cuBLASLt " + std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." +
           std::to_string(v % 100);
  }

  GemmResult run(ConstMatrix left, const WeightView& right, float alpha, ConstMatrix addend,
                 Matrix out, const void* bias) override {
    if (out.rows == 0 || out.cols == 0) return GemmResult::kDone;
    Problem p = problem_of(left, right, addend, out);
    p.transb = CUBLAS_OP_N;
    p.k = left.cols;
    p.alpha = alpha;
    p.bias = bias;
    return multiply(p, p.k);
  }

  void outer(ConstMatrix left, ConstMatrix right, Matrix out) override {
    if (left.rows == 0 || out.rows == 0 || out.cols == 0) return;
    Problem p = problem_of(left, WeightView::of(right), out, out);
    p.transb = CUBLAS_OP_T;
    p.k = -1;
    p.alpha = 1.0f;
    if (multiply(p, left.rows) == GemmResult::kDone) return;
    p.k = left.rows;
    if (multiply(p, left.rows) != GemmResult::kDone)
      throw MachineError("cuBLASLt: its algorithm for an outer product of " +
                         std::to_string(left.rows) + " rows does not take them");
  }

 private:
  // All that the choice of an algorithm is given, so that it does not depend on which product came
  // first.
  using Key = std::tuple<int64_t, int64_t, int, int, int, int, bool, bool, uint32_t, uint32_t,
                         uint32_t, std::array<int64_t, 4>, int64_t>;

  cublasLtMatmulDesc_t description(cublasOperation_t transa, cublasOperation_t transb, bool bias) {
    return &descriptions_[transa == CUBLAS_OP_T][transb == CUBLAS_OP_T][bias];
  }

  // All but transb, k, alpha and bias.
  static Problem problem_of(ConstMatrix left, const WeightView& right, ConstMatrix addend,
                            Matrix out) {
    Problem p{};
    p.a = right.data;
    p.a_layout = GemmLayout::of(right);
    p.transa = right.col_stride == 1 ? CUBLAS_OP_N : CUBLAS_OP_T;
    p.b = left.data;
    p.b_layout = GemmLayout::of(left);
    p.in = left.dtype;
    p.n = out.cols;
    p.beta = addend.data ? 1.0f : 0.0f;
    p.c = addend.data ? addend.data : out.data;
    p.c_layout = GemmLayout::of(addend.data ? addend : ConstMatrix(out));
    p.d = out.data;
    p.d_layout = GemmLayout::of(out);
    p.out = out.dtype;
    p.m = out.rows;
    return p;
  }

  template <typename T>
  static void set(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
                  const T& value) {
    check(cublasLtMatmulDescSetAttribute(desc, attribute, &value, sizeof(value)), "a description");
  }

  template <typename T>
  void set(cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
    check(cublasLtMatmulPreferenceSetAttribute(preference_, attribute, &value, sizeof(value)),
          "a preference");
  }

  GemmResult multiply(const Problem& p, int64_t depth) {
    const cublasLtMatmulDesc_t desc = description(p.transa, p.transb, p.bias != nullptr);
    if (p.bias) set(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
    const std::optional<cublasLtMatmulAlgo_t>& algorithm = algorithm_of(p, depth, desc);
    if (!algorithm) return GemmResult::kBiasRefused;
    Layout a(p.in, p.a_layout), b(p.in, p.b_layout), c(p.out, p.c_layout), d(p.out, p.d_layout);
    const cublasStatus_t status =
        cublasLtMatmul(handle_, desc, &p.alpha, p.a, a.get(), p.b, b.get(), &p.beta, p.c, c.get(),
                       p.d, d.get(), &*algorithm, workspace_, kWorkspaceBytes, stream_);
    if (status == CUBLAS_STATUS_INVALID_VALUE || status == CUBLAS_STATUS_NOT_SUPPORTED)
      return GemmResult::kRowsRefused;
    check(status, "a product");
    return GemmResult::kDone;
  }

  // Chosen for a typical number of rows, and used for every number. None: there is none with a
  // bias.
  const std::optional<cublasLtMatmulAlgo_t>& algorithm_of(const Problem& p, int64_t depth,
                                                          cublasLtMatmulDesc_t desc) {
    const int64_t lda = p.a_layout.ld, ldb = p.b_layout.ld;
    const int64_t ldc = p.c_layout.ld, ldd = p.d_layout.ld;
    const uint32_t align_a = gemm_alignment(p.a, lda, p.in),
                   align_b = gemm_alignment(p.b, ldb, p.in);
    const uint32_t align_c =
        std::min(gemm_alignment(p.c, ldc, p.out), gemm_alignment(p.d, ldd, p.out));
    const bool outer = p.transb == CUBLAS_OP_T, biased = p.bias != nullptr;
    const Key key{p.n,
                  p.k,
                  static_cast<int>(p.transa),
                  static_cast<int>(p.transb),
                  static_cast<int>(p.in),
                  static_cast<int>(p.out),
                  p.beta != 0.0f,
                  biased,
                  align_a,
                  align_b,
                  align_c,
                  {lda, ldb, ldc, ldd},
                  outer ? p.m : -1};
    const auto found = algorithms_.find(key);
    if (found != algorithms_.end()) return found->second;

    const int64_t m = outer ? p.m : kTypicalRows;
    const int64_t k = p.k < 0 ? kTypicalRows : depth;
    Layout a(p.in, p.transa == CUBLAS_OP_N ? p.n : k, p.transa == CUBLAS_OP_N ? k : p.n, lda);
    Layout b(p.in, p.transb == CUBLAS_OP_N ? k : m, p.transb == CUBLAS_OP_N ? m : k, ldb);
    Layout c(p.out, p.n, m, ldc), d(p.out, p.n, m, ldd);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, align_a);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, align_b);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, align_c);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, align_c);
    cublasLtMatmulHeuristicResult_t result{};
    int returned = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        handle_, desc, a.get(), b.get(), c.get(), d.get(), preference_, 1, &result, &returned);
    const bool none = status == CUBLAS_STATUS_NOT_SUPPORTED ||
                      (status == CUBLAS_STATUS_SUCCESS &&
                       (returned == 0 || result.state != CUBLAS_STATUS_SUCCESS));
    if (none && biased) return algorithms_.emplace(key, std::nullopt).first->second;
    if (none)
      throw MachineError("cuBLASLt knows no algorithm for a product of depth " +
                         std::to_string(depth) + " and width " + std::to_string(p.n));
    check(status, "the choice of an algorithm");
    return algorithms_.emplace(key, result.algo).first->second;
  }

  static constexpr size_t kWorkspaceBytes = size_t{32} << 20;

  cudaStream_t stream_;
  void* workspace_ = nullptr;
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
  cublasLtMatmulDescOpaque_t descriptions_[2][2][2] = {};  // by transa, transb, bias
  std::map<Key, std::optional<cublasLtMatmulAlgo_t>> algorithms_;
};

}  // namespace

std::unique_ptr<Gemm> make_gemm(Stream stream) { return std::make_unique<LtGemm>(stream); }

}  // namespace rankscope::cuda
