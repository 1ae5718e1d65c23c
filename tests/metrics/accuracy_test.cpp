#include <catch2/catch.hpp>

#include "metrics/accuracy.h"
#include "metrics/mean.h"

using namespace rankscope;

TEST_CASE("a mean comes with its standard error") {
  const std::vector<double> scores{1, 0, 1, 1};
  const Mean mean = mean_of(scores);
  CHECK(mean.value == 0.75);
  CHECK(mean.count == 4);
  // The sample variance of a fraction p of n is p (1 - p) n / (n - 1).
  REQUIRE(mean.standard_error);
  CHECK(*mean.standard_error == Approx(0.25));
  CHECK_FALSE(mean_of(std::vector<double>{0.5}).standard_error);
  CHECK(mean_of(std::vector<double>{}).count == 0);
}

TEST_CASE("exact match looks past white space around, and at nothing else") {
  CHECK(exact_match(" true\n", "true"));
  CHECK_FALSE(exact_match("True", "true"));
  CHECK_FALSE(exact_match("a  b", "a b"));
  CHECK(exact_match(" ", ""));
}

TEST_CASE("a confusion matrix has a column for answers that are no label") {
  const std::vector<std::string> references{"yes", "no", "yes", "maybe", "no"};
  const std::vector<std::string> predictions{"yes", " yes", "no", "perhaps", "no"};
  const ConfusionMatrix matrix = confusion_matrix(predictions, references);
  CHECK(matrix.labels == std::vector<std::string>{"maybe", "no", "yes"});
  using Counts = std::vector<std::vector<std::uint64_t>>;
  CHECK(matrix.counts == Counts{{0, 0, 0, 1}, {0, 1, 1, 0}, {0, 1, 1, 0}});
}
