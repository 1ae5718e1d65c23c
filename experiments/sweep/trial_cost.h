// What trials cost, roughly: for their order and for estimates. No result depends on it.
#pragma once

#include <map>
#include <string>

#include "engine/models/config.h"
#include "experiments/sweep/sweep_folder.h"

namespace rankscope {

class TrialCosts {
 public:
  // Looks into the data once: how many examples the trials take, and how long the first of them
  // are. Where that fails it goes by the published files; the trial itself says what is wrong.
  TrialCosts(const Manifest& manifest, const ModelShape& shape);

  // Floating point operations, of training and evaluation.
  double of(const Trial& trial) const;
  // What is left of them: the evaluation alone where `folder` holds the trained adapter.
  double left_of(const Trial& trial, const SweepFolder& folder) const;
  // Tokens, special ones included, of the longest training example among those looked into; 0 where
  // there is none.
  std::int64_t longest_example(const Trial& trial) const;

 private:
  struct Texts {
    double examples = 0;
    double prompt = 0;         // tokens of an example, on average
    double target = 0;         // its end included
    double choices = 0;        // of all choices together; 0: the answer is free
    std::int64_t longest = 0;  // of prompt and target; 0: not known
  };

  double of_training(const Trial& trial) const;
  double of_evaluation(const Trial& trial) const;
  Texts texts_of(const DataSource& source) const;
  static Texts published(const DataSource& source);
  void look_into(const DataSource& source, const BaseTokenizer& tokenizer);
  // Of one token's way through the layers, which looks back on `length` tokens at the most.
  double layers(double length) const;

  ModelShape shape_;
  double products_ = 0;                 // of one token, in all layers
  double head_ = 0;                     // of one token
  std::map<std::string, Texts> texts_;  // by source
};

}  // namespace rankscope
