// The leading singular triples of a matrix of some hundred columns.
#pragma once

#include "metrics/singular.h"

namespace rankscope {

// The k largest triples, from 1 to min(rows, columns): through the eigenvectors of the matrix's
// Gram matrix, by tridiagonalisation and inverse iteration, rotated to the best that lies in their
// span (Rayleigh and Ritz). It takes a third of the time of all triples. Where ||W v - s u|| or
// ||W^T u - s v|| is above tolerance * s_1 for one of them, as where the k-th value is far below
// the square root of rounding, those of singular_of. `threads` changes the time alone.
Singular leading_singular_of(const RealMatrix& matrix, Eigen::Index k, double tolerance = 1e-10,
                             int threads = 1);

// The largest norm of a column: what a residual of singular triples is judged by.
double largest_column(const RealMatrix& matrix);

}  // namespace rankscope
