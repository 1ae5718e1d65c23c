// Causal softmax attention of one sequence and one key/value head (attention.cpp), and of one query
// over kept keys (paged_attention.cpp).
#pragma once

#include "engine/backend/cpu/kernels/kernels.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

void attention_forward(const AttentionTask& task);
void attention_backward(const AttentionTask& task);
// Floats of scratch that either of them needs.
size_t attention_scratch(int64_t keys, int64_t head_dim);

void paged_attention(const PagedAttentionTask& task);
size_t paged_attention_scratch(int64_t keys);

}  // namespace rankscope::cpu::RANKSCOPE_ISA
