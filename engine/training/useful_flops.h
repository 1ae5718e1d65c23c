// The arithmetic that a step's mathematics needs, whatever the program does: what "useful GFLOP/s"
// are counted in.
#pragma once

#include "engine/methods/method.h"
#include "engine/models/batch.h"
#include "engine/models/model.h"

namespace rankscope {

// Two per multiply-add of: the forward pass of all tokens; gradients of activations down to the
// lowest trained parameter; gradients of what is trained; the head at target rows only; the causal
// half of attention; the last layer's Wq, Wo and MLP at target rows only. Norms, activations and
// softmax are not counted, nor is anything computed twice. backward = false: evaluation.
double useful_flops(const ModelShape& shape, const Adaptation& adaptation, const Batch& batch,
                    bool backward);
// Of a part of the batch, under its own adaptation.
double useful_flops(const ModelShape& shape, const Batch& batch, const BatchPart& part,
                    bool backward);

}  // namespace rankscope
