// The kernel table of one instruction set.
#include "metrics/kernels/product.h"
#include "metrics/kernels/vectors.h"

namespace rankscope::dense {

const ProductKernels& RANKSCOPE_KERNELS() {
  static constexpr ProductKernels table = {
      .instruction_set = RANKSCOPE_ISA_NAME,
      .tile_rows = RANKSCOPE_ISA::kTileRows,
      .tile_cols = RANKSCOPE_ISA::kTileCols,
      .pack = RANKSCOPE_ISA::pack,
      .tile = RANKSCOPE_ISA::tile,
  };
  return table;
}

}  // namespace rankscope::dense
