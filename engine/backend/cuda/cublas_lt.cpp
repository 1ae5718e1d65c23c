// The functions of cuBLASLt that gemm.cpp calls. They load the library when the first of them is
// called: its start alone takes a tenth of a second, which commands that use no GPU need not pay.
#include <cublasLt.h>
#include <dlfcn.h>

#include <string>

#include "common/error.h"

namespace {

constexpr const char* kHint = "put the folder of CUDA's libraries into LD_LIBRARY_PATH";

void* library() {
  static const std::string name = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);
  static void* const loaded = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (loaded == nullptr)
    throw rankscope::MachineError("cannot load " + name + ", which products on a GPU need; " +
                                  kHint);
  return loaded;
}

template <typename Function>
Function* entry(const char* name) {
  void* const found = dlsym(library(), name);
  if (found == nullptr)
    throw rankscope::MachineError(std::string("the cuBLASLt that is loaded has no ") + name + "; " +
                                  kHint);
  return reinterpret_cast<Function*>(found);
}

}  // namespace

#define RANKSCOPE_FORWARD(result, name, parameters, arguments) \
  result CUBLASWINAPI name parameters {                        \
    static auto* const loaded = entry<decltype(name)>(#name);  \
    return loaded arguments;                                   \
  }

RANKSCOPE_FORWARD(cublasStatus_t, cublasLtCreate, (cublasLtHandle_t * handle), (handle))
RANKSCOPE_FORWARD(cublasStatus_t, cublasLtDestroy, (cublasLtHandle_t handle), (handle))
RANKSCOPE_FORWARD(size_t, cublasLtGetVersion, (), ())
RANKSCOPE_FORWARD(const char*, cublasLtGetStatusString, (cublasStatus_t status), (status))
RANKSCOPE_FORWARD(cublasStatus_t, cublasLtMatmul,
                  (cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha,
                   const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                   cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                   cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                   const cublasLtMatmulAlgo_t* algorithm, void* workspace, size_t workspace_bytes,
                   cudaStream_t stream),
                  (handle, desc, alpha, a, a_layout, b, b_layout, beta, c, c_layout, d, d_layout,
                   algorithm, workspace, workspace_bytes, stream))
RANKSCOPE_FORWARD(cublasStatus_t, cublasLtMatmulAlgoGetHeuristic,
                  (cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                   cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                   cublasLtMatmulPreference_t preference, int wanted,
                   cublasLtMatmulHeuristicResult_t results[], int* found),
                  (handle, desc, a, b, c, d, preference, wanted, results, found))
RANKSCOPE_FORWARD(cublasStatus_t, cublasLtMatmulDescInit_internal,
                  (cublasLtMatmulDesc_t desc, size_t size, cublasComputeType_t compute,
                   cudaDataType_t scale),
                  (desc, size, compute, scale))
RANKSCOPE_FORWARD(cublasStatus_t, cublasLtMatmulDescSetAttribute,
                  (cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
                   const void* value, size_t bytes),
                  (desc, attribute, value, bytes))
RANKSCOPE_FORWARD(cublasStatus_t, cublasLtMatmulPreferenceInit_internal,
                  (cublasLtMatmulPreference_t preference, size_t size), (preference, size))
RANKSCOPE_FORWARD(cublasStatus_t, cublasLtMatmulPreferenceCreate,
                  (cublasLtMatmulPreference_t * preference), (preference))
RANKSCOPE_FORWARD(cublasStatus_t, cublasLtMatmulPreferenceDestroy,
                  (cublasLtMatmulPreference_t preference), (preference))
RANKSCOPE_FORWARD(cublasStatus_t, cublasLtMatmulPreferenceSetAttribute,
                  (cublasLtMatmulPreference_t preference,
                   cublasLtMatmulPreferenceAttributes_t attribute, const void* value, size_t bytes),
                  (preference, attribute, value, bytes))
RANKSCOPE_FORWARD(cublasStatus_t, cublasLtMatrixLayoutInit_internal,
                  (cublasLtMatrixLayout_t layout, size_t size, cudaDataType type, uint64_t rows,
                   uint64_t cols, int64_t ld),
                  (layout, size, type, rows, cols, ld))
