// What the bits of a result may not depend on: addresses, neighbours, threads, how a width divides.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "common/draws.h"
#include "common/half.h"
#include "tests/engine/kernels/operation.h"

namespace rankscope::tests {
namespace {

void check_same(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b,
                const std::vector<Operand>& operands) {
  for (size_t i = 0; i < operands.size(); ++i) {
    INFO("operand " << operands[i].name);
    CHECK(same_bits(a[i], b[i]));
  }
}

bool is_small(const Operation& operation, const Shape& shape) {
  int64_t floats = 0;
  for (const Operand& operand : operation.operands(shape)) floats += operand.rows * operand.cols;
  return floats > 0 && floats < 4000;
}

TEST_CASE("kernels: the address of an operand changes no bit", "[slow]") {
  for (const auto& backend : cpu_backends(1)) {
    for (const Operation& operation : operations()) {
      for (const Shape& shape : operation.shapes) {
        if (!is_small(operation, shape)) continue;
        const Values values = draw_values(operation, shape);
        const auto aligned = run_all(operation, *backend, shape, values);
        INFO(describe(operation, shape) << " on " << backend->instruction_set());
        for (int64_t offset = 1; offset < 16; ++offset) {
          INFO("offset of " << offset << " floats");
          check_same(aligned,
                     run_at(operation, *backend, shape, values, 0, shape.rows, offset, offset % 5),
                     operation.operands(shape));
        }
      }
    }
  }
}

TEST_CASE("kernels: a row alone has the bits that it has among others", "[slow]") {
  for (const auto& backend : cpu_backends(1)) {
    for (const Operation& operation : operations()) {
      if (!operation.by_rows) continue;
      for (const Shape& shape : operation.shapes) {
        if (shape.rows < 2) continue;
        const std::vector<Operand> operands = operation.operands(shape);
        const Values values = draw_values(operation, shape);
        const auto together = run_all(operation, *backend, shape, values);
        INFO(describe(operation, shape) << " on " << backend->instruction_set());
        for (const int64_t count : {1, 3}) {
          if (count > shape.rows) continue;
          for (const int64_t begin : {int64_t{0}, (shape.rows - count) / 2, shape.rows - count}) {
            const auto alone = run_at(operation, *backend, shape, values, begin, count);
            for (size_t i = 0; i < operands.size(); ++i) {
              if (!operands[i].per_row || operands[i].role == Role::kIn) continue;
              const auto first = together[i].begin() + begin * operands[i].cols;
              INFO("operand " << operands[i].name << " rows from " << begin);
              CHECK(same_bits(alone[i], {first, first + count * operands[i].cols}));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("kernels: the number of threads changes no bit", "[slow]") {
  const auto one = cpu_backends(1), two = cpu_backends(2), four = cpu_backends(4);
  for (size_t b = 0; b < one.size(); ++b) {
    for (const Operation& operation : operations()) {
      for (const Shape& shape : operation.shapes) {
        // Narrow and short at once is one task: nothing to share out.
        if (is_small(operation, shape) && shape.cols < 65) continue;
        const Values values = draw_values(operation, shape);
        const auto alone = run_all(operation, *one[b], shape, values);
        INFO(describe(operation, shape) << " on " << one[b]->instruction_set());
        check_same(alone, run_all(operation, *two[b], shape, values), operation.operands(shape));
        check_same(alone, run_all(operation, *four[b], shape, values), operation.operands(shape));
      }
    }
  }
}

TEST_CASE("kernels: masked tails have the bits of whole vectors", "[slow]") {
  // In these kernels an element is a function of elements at its place: in a row of another width,
  // where another path computes it, it is the same.
  const std::vector<std::string> elementwise = {
      "add", "multiply", "swiglu", "swiglu_backward", "adamw", "dropout", "column_sum", "gather"};
  for (const auto& backend : cpu_backends(1)) {
    for (const Operation& operation : operations()) {
      if (std::find(elementwise.begin(), elementwise.end(), operation.kernel) == elementwise.end())
        continue;
      for (const Shape& wide : operation.shapes) {
        if (wide.cols != 67 || wide.rows > 5) continue;
        const std::vector<Operand> wide_operands = operation.operands(wide);
        const Values values = draw_values(operation, wide);
        const auto whole = run_all(operation, *backend, wide, values);
        for (int64_t cols = 1; cols < wide.cols; ++cols) {
          Shape narrow = wide;
          narrow.cols = cols;
          const std::vector<Operand> operands = operation.operands(narrow);
          auto cut = [&](const std::vector<float>& from, size_t i) {
            std::vector<float> part;
            for (int64_t r = 0; r < operands[i].rows; ++r)
              for (int64_t c = 0; c < operands[i].cols; ++c)
                part.push_back(from[static_cast<size_t>(r * wide_operands[i].cols + c)]);
            return part;
          };
          Values part{{}, values.integers};
          for (size_t i = 0; i < operands.size(); ++i)
            part.operands.push_back(cut(values.operands[i], i));
          const auto got = run_all(operation, *backend, narrow, part);
          INFO(describe(operation, narrow) << " on " << backend->instruction_set());
          for (size_t i = 0; i < operands.size(); ++i) CHECK(same_bits(got[i], cut(whole[i], i)));
        }
      }
    }
  }
}

TEST_CASE("kernels: a product's rows keep their bits whatever the number of rows", "[slow]") {
  constexpr int64_t kRows = 1000;
  const int64_t sizes[] = {1, 2, 4, 8, 16, 64, 192, 768};
  for (const auto& backend : cpu_backends(1)) {
    for (const int64_t k : sizes) {
      Tensor left = backend->empty(kRows, k);
      Draws(1, "test", "left").fill_normal(left.values());
      for (const int64_t n : sizes) {
        Tensor right = backend->empty(k, n);
        Draws(1, "test", "right").fill_normal(right.values());
        const PackedMatrix packed = backend->pack(WeightView::of(right.view()));
        Tensor all = backend->empty(kRows, n), some = backend->empty(64, n);
        const std::vector<ProductTerm> whole = {{left.view(), &packed}};
        backend->product(whole, {}, all.matrix());
        for (int64_t m = 1; m <= 64; ++m) {
          const int64_t begin = (m * 37) % (kRows - m);
          const std::vector<ProductTerm> terms = {{{left.row(begin), m, k, k}, &packed}};
          backend->product(terms, {}, {some.data(), m, n, n});
          INFO(backend->instruction_set() << " m " << m << " n " << n << " k " << k);
          CHECK(std::memcmp(some.data(), all.row(begin),
                            static_cast<size_t>(m * n) * sizeof(float)) == 0);
        }
      }
    }
  }
}

// Of m drawn rows with either right operand.
bool same_products(Backend& backend, int64_t m, const PackedMatrix& a, const PackedMatrix& b) {
  const Tensor left = backend.empty(m, a.k());
  Draws(1, "test", "left").fill_normal(left.values());
  const auto product = [&](const PackedMatrix& right) {
    Tensor out = backend.empty(m, right.n());
    backend.product(std::vector<ProductTerm>{{left.view(), &right}}, {}, out.matrix());
    return out;
  };
  const Tensor x = product(a), y = product(b);
  return std::memcmp(x.data(), y.data(), x.values().size_bytes()) == 0;
}

// Rows and depths on both sides of a row tile and of a block of the depth, columns that end within
// a panel; the largest are fetched ahead (kernels/product.cpp).
TEST_CASE("kernels: 16-bit weights give the bits of the same weights in fp32", "[slow]") {
  for (const auto& backend : cpu_backends(2)) {
    for (const DType type : {DType::kBF16, DType::kF16}) {
      for (const int64_t k : {1, 17, 768, 1601}) {
        for (const int64_t n : {1, 16, 45, 700}) {
          Tensor wide = backend->empty(k, n);
          Draws(1, "test", "right").fill_normal(wide.values());
          std::vector<uint16_t> narrow;
          for (float& x : wide.values()) {
            narrow.push_back(type == DType::kBF16 ? float_to_bf16(x) : float_to_f16(x * 1e-4f));
            x = type == DType::kBF16 ? bf16_to_float(narrow.back()) : f16_to_float(narrow.back());
          }
          const PackedMatrix fp32 = backend->pack(WeightView::of(wide.view()));
          const PackedMatrix half = backend->pack({narrow.data(), type, k, n, n, 1});
          CHECK(half.storage().dtype() == type);
          for (const int64_t m : {1, 6, 7, 12, 13, 40, 97, 300}) {
            INFO(backend->instruction_set()
                 << " " << dtype_name(type) << " m " << m << " k " << k << " n " << n);
            CHECK(same_products(*backend, m, fp32, half));
          }
        }
      }
    }
  }
}

TEST_CASE("kernels: every 16-bit weight is widened to its value") {
  std::vector<uint16_t> all(65536);
  std::iota(all.begin(), all.end(), uint16_t{0});
  const int64_t n = std::ssize(all);
  for (const auto& backend : cpu_backends(1)) {
    for (const DType type : {DType::kBF16, DType::kF16}) {
      const PackedMatrix row = backend->pack({all.data(), type, 1, n, n, 1});
      const PackedMatrix column = backend->pack({all.data(), type, n, 1, 1, 1});
      for (const PackedMatrix& right : {row, PackedMatrix::transposition(column)}) {
        Tensor one = backend->empty(1, 1);
        one.data()[0] = 1.0f;
        const Tensor got = backend->empty(1, n);
        backend->product(std::vector<ProductTerm>{{one.view(), &right}}, {}, got.matrix());
        int wrong = 0;
        for (int64_t i = 0; i < n; ++i) {
          const auto bits = all[static_cast<size_t>(i)];
          const float value = type == DType::kBF16 ? bf16_to_float(bits) : f16_to_float(bits);
          const float x = got.data()[i];
          if (std::isnan(value) ? !std::isnan(x) : x != value) ++wrong;
        }
        INFO(backend->instruction_set()
             << " " << dtype_name(type) << ", " << (right.across() ? "across" : "in order"));
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("kernels: panels read across give the bits of the transposition packed for itself",
          "[slow]") {
  for (const auto& backend : cpu_backends(2)) {
    for (const DType type : {DType::kF32, DType::kBF16, DType::kF16}) {
      for (const int64_t k : {1, 31, 64, 800}) {
        for (const int64_t n : {1, 16, 45, 700}) {
          Tensor values = backend->empty(n, k);
          Draws(1, "test", "right").fill_normal(values.values());
          std::vector<uint16_t> narrow;
          for (const float x : values.values())
            narrow.push_back(type == DType::kBF16 ? float_to_bf16(x) : float_to_f16(x));
          const void* const data = type == DType::kF32 ? static_cast<void*>(values.data())
                                                       : static_cast<void*>(narrow.data());
          const WeightView view{data, type, n, k, k, 1};
          const PackedMatrix own = backend->pack(view.transposed());
          const PackedMatrix forward = backend->pack(view);
          const PackedMatrix across = PackedMatrix::transposition(forward);
          CHECK(across.storage().data() == forward.storage().data());
          for (const int64_t m : {1, 12, 13, 97, 450}) {
            INFO(backend->instruction_set()
                 << " " << dtype_name(type) << " m " << m << " k " << k << " n " << n);
            CHECK(same_products(*backend, m, own, across));
          }
        }
      }
    }
  }
}

TEST_CASE("kernels: a sequence has the same attention alone and packed with others", "[slow]") {
  const int64_t lengths[] = {5, 1, 33, 97, 130, 2};
  for (const auto& backend : cpu_backends(2)) {
    for (const int64_t head_dim : {12, 16, 64}) {
      for (const int64_t kv_heads : {1, 2, 4}) {
        const AttentionShape shape{4, kv_heads, head_dim, 0.3f};
        AttentionLayout layout{{0}, {0}, {}};
        for (const int64_t length : lengths) {
          for (int64_t p = 0; p < length; ++p)
            layout.query_positions.push_back(static_cast<int32_t>(p));
          layout.key_begin.push_back(layout.key_begin.back() + length);
          layout.query_begin.push_back(layout.query_begin.back() + length);
        }
        const int64_t rows = layout.key_begin.back(), width = 4 * head_dim;
        const int64_t kv_width = kv_heads * head_dim;
        auto drawn = [&](const char* name, int64_t cols) {
          Tensor t = backend->empty(rows, cols);
          Draws(1, "test", name).fill_normal(t.values());
          return t;
        };
        const Tensor q = drawn("q", width), k = drawn("k", kv_width), v = drawn("v", kv_width);
        const Tensor dout = drawn("dout", width);
        // q, k, v and dout rows [begin, end) -> out, log_sum, dq, dk, dv.
        auto run = [&](const AttentionLayout& part, int64_t begin, int64_t end) {
          auto rows_of = [&](const Tensor& t) { return t.slice(begin, end).view(); };
          const int64_t count = end - begin;
          std::vector<Tensor> results;
          for (const int64_t cols : {width, int64_t{4}, width, kv_width, kv_width})
            results.push_back(backend->empty(count, cols));
          backend->attention(shape, part, rows_of(q), rows_of(k), rows_of(v), results[0].matrix(),
                             results[1].matrix());
          backend->attention_backward(
              shape, part, rows_of(q), rows_of(k), rows_of(v), results[0].view(), results[1].view(),
              rows_of(dout), results[2].matrix(), results[3].matrix(), results[4].matrix());
          return results;
        };
        const auto packed = run(layout, 0, rows);
        for (size_t s = 0; s + 1 < layout.key_begin.size(); ++s) {
          const int64_t begin = layout.key_begin[s], end = layout.key_begin[s + 1];
          AttentionLayout single{{0, end - begin}, {0, end - begin}, {}};
          for (int64_t p = 0; p < end - begin; ++p)
            single.query_positions.push_back(static_cast<int32_t>(p));
          const auto alone = run(single, begin, end);
          INFO(backend->instruction_set() << " head_dim " << head_dim << " kv heads " << kv_heads
                                          << " length " << end - begin);
          for (size_t i = 0; i < alone.size(); ++i) {
            INFO("result " << i);
            CHECK(std::memcmp(alone[i].data(), packed[i].row(begin),
                              static_cast<size_t>(alone[i].size()) * sizeof(float)) == 0);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace rankscope::tests
