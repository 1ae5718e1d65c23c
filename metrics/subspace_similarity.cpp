#include "metrics/subspace_similarity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include "common/draws.h"
#include "common/parallel.h"
#include "metrics/products.h"

namespace rankscope {

namespace {

class Normals {
 public:
  Normals(std::uint64_t seed, std::uint64_t step)
      : draws_(seed, "chance band", "normal", step),
        uniforms_(seed, "chance band", "uniform", step) {}
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

// The first `rows` rows of a matrix of `cols` random orthonormal columns in R^dimension: without
// loss of generality the dot products of the columns of two random subspaces. With G a Gaussian
// matrix and R^T R = G^T G, those are rows of G R^-1; of the other rows only their Gram matrix is
// needed, which is Wishart's, drawn by Bartlett's decomposition.
RealMatrix random_products(Eigen::Index rows, Eigen::Index cols, Eigen::Index dimension,
                           Normals& normals) {
  // The larger the Gram matrix the more there is to draw, and either subspace may stand first.
  if (rows < cols) return random_products(cols, rows, dimension, normals).transpose();
  const RealMatrix top = normals.matrix(rows, cols);
  const Eigen::Index others = dimension - rows;
  RealMatrix gram = transposed_product(top, top);
  if (others >= cols) {
    RealMatrix factor = RealMatrix::Zero(cols, cols);
    for (Eigen::Index j = 0; j < cols; ++j) {
      for (Eigen::Index i = 0; i < j; ++i) factor(i, j) = normals.next();
      factor(j, j) = normals.chi(static_cast<double>(others - j));
    }
    gram += transposed_product(factor, factor);
  } else {
    const RealMatrix bottom = normals.matrix(others, cols);
    gram += transposed_product(bottom, bottom);
  }
  const Eigen::LLT<RealMatrix> cholesky(gram);
  return cholesky.matrixL().solve(top.transpose()).transpose();
}

}  // namespace

RealMatrix dot_products(const RealMatrix& u, const RealMatrix& v) {
  if (u.rows() != v.rows()) throw std::invalid_argument("the subspaces lie in different spaces");
  return transposed_product(u, v);
}

RealMatrix subspace_similarity(const RealMatrix& products) {
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

RealMatrix chance_similarity(Eigen::Index rows, Eigen::Index cols, Eigen::Index dimension) {
  RealMatrix chance(rows, cols);
  for (Eigen::Index j = 0; j < cols; ++j)
    for (Eigen::Index i = 0; i < rows; ++i)
      chance(i, j) = static_cast<double>(std::max(i, j) + 1) / static_cast<double>(dimension);
  return chance;
}

ChanceBand chance_band(Eigen::Index rows, Eigen::Index cols, Eigen::Index dimension,
                       std::uint64_t seed, int draws, int threads) {
  std::vector<RealMatrix> drawn(static_cast<std::size_t>(draws));
  parallel_for(drawn.size(), threads, [&](std::size_t n) {
    Normals normals(seed, n);
    drawn[n] = subspace_similarity(random_products(rows, cols, dimension, normals));
  });
  ChanceBand band{.low = RealMatrix(rows, cols), .high = RealMatrix(rows, cols)};
  // The same number of draws below and above: 2.5 % each, rounded down.
  const auto kept = static_cast<std::size_t>(draws * 0.025) + 1;
  parallel_for(static_cast<std::size_t>(cols), threads, [&](std::size_t column) {
    const auto j = static_cast<Eigen::Index>(column);
    // The `kept` smallest and, negated, largest values of each row, ascending.
    constexpr double kNone = std::numeric_limits<double>::infinity();
    std::vector<double> lowest(static_cast<std::size_t>(rows) * kept, kNone), highest = lowest;
    const auto insert = [kept](double* list, double value) {
      if (!(value < list[kept - 1])) return;
      std::size_t at = kept - 1;
      for (; at > 0 && value < list[at - 1]; --at) list[at] = list[at - 1];
      list[at] = value;
    };
    for (const RealMatrix& phi : drawn) {
      for (Eigen::Index i = 0; i < rows; ++i) {
        insert(&lowest[static_cast<std::size_t>(i) * kept], phi(i, j));
        insert(&highest[static_cast<std::size_t>(i) * kept], -phi(i, j));
      }
    }
    for (Eigen::Index i = 0; i < rows; ++i) {
      band.low(i, j) = lowest[static_cast<std::size_t>(i) * kept + kept - 1];
      band.high(i, j) = -highest[static_cast<std::size_t>(i) * kept + kept - 1];
    }
  });
  return band;
}

RealVector principal_cosines(const RealMatrix& products) {
  // Squares of the cosines: a third of the work of a decomposition, and as exact where all of them
  // stand out from the rounding of the square.
  constexpr double kSmallest = 1e-8;
  const RealMatrix gram = products.rows() < products.cols()
                              ? transposed_product(products.transpose(), products.transpose())
                              : transposed_product(products, products);
  const Eigen::SelfAdjointEigenSolver<RealMatrix> squares(gram, Eigen::EigenvaluesOnly);
  if (squares.info() == Eigen::Success && squares.eigenvalues()[0] >= kSmallest)
    return squares.eigenvalues().reverse().cwiseSqrt().cwiseMin(1.0);
  return singular_of(products).values.cwiseMin(1.0);
}

double projection_metric(const RealMatrix& products) {
  const auto angles = static_cast<double>(std::min(products.rows(), products.cols()));
  return std::sqrt(std::max(0.0, angles - products.squaredNorm()));
}

}  // namespace rankscope
