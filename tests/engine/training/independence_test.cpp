// The control of Figure 3: what initialisation alone gives. Two ranks at one seed share no row of
// A, and the subspaces of untrained adapters overlap as random ones do.
#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <set>

#include "tests/engine/goldens/golden_case.h"

namespace rankscope::tests {
namespace {

using RowMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// A of layer 0's Wq, [rank, d_in].
Eigen::MatrixXd untrained_a(Model& model, int rank, uint64_t seed, const std::string& init) {
  Settings settings;
  settings.add("rank=" + std::to_string(rank));
  settings.add("init=" + init);
  settings.add("targets=Wq");
  const auto lora = make_method("lora", settings)->adapt(model, seed);
  const Tensor& a = lora->trained().front().parameter->value;
  return Eigen::Map<const RowMatrix>(a.data(), a.rows(), a.cols()).cast<double>();
}

// Equation 4 of the paper for the top i and j right-singular vectors.
double phi(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b, int i, int j) {
  auto right = [](const Eigen::MatrixXd& m) {
    return Eigen::BDCSVD<Eigen::MatrixXd>(m, Eigen::ComputeThinV).matrixV();
  };
  const Eigen::MatrixXd overlap = right(a).leftCols(i).transpose() * right(b).leftCols(j);
  return overlap.squaredNorm() / std::min(i, j);
}

TEST_CASE("two ranks at one seed share no initial row, and phi lies at chance", "[training]") {
  const std::string init = GENERATE("kaiming", "gaussian");
  INFO(init);
  const GoldenCase c("llama_gqa");
  const auto backend = make_cpu_backend(1);
  const auto model = c.load(*backend);
  const int d = static_cast<int>(model->config().width);
  const int small = 4, large = 16;
  double sum = 0;
  const int seeds = 60;
  for (int seed = 0; seed < seeds; ++seed) {
    const Eigen::MatrixXd a = untrained_a(*model, small, seed, init);
    const Eigen::MatrixXd b = untrained_a(*model, large, seed, init);
    for (int i = 0; i < small; ++i)
      for (int j = 0; j < large; ++j)
        // Kaiming and gaussian rows of two ranks may differ in scale: compare directions.
        CHECK(std::abs(a.row(i).normalized().dot(b.row(j).normalized())) < 0.75);
    sum += phi(a, b, small, large);
  }
  // The mean over random subspaces is max(i, j) / d; its spread over 60 draws is below 0.01.
  CHECK(sum / seeds == Approx(static_cast<double>(large) / d).margin(0.03));
}

}  // namespace
}  // namespace rankscope::tests
