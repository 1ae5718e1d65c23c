// What the analysis of adapters found, as the code that writes it sees it (results/SCHEMA.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rankscope {

struct SiteValue {
  int layer = 0;  // from 0
  std::string site;
  std::string quantity;
  std::optional<double> value;
  std::string reason;  // why there is none
};

// Of dW with its scale, descending.
struct SiteSpectrum {
  int layer = 0;
  std::string site;
  std::vector<double> values;
};

// What one trial's adapter holds.
struct AdapterFindings {
  std::string trial;
  std::string stamp;  // any text of the writer's, given back by Store::analysis_stamp(trial, "")
  std::vector<SiteValue> values;
  std::vector<SiteSpectrum> spectra;
};

struct SiteSimilarity {
  int layer = 0;
  std::string site;
  // Whose directions: "a" (right singular vectors of A), "dw", "dw_left"; "initial": of the A that
  // both trainings began with, the control for what initialisation alone gives.
  std::string directions;
  int64_t rows = 0, cols = 0, dimension = 0;
  std::vector<float> phi;  // [rows, cols]; NaN where undefined
  std::string reason;      // why it is undefined anywhere
  // Over all directions of both (appendix G); none where undefined.
  std::optional<double> projection_metric;
  std::optional<double> smallest_angle, largest_angle;  // principal, in degrees
  std::optional<double> mean_excess;  // of (phi - chance) / (1 - chance), over i, j
};

// phi(i, j) between two trials' adapters, or one's and what `other` says, at every site.
struct SimilarityRecord {
  std::string one;       // a trial; i counts its directions
  std::string other;     // a trial; "base": W's leading directions; "initial": the A it began with
  std::string relation;  // ranks, seeds, shuffled, base, initial
  std::string stamp;
  std::vector<SiteSimilarity> sites;
};

// Between which 95 % of random subspaces' phi lie.
struct ChanceBandRecord {
  int64_t rows = 0, cols = 0, dimension = 0;
  std::vector<float> low, high;  // [rows, cols]
};

}  // namespace rankscope
