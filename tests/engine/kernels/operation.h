// The table that the kernel tests walk: every kernel declared once, with its operands, the shapes
// to try, how a backend runs it, its reference, and the stated bound between the two.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "tests/engine/kernels/reference.h"

namespace rankscope::tests {

struct Shape {
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t inner = 0;  // what else the kernel has: the depth of a product, a head's width
  int variant = 0;    // which of the operation's forms
};

enum class Role { kIn, kOut, kInOut };

// One matrix that a kernel reads or writes. Row i of a per-row operand belongs to row i of the
// kernel; the others are shared by all rows.
struct Operand {
  std::string name;
  Role role = Role::kIn;
  int64_t rows = 0;
  int64_t cols = 0;
  bool per_row = true;
  bool dense = false;  // the kernel takes a bare pointer: rows lie end to end
  double scale = 1.0;  // of the drawn values
};

struct Operation {
  std::string kernel;  // its name in kernel_names()
  std::vector<Shape> shapes = {};
  // |kernel - reference| <= bound * (|reference| + magnitude): the kernel's rounding errors are
  // relative to the terms it adds, which are of that magnitude.
  double bound = 0.0;
  double magnitude = 1.0;
  std::function<std::vector<Operand>(const Shape&)> operands = {};
  // Each row's integer (id, label, position) is drawn below this.
  std::function<int64_t(const Shape&)> integer_limit = {};
  std::function<void(Backend&, const Shape&, std::span<const Matrix>, const std::vector<int32_t>&)>
      run = {};
  std::function<void(const Shape&, std::vector<Array>&, const std::vector<int32_t>&)> reference =
      {};
  // Whether a row's outputs can be computed from that row alone, and at any address.
  bool by_rows = true;
};

const std::vector<Operation>& operations();

// Parts of operations(), by file.
std::vector<Operation> product_operations();
std::vector<Operation> attention_operations();
std::vector<Operation> decoding_operations();
std::vector<Operation> norm_operations();
std::vector<Operation> element_operations();
std::vector<Operation> row_operations();

// rows 5 at widths 1 to 67, and rows 0, 1, 97 and 1,000 at some, each in `variants` forms.
std::vector<Shape> usual_shapes(int variants);

// What an operation works on: the values of each operand, dense, and one integer a row. Outputs
// are drawn too, so that nothing relies on what was in memory.
struct Values {
  std::vector<std::vector<float>> operands;
  std::vector<int32_t> integers;
};
Values draw_values(const Operation& operation, const Shape& shape);

// Runs the operation on copies of rows [row_begin, row_begin + rows) of the per-row operands, each
// matrix `offset` floats past a 64-byte boundary, with `gap` floats between its rows. Around the
// values lie NaN: one read shows in the results, one written throws. Returns all operands.
std::vector<std::vector<float>> run_at(const Operation& operation, Backend& backend,
                                       const Shape& shape, const Values& values, int64_t row_begin,
                                       int64_t rows, int64_t offset = 0, int64_t gap = 0);
std::vector<std::vector<float>> run_all(const Operation& operation, Backend& backend,
                                        const Shape& shape, const Values& values);

// What the reference makes of these values.
std::vector<Array> expected_of(const Operation& operation, const Shape& shape,
                               const Values& values);
// The largest error of an output in units of the allowed one, or, with `bound` above 0, of that
// bound in its place; infinite where what was only read has changed.
double worst_error(const Operation& operation, const Shape& shape, const Values& values,
                   const std::vector<Array>& expected, const std::vector<std::vector<float>>& got,
                   double bound = 0.0);

bool same_bits(const std::vector<float>& a, const std::vector<float>& b);
std::string describe(const Operation& operation, const Shape& shape);

// One CPU backend for each instruction set that this processor has.
std::vector<std::unique_ptr<Backend>> cpu_backends(int threads);

}  // namespace rankscope::tests
