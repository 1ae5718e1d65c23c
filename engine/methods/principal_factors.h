// The principal part of a weight matrix, by subspace iteration.
#pragma once

#include <string>
#include <vector>

#include "engine/models/model.h"

namespace rankscope {

// a [rank, in] = sqrt(S) V^T and b [out, rank] = U sqrt(S) of the `rank` largest singular triples
// of the site's matrix [out, in].
struct PrincipalFactors {
  std::vector<float> a;
  std::vector<float> b;
};

// Randomised subspace iteration (Halko, Martinsson, Tropp 2011, algorithm 4.4) from keyed draws,
// with `iterations` passes over W^T W and 10 columns to spare. Products are the backend's; the
// orthogonalisation is in double. The rank is at most min(in, out).
PrincipalFactors principal_factors(const Model& model, const SiteSpec& spec, int64_t rank,
                                   int iterations, uint64_t seed);

// By which version of what, and with which sizes of blocks (CMakeLists.txt), they are
// orthogonalised: "Eigen 3.4.0 by 48 and 2048 KiB".
std::string factorisation_library();

}  // namespace rankscope
