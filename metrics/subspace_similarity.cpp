#include "metrics/subspace_similarity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/SVD>

#include "common/draws.h"

namespace rankscope {

namespace {

void require_one_space(const RealMatrix& u, const RealMatrix& v) {
  if (u.rows() != v.rows()) throw std::invalid_argument("the subspaces lie in different spaces");
}

// products[i, j] = column i of one dot column j of the other.
RealMatrix similarity_of_products(const RealMatrix& products) {
  RealMatrix phi(products.rows(), products.cols());
  for (Eigen::Index j = 0; j < phi.cols(); ++j) {
    double column = 0;
    for (Eigen::Index i = 0; i < phi.rows(); ++i) {
      column += products(i, j) * products(i, j);
      phi(i, j) = column + (j > 0 ? phi(i, j - 1) * static_cast<double>(std::min(i + 1, j)) : 0);
      phi(i, j) /= static_cast<double>(std::min(i, j) + 1);
    }
  }
  return phi;
}

class Normals {
 public:
  Normals(std::uint64_t seed, std::uint64_t step)
      : draws_(seed, "chance band", "normal", step), uniforms_(seed, "chance band", "uniform", step) {}
  // Box and Muller's both normals of two uniforms.
  double next() {
    if (has_second_) {
      has_second_ = false;
      return second_;
    }
    const std::array<std::uint32_t, 4> words = draws_.block(next_++);
    const auto unit = [](std::uint32_t high, std::uint32_t low) {
      return (static_cast<double>(high) * 0x1p32 + static_cast<double>(low) + 0.5) * 0x1p-64;
    };
    const double radius = std::sqrt(-2 * std::log(unit(words[0], words[1])));
    const double angle = 2 * std::numbers::pi * unit(words[2], words[3]);
    second_ = radius * std::sin(angle);
    has_second_ = true;
    return radius * std::cos(angle);
  }
  RealMatrix matrix(Eigen::Index rows, Eigen::Index cols) {
    RealMatrix values(rows, cols);
    for (Eigen::Index j = 0; j < cols; ++j)
      for (Eigen::Index i = 0; i < rows; ++i) values(i, j) = next();
    return values;
  }
  // Square root of a chi-squared value (Marsaglia and Tsang, 2000, for a Gamma of shape n / 2).
  double chi(double n) {
    const double shape = n / 2 < 1 ? n / 2 + 1 : n / 2;
    const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
      const double x = next(), v = std::pow(1 + c * x, 3);
      const double u = uniforms_.uniform_double(taken_++);
      if (v <= 0 || std::log(1 - u) >= x * x / 2 + d - d * v + d * std::log(v)) continue;
      double gamma = d * v;
      if (n / 2 < 1) gamma *= std::pow(1 - uniforms_.uniform_double(taken_++), 2 / n);
      return std::sqrt(2 * gamma);
    }
  }

 private:
  Draws draws_, uniforms_;
  std::uint64_t next_ = 0, taken_ = 0;
  double second_ = 0;
  bool has_second_ = false;
};

// The first `rows` rows of a matrix of `cols` random orthonormal columns in R^dimension: without loss of
// generality the dot products of the columns of two random subspaces. With G a Gaussian matrix and
// R^T R = G^T G, those are rows of G R^-1; of the other rows only their Gram matrix is needed, which
// is Wishart's, drawn by Bartlett's decomposition.
RealMatrix random_products(Eigen::Index rows, Eigen::Index cols, Eigen::Index dimension, Normals& normals) {
  const RealMatrix top = normals.matrix(rows, cols);
  const Eigen::Index others = dimension - rows;
  RealMatrix gram = top.transpose() * top;
  if (others >= cols) {
    RealMatrix factor = RealMatrix::Zero(cols, cols);
    for (Eigen::Index j = 0; j < cols; ++j) {
      for (Eigen::Index i = 0; i < j; ++i) factor(i, j) = normals.next();
      factor(j, j) = normals.chi(static_cast<double>(others - j));
    }
    gram += factor.transpose() * factor;
  } else {
    const RealMatrix bottom = normals.matrix(others, cols);
    gram += bottom.transpose() * bottom;
  }
  const Eigen::LLT<RealMatrix> cholesky(gram);
  return cholesky.matrixL().solve(top.transpose()).transpose();
}

}  // namespace

RealMatrix subspace_similarity(const RealMatrix& u, const RealMatrix& v) {
  require_one_space(u, v);
  return similarity_of_products(u.transpose() * v);
}

RealMatrix chance_similarity(Eigen::Index rows, Eigen::Index cols, Eigen::Index dimension) {
  RealMatrix chance(rows, cols);
  for (Eigen::Index j = 0; j < cols; ++j)
    for (Eigen::Index i = 0; i < rows; ++i)
      chance(i, j) = static_cast<double>(std::max(i, j) + 1) / static_cast<double>(dimension);
  return chance;
}

ChanceBand chance_band(Eigen::Index rows, Eigen::Index cols, Eigen::Index dimension,
                       std::uint64_t seed, int draws) {
  std::vector<RealMatrix> drawn;
  for (int n = 0; n < draws; ++n) {
    Normals normals(seed, static_cast<std::uint64_t>(n));
    drawn.push_back(similarity_of_products(random_products(rows, cols, dimension, normals)));
  }
  ChanceBand band{.low = RealMatrix(rows, cols), .high = RealMatrix(rows, cols)};
  // The same number of draws below and above: 2.5 % each, rounded down.
  const auto tail = static_cast<std::size_t>(draws * 0.025);
  std::vector<double> values(drawn.size());
  for (Eigen::Index j = 0; j < cols; ++j) {
    for (Eigen::Index i = 0; i < rows; ++i) {
      for (std::size_t n = 0; n < drawn.size(); ++n) values[n] = drawn[n](i, j);
      const auto low = values.begin() + static_cast<std::ptrdiff_t>(tail);
      const auto high = values.end() - 1 - static_cast<std::ptrdiff_t>(tail);
      std::nth_element(values.begin(), low, values.end());
      if (high > low) std::nth_element(low + 1, high, values.end());
      band.low(i, j) = *low;
      band.high(i, j) = *high;
    }
  }
  return band;
}

RealVector principal_cosines(const RealMatrix& u, const RealMatrix& v) {
  require_one_space(u, v);
  return singular_of(u.transpose() * v).values.cwiseMin(1.0);
}

double projection_metric(const RealMatrix& u, const RealMatrix& v) {
  const RealVector cosines = principal_cosines(u, v);
  return std::sqrt(std::max(0.0, static_cast<double>(cosines.size()) - cosines.squaredNorm()));
}

}  // namespace rankscope
