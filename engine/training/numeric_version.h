// The version of the CPU's arithmetic; a GPU's kernels have their own (cuda_backend.cpp). Raised
// whenever the bits of what a method trains, or of what is predicted with it, change on an unchanged
// instruction set; tests/engine/training/numeric_version_test.cpp notices when that was forgotten.
#pragma once

namespace rankscope {

inline constexpr int kNumericVersion = 4;

}  // namespace rankscope
