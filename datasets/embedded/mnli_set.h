// Premises and hypotheses of the embedded world, in genres: the form of MNLI.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/embedded/world.h"

namespace rankscope::embedded {

enum class Verdict { kEntailment, kNeutral, kContradiction };
std::string_view label(Verdict verdict);

struct Inference {
  std::string premise, hypothesis, genre, pattern;
  Verdict verdict = Verdict::kNeutral;
  // What the hypothesis says: that `subject` has `value` as its attribute, or, `denied`, that it
  // has not.
  Entity subject;
  std::size_t attribute = 0;
  std::string value;
  bool denied = false;
};

enum class Genres { kMatched, kMismatched };

// `count` pairs of names and patterns of the pool. An entailed hypothesis follows from the premise,
// a contradicted one is against it, and of a neutral one's attribute the premise says nothing.
std::vector<Inference> make_mnli_set(const World& world, std::string_view split, Pool pool,
                                     Genres genres, std::size_t count);

}  // namespace rankscope::embedded
