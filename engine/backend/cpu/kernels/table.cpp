// The kernel table of one instruction set.
#include "engine/backend/cpu/kernels/attention.h"
#include "engine/backend/cpu/kernels/product.h"
#include "engine/backend/cpu/kernels/row_kernels.h"
#include "engine/backend/cpu/kernels/screen.h"

namespace rankscope::cpu {

const KernelTable& RANKSCOPE_KERNELS() {
  namespace isa = RANKSCOPE_ISA;
  static constexpr KernelTable table = {
      .instruction_set = RANKSCOPE_ISA_NAME,
      .panel_width = static_cast<int>(isa::kPanel),
      .row_tile = static_cast<int>(isa::kRowTile),
      .pack_panels = isa::pack_panels,
      .product_tile = isa::product_tile,
      .product_scratch = isa::product_scratch,
      .finish_row = isa::finish_row,
      .attention_forward = isa::attention_forward,
      .attention_backward = isa::attention_backward,
      .attention_scratch = isa::attention_scratch,
      .paged_attention = isa::paged_attention,
      .paged_attention_scratch = isa::paged_attention_scratch,
      .best_tokens = isa::best_tokens,
      .has_byte_products = isa::has_byte_products,
      .bytes_of_row = isa::bytes_of_row,
      .byte_product = isa::byte_product,
      .screened_columns = isa::screened_columns,
      .column_products = isa::column_products,
      .layer_norm = isa::layer_norm,
      .layer_norm_dx = isa::layer_norm_dx,
      .layer_norm_dgain = isa::layer_norm_dgain,
      .rms_norm = isa::rms_norm,
      .rms_norm_dx = isa::rms_norm_dx,
      .rms_norm_dgain = isa::rms_norm_dgain,
      .rotary = isa::rotary,
      .swiglu = isa::swiglu,
      .swiglu_backward = isa::swiglu_backward,
      .add = isa::add,
      .multiply = isa::multiply,
      .column_sum = isa::column_sum,
      .sum_of_squares = isa::sum_of_squares,
      .dropout = isa::dropout,
      .gather = isa::gather,
      .adamw = isa::adamw,
      .cross_entropy = isa::cross_entropy,
  };
  return table;
}

}  // namespace rankscope::cpu
