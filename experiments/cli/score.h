// The scorers behind `score`, one file each, and how they print means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/json.h"
#include "metrics/mean.h"

namespace rankscope {

struct ScoreCommand {
  std::string predictions, references, tables, db;
  std::vector<std::string> assignments;  // KEY=VALUE of the task's template
  std::uint64_t limit = 0;               // the first so many references; 0: all
  bool stemmer = false;
  bool ordered = false;
  bool json = false;
};

int run_score_rouge(const ScoreCommand& command);
int run_score_wikisql(const ScoreCommand& command);
int run_score_accuracy(const ScoreCommand& command);

void print_line(const OrderedJson& json);
OrderedJson error_json(const Mean& mean);
// " (standard error 0.0123)", or nothing where there is none.
std::string error_text(const Mean& mean);
// Adds a mean and its standard error to the last line.
void add_mean(OrderedJson& summary, const std::string& name, const Mean& mean);
void print_mean(const std::string& name, const Mean& mean);

}  // namespace rankscope
