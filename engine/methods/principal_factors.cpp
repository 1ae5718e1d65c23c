#include "engine/methods/principal_factors.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "common/draws.h"

namespace rankscope {
namespace {

constexpr int64_t kSpare = 10;

// Rows that span a subspace. Eigen's results depend on where its memory lies: it gets its own.
using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Rows orthonormal(const Rows& rows) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(rows.transpose());
  const Eigen::MatrixXd q = qr.householderQ() * Eigen::MatrixXd::Identity(rows.cols(), rows.rows());
  return q.transpose();
}

// rows times the matrix `right`, in the backend's products.
Rows times(Backend& backend, const Rows& rows, const PackedMatrix& right) {
  std::vector<float> values(static_cast<size_t>(rows.size()));
  std::transform(rows.data(), rows.data() + rows.size(), values.begin(),
                 [](double x) { return static_cast<float>(x); });
  const Tensor left = backend.empty(rows.rows(), rows.cols());
  backend.upload(values.data(), left.matrix());
  const Tensor out = backend.empty(rows.rows(), right.n());
  const ProductTerm term{left.view(), &right};
  backend.product({&term, 1}, {}, out.matrix());
  const std::vector<float> got = backend.to_host(out.view());
  Rows result(rows.rows(), right.n());
  std::copy(got.begin(), got.end(), result.data());
  return result;
}

}  // namespace

std::string factorisation_library() {
  return fmt::format("Eigen {}.{}.{} by {} and {} KiB", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION,
                     EIGEN_MINOR_VERSION, Eigen::l1CacheSize() >> 10, Eigen::l2CacheSize() >> 10);
}

PrincipalFactors principal_factors(const Model& model, const SiteSpec& spec, int64_t rank,
                                   int iterations, uint64_t seed) {
  Backend& backend = model.backend();
  const LinearWeight& weight = model.site(spec.site);  // [in, out]
  const PackedMatrix& forward = weight.forward_packed(backend);
  const PackedMatrix& backward = weight.backward_packed(backend);
  const int64_t count = std::min({spec.in, spec.out, rank + kSpare});

  std::vector<float> drawn(static_cast<size_t>(count * spec.in));
  Draws(seed, "init", spec.site.name() + ".pissa.r" + std::to_string(rank)).fill_normal(drawn);
  Rows right(count, spec.in);  // approaches the right-singular vectors
  std::copy(drawn.begin(), drawn.end(), right.data());
  right = orthonormal(right);
  for (int i = 0; i < iterations; ++i) {
    const Rows left = orthonormal(times(backend, right, forward));
    right = orthonormal(times(backend, left, backward));
  }
  // What is left is small: with X = right, X W^T = R S L^T gives V^T = R^T X and U = L.
  const Rows projected = times(backend, right, forward);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> gram(
      Eigen::MatrixXd(projected * projected.transpose()));
  PrincipalFactors factors;
  factors.a.resize(static_cast<size_t>(rank * spec.in));
  factors.b.resize(static_cast<size_t>(spec.out * rank));
  for (int64_t c = 0; c < rank; ++c) {
    const auto rotation = gram.eigenvectors().col(count - 1 - c);  // rising order
    const double value = std::sqrt(std::max(gram.eigenvalues()(count - 1 - c), 0.0));
    const double root = std::sqrt(value);
    const Eigen::RowVectorXd v = rotation.transpose() * right;
    const Eigen::RowVectorXd u = rotation.transpose() * projected;  // times the singular value
    for (int64_t j = 0; j < spec.in; ++j)
      factors.a[static_cast<size_t>(c * spec.in + j)] = static_cast<float>(root * v(j));
    for (int64_t j = 0; j < spec.out; ++j)
      factors.b[static_cast<size_t>(j * rank + c)] =
          value > 0 ? static_cast<float>(u(j) / root) : 0.0f;
  }
  return factors;
}

}  // namespace rankscope
