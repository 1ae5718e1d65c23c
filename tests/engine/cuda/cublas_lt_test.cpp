// cuBLASLt is loaded when it is called: that its functions are found and called as their header
// declares them. No GPU is needed for those that only fill in descriptions.
#ifdef RANKSCOPE_TEST_CUDA
#include <cublasLt.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

TEST_CASE("cuda: cuBLASLt's descriptions are filled in by the library that is loaded") {
  CHECK(std::string(cublasLtGetStatusString(CUBLAS_STATUS_NOT_SUPPORTED)).find("not supported") !=
        std::string::npos);
  CHECK(cublasLtGetVersion() / 10000 == CUBLAS_VER_MAJOR);

  cublasLtMatmulDescOpaque_t desc{};
  REQUIRE(cublasLtMatmulDescInit(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS);
  const cublasOperation_t transposed = CUBLAS_OP_T;
  REQUIRE(cublasLtMatmulDescSetAttribute(&desc, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                         sizeof(transposed)) == CUBLAS_STATUS_SUCCESS);
  CHECK(cublasLtMatmulDescSetAttribute(&desc, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, 1) ==
        CUBLAS_STATUS_INVALID_VALUE);

  const cublasLtMatrixLayoutOpaque_t empty{};
  cublasLtMatrixLayoutOpaque_t layout{};
  REQUIRE(cublasLtMatrixLayoutInit(&layout, CUDA_R_16BF, 64, 32, 64) == CUBLAS_STATUS_SUCCESS);
  CHECK(std::memcmp(&layout, &empty, sizeof(layout)) != 0);

  cublasLtMatmulPreference_t preference = nullptr;
  REQUIRE(cublasLtMatmulPreferenceCreate(&preference) == CUBLAS_STATUS_SUCCESS);
  const std::uint64_t bytes = 1 << 20;
  CHECK(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                             &bytes, sizeof(bytes)) == CUBLAS_STATUS_SUCCESS);
  CHECK(cublasLtMatmulPreferenceDestroy(preference) == CUBLAS_STATUS_SUCCESS);
}
#endif
