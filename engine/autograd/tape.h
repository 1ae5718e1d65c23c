// Reverse-mode differentiation over coarse operations. An operation computes its value at once and,
// where some input wants a gradient, records a closure that turns the output's gradient into the
// inputs'. What needs no gradient records nothing: no weight gradient for frozen weights, nothing
// below the lowest trained parameter.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/tensor/tensor.h"

namespace rankscope {

// Where the gradient of one value collects. Kept apart from the value, so that a closure which
// needs only the gradient does not keep the activation alive.
struct Gradient {
  Tensor value;  // empty until the first contribution
  // When set, contributions arrive with respect to act(z) and are multiplied by act'(z) before they
  // are added, so that `value` is the gradient of z: the activation costs no pass of its own.
  Tensor derivative;
};

struct Var {
  Tensor value;
  std::shared_ptr<Gradient> gradient;  // null: no gradient is wanted
  bool needs_gradient() const { return gradient != nullptr; }
};

// A tensor of the model or of a method that training may change.
struct Parameter {
  std::string name;
  Tensor value;
  Tensor gradient;  // same shape as value; empty while frozen
  bool trainable() const { return !gradient.empty(); }
};

class Tape {
 public:
  // With recording off (evaluation) every operation forgets its inputs at once.
  Tape(Backend& backend, bool recording) : backend_(backend), recording_(recording) {}
  Backend& backend() const { return backend_; }
  bool recording() const { return recording_; }

  // A result whose gradient is wanted when `wanted` and the tape records.
  Var result(Tensor value, bool wanted) const;
  void record(std::function<void()> backward) { closures_.push_back(std::move(backward)); }
  // Runs the closures in reverse, dropping each (and what it saved) as soon as it has run.
  void run_backward();

 private:
  Backend& backend_;
  bool recording_;
  std::vector<std::function<void()>> closures_;
};

// Adds `contribution` to the gradient (taking it over where it is the first). Null is allowed.
void add_gradient(Backend& backend, Gradient* gradient, Tensor contribution);
// The tensor to write a contribution into: `accumulate` says whether it holds earlier ones.
struct GradientTarget {
  Matrix matrix;
  bool accumulate = false;
  ConstMatrix multiplier;  // the pending activation derivative, or empty
};
GradientTarget gradient_target(Backend& backend, Gradient& gradient, int64_t rows, int64_t cols);

}  // namespace rankscope
