#include "engine/checkpoint/combine_factors.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

namespace rankscope {
namespace {

// Eigen's results depend on where its memory lies: it gets its own.
using Columns = Eigen::MatrixXd;

std::size_t at(std::int64_t row, std::int64_t cols, std::int64_t col) {
  return static_cast<std::size_t>(row * cols + col);
}

// Place and shape of the first source, with no rank yet.
SiteFactors placed_like(std::span<const WeightedFactors> sources) {
  const SiteFactors& first = *sources.front().factors;
  SiteFactors made;
  made.layer = first.layer;
  made.site = first.site;
  made.module = first.module;
  made.begin = first.begin;
  made.module_out = first.module_out;
  made.in = first.in;
  made.out = first.out;
  made.scale = 1;
  return made;
}

void allocate(SiteFactors& factors, std::int64_t rank) {
  factors.rank = rank;
  factors.a.assign(static_cast<std::size_t>(rank * factors.in), 0.0f);
  factors.b.assign(static_cast<std::size_t>(factors.out * rank), 0.0f);
}

double factor_of(const WeightedFactors& source) { return source.weight * source.factors->scale; }

// An orthonormal basis of the columns' span, and the columns in it: basis * coordinates = columns.
struct InBasis {
  Columns basis, coordinates;
};
InBasis in_basis(const Columns& columns) {
  const Eigen::Index rank = std::min(columns.rows(), columns.cols());
  const Eigen::HouseholderQR<Columns> qr(columns);
  InBasis result;
  result.basis = qr.householderQ() * Columns::Identity(columns.rows(), rank);
  result.coordinates = qr.matrixQR().topRows(rank).triangularView<Eigen::Upper>();
  return result;
}

}  // namespace

SiteFactors concatenated(std::span<const WeightedFactors> sources) {
  SiteFactors made = placed_like(sources);
  std::int64_t rank = 0;
  for (const WeightedFactors& source : sources) rank += source.factors->rank;
  allocate(made, rank);
  std::int64_t first = 0;
  for (const WeightedFactors& source : sources) {
    const SiteFactors& f = *source.factors;
    const double factor = factor_of(source);
    std::ranges::transform(f.a, made.a.begin() + first * f.in,
                           [&](float x) { return static_cast<float>(factor * x); });
    for (std::int64_t row = 0; row < f.out; ++row) {
      std::copy_n(f.b.begin() + row * f.rank, f.rank, made.b.begin() + row * rank + first);
    }
    first += f.rank;
  }
  return made;
}

SiteFactors linear_sum(std::span<const WeightedFactors> sources) {
  SiteFactors made = placed_like(sources);
  allocate(made, sources.front().factors->rank);
  const auto sum = [&](std::vector<float> SiteFactors::*part, bool with_sign) {
    std::vector<double> total((made.*part).size());
    for (const WeightedFactors& source : sources) {
      const double factor = factor_of(source);
      const double root = std::sqrt(std::abs(factor)) * (with_sign && factor < 0 ? -1 : 1);
      const std::vector<float>& values = source.factors->*part;
      for (std::size_t i = 0; i < total.size(); ++i) total[i] += root * values[i];
    }
    std::ranges::transform(total, (made.*part).begin(),
                           [](double x) { return static_cast<float>(x); });
  };
  sum(&SiteFactors::a, true);
  sum(&SiteFactors::b, false);
  return made;
}

SiteFactors truncated_sum(std::span<const WeightedFactors> sources, std::int64_t rank,
                          KeptSquares& squares) {
  SiteFactors made = placed_like(sources);
  std::int64_t stacked = 0;
  for (const WeightedFactors& source : sources) stacked += source.factors->rank;
  Columns a(made.in, stacked), b(made.out, stacked);  // A transposed, and B
  Eigen::Index column = 0;
  for (const WeightedFactors& source : sources) {
    const SiteFactors& f = *source.factors;
    for (std::int64_t r = 0; r < f.rank; ++r, ++column) {
      for (std::int64_t i = 0; i < f.in; ++i)
        a(i, column) = factor_of(source) * f.a[at(r, f.in, i)];
      for (std::int64_t o = 0; o < f.out; ++o) b(o, column) = f.b[at(o, f.rank, r)];
    }
  }
  // B A = Qb (Rb Ra^T) Qa^T: the small matrix between the bases has the sum's singular values.
  const InBasis left = in_basis(b), right = in_basis(a);
  const Columns core = left.coordinates * right.coordinates.transpose();
  const Eigen::BDCSVD<Columns> svd(core, Eigen::ComputeThinU | Eigen::ComputeThinV);
  const Eigen::VectorXd& values = svd.singularValues();
  allocate(made, std::min<std::int64_t>(rank, values.size()));
  // What rounding leaves of updates that cancel is no part of their sum.
  const double noise = std::numeric_limits<double>::epsilon() * static_cast<double>(stacked) *
                       left.coordinates.norm() * right.coordinates.norm();
  const Eigen::VectorXd counted = (values.array() > noise).select(values, 0.0);
  squares.all += counted.squaredNorm();
  squares.kept += counted.head(made.rank).squaredNorm();
  const Columns u = left.basis * svd.matrixU().leftCols(made.rank);
  const Columns v = right.basis * svd.matrixV().leftCols(made.rank);
  for (std::int64_t r = 0; r < made.rank; ++r) {
    const double root = std::sqrt(values(r));
    for (std::int64_t i = 0; i < made.in; ++i)
      made.a[at(r, made.in, i)] = static_cast<float>(root * v(i, r));
    for (std::int64_t o = 0; o < made.out; ++o)
      made.b[at(o, made.rank, r)] = static_cast<float>(u(o, r) * root);
  }
  return made;
}

}  // namespace rankscope
