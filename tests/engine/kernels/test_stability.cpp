// Extreme and broken numbers: the result is finite where mathematics says so, and NaN is never
// swallowed.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/engine/kernels/operation.h"

namespace rankscope::tests {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Loss {
  float loss = 0.0f, nll = 0.0f;
  std::vector<float> gradient;
};

Loss loss_of(Backend& backend, std::vector<float> logits, int32_t label, float smoothing = 0.0f) {
  Loss r;
  const auto width = static_cast<int64_t>(logits.size());
  backend.cross_entropy({logits.data(), 1, width, width}, Indices{label}, 0, smoothing, 1.0f,
                        &r.loss, &r.nll);
  r.gradient = logits;
  return r;
}

TEST_CASE("kernels: the cross entropy survives huge and tiny logits") {
  for (const auto& backend : cpu_backends(1)) {
    INFO(backend->instruction_set());
    for (const float size : {1e4f, 1e30f, 3e38f}) {
      std::vector<float> logits(77, -size);
      logits[40] = size;
      const Loss right = loss_of(*backend, logits, 40);
      CHECK(right.loss == 0.0f);
      CHECK(std::all_of(right.gradient.begin(), right.gradient.end(),
                        [](float g) { return g == 0.0f; }));
      if (size < 1e38f) CHECK(loss_of(*backend, logits, 3).nll == Approx(2.0f * size));
    }
    const Loss flat = loss_of(*backend, std::vector<float>(77, -1e30f), 5, 0.1f);
    CHECK(flat.loss == Approx(std::log(77.0)));
    CHECK(flat.gradient[5] == Approx(1.0 / 77.0 - 0.9 - 0.1 / 77.0));
    std::vector<float> tiny(50000, 1e-40f);
    CHECK(loss_of(*backend, tiny, 49999).nll == Approx(std::log(50000.0)).epsilon(1e-6));
  }
}

TEST_CASE("kernels: logits that mean exclusion give no NaN") {
  for (const auto& backend : cpu_backends(1)) {
    INFO(backend->instruction_set());
    std::vector<float> logits(35, 0.0f);
    logits[34] = logits[2] = -kInfinity;
    const Loss r = loss_of(*backend, logits, 7);
    CHECK(r.loss == Approx(std::log(33.0)));
    CHECK(r.gradient[34] == 0.0f);
    CHECK(std::isinf(loss_of(*backend, logits, 2).loss));
  }
}

TEST_CASE("kernels: broken logits and labels make a loss that is not finite") {
  for (const auto& backend : cpu_backends(1)) {
    for (const size_t at : {0, 15, 16, 63, 64, 70, 76}) {
      INFO(backend->instruction_set() << " at " << at);
      for (const float broken : {kNaN, kInfinity}) {
        std::vector<float> logits(77, 0.5f);
        logits[at] = broken;
        CHECK_FALSE(std::isfinite(loss_of(*backend, logits, 5).loss));
        CHECK_FALSE(std::isfinite(loss_of(*backend, logits, 5, 0.1f).loss));
      }
    }
    CHECK_FALSE(std::isfinite(loss_of(*backend, std::vector<float>(77, -kInfinity), 5).loss));
    CHECK(std::isnan(loss_of(*backend, std::vector<float>(77, 0.0f), 77).loss));
    CHECK(std::isnan(loss_of(*backend, std::vector<float>(77, 0.0f), -1).loss));
  }
}

TEST_CASE("kernels: NaN in a row reaches that row's results and no other's") {
  const std::vector<std::string> kernels = {
      "layer_norm", "rms_norm",   "swiglu",  "add",           "multiply",
      "dropout",    "column_sum", "product", "cross_entropy", "layer_norm_backward"};
  for (const auto& backend : cpu_backends(1)) {
    for (const Operation& operation : operations()) {
      if (std::find(kernels.begin(), kernels.end(), operation.kernel) == kernels.end()) continue;
      Shape shape{5, 67, operation.kernel == "product" ? int64_t{16} : int64_t{0}, 0};
      const std::vector<Operand> operands = operation.operands(shape);
      for (const int64_t column : {0, 15}) {
        Values values = draw_values(operation, shape);
        values.operands[0][static_cast<size_t>(2 * operands[0].cols + column)] = kNaN;
        const auto results = run_all(operation, *backend, shape, values);
        INFO(describe(operation, shape) << " on " << backend->instruction_set());
        bool reached = false;
        for (size_t i = 0; i < operands.size(); ++i) {
          if (operands[i].role == Role::kIn) continue;
          for (size_t j = 0; j < results[i].size(); ++j) {
            const bool broken = std::isnan(results[i][j]);
            reached = reached || broken;
            if (operands[i].per_row && static_cast<int64_t>(j) / operands[i].cols != 2)
              CHECK_FALSE(broken);
          }
        }
        CHECK(reached);
      }
    }
  }
}

TEST_CASE("kernels: of equal logits the first is best, and NaN is never chosen") {
  for (const auto& backend : cpu_backends(1)) {
    INFO(backend->instruction_set());
    std::vector<float> logits(300, 1.0f);
    int32_t ids[3];
    const auto best = [&] {
      backend->best_tokens({logits.data(), 1, 300, 300}, {}, 3, ids, nullptr);
      return std::vector<int32_t>(ids, ids + 3);
    };
    CHECK(best() == std::vector<int32_t>{0, 1, 2});
    logits[299] = logits[170] = 2.0f;
    CHECK(best() == std::vector<int32_t>{170, 299, 0});
    for (const size_t at : {0, 1, 16, 100, 171, 298}) logits[at] = kNaN;
    CHECK(best() == std::vector<int32_t>{170, 299, 2});
    std::fill(logits.begin(), logits.end(), -kInfinity);
    logits[7] = 0.0f;
    CHECK(best() == std::vector<int32_t>{7, -1, -1});
  }
}

TEST_CASE("kernels: SwiGLU saturates where its gate is extreme") {
  for (const auto& backend : cpu_backends(1)) {
    const float gate[] = {100.0f, -100.0f, 1e30f, -1e30f, 0.0f};
    const float up[] = {2.0f, 2.0f, 2.0f, 2.0f, 2.0f}, dout[] = {1.0f, 1.0f, 1.0f, 1.0f, 1.0f};
    float out[5], dgate[5], dup[5];
    backend->swiglu({gate, 1, 5, 5}, {up, 1, 5, 5}, {out, 1, 5, 5});
    backend->swiglu_backward({gate, 1, 5, 5}, {up, 1, 5, 5}, {dout, 1, 5, 5}, {dgate, 1, 5, 5},
                             {dup, 1, 5, 5});
    INFO(backend->instruction_set());
    CHECK(out[0] == 200.0f);
    CHECK(std::abs(out[1]) < 1e-35f);
    CHECK(out[2] == 2e30f);
    CHECK(out[3] == 0.0f);
    CHECK(dgate[0] == 2.0f);
    CHECK(std::abs(dgate[1]) < 1e-35f);
    CHECK(dgate[4] == 1.0f);
    CHECK(dup[2] == 1e30f);
  }
}

TEST_CASE("kernels: attention over scores of any size is a mean of values") {
  for (const auto& backend : cpu_backends(1)) {
    const AttentionShape shape{1, 1, 4, 1.0f};
    const AttentionLayout layout{{0, 3}, {0, 3}, {0, 1, 2}};
    for (const float size : {1e-30f, 1e4f, 1e15f}) {
      std::vector<float> q(12, size), k(12, size), v(12), out(12), log_sum(3);
      for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i / 4);
      backend->attention(shape, layout, {q.data(), 3, 4, 4}, {k.data(), 3, 4, 4},
                         {v.data(), 3, 4, 4}, {out.data(), 3, 4, 4}, {log_sum.data(), 3, 1, 1});
      INFO(backend->instruction_set() << " size " << size);
      for (size_t row = 0; row < 3; ++row)
        CHECK(out[4 * row] == Approx(static_cast<double>(row) / 2.0));
    }
  }
}

}  // namespace
}  // namespace rankscope::tests
