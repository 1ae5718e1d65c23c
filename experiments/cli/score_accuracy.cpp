// score accuracy: right answers, and which label was taken for which.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "common/text.h"
#include "experiments/cli/score.h"
#include "experiments/score_files.h"
#include "metrics/accuracy.h"

namespace rankscope {

namespace {

void print_matrix(const ConfusionMatrix& matrix) {
  for (std::size_t r = 0; r < matrix.labels.size(); ++r) {
    std::printf("%s:", printable(matrix.labels[r]).c_str());
    for (std::size_t p = 0; p < matrix.labels.size(); ++p) {
      std::printf(" %s %llu", printable(matrix.labels[p]).c_str(),
                  static_cast<unsigned long long>(matrix.counts[r][p]));
    }
    std::printf(" (none of these) %llu\n",
                static_cast<unsigned long long>(matrix.counts[r].back()));
  }
}

}  // namespace

int run_score_accuracy(const ScoreCommand& c) {
  Predictions predictions(c.predictions);
  const TextReferences read =
      read_text_references(c.references, find_task("mnli"), c.assignments, c.limit);
  const std::vector<TextReference>& references = read.references;
  std::vector<std::string> answers, golds;
  std::vector<double> correct;
  for (const TextReference& reference : references) {
    golds.push_back(reference.texts.front());
    answers.push_back(answer_of(predictions.take(reference.id, reference.where), reference));
    correct.push_back(exact_match(answers.back(), golds.back()) ? 1 : 0);
  }
  // A prediction for an entry that was skipped is no mistake.
  if (read.skipped == 0 && c.limit == 0) predictions.finish();
  const Mean accuracy = mean_of(correct);
  const ConfusionMatrix matrix = confusion_matrix(answers, golds);
  // A text for every example is no set of labels: then the matrix would be one row each.
  constexpr std::size_t kMostLabels = 32;
  const bool show_matrix = matrix.labels.size() <= kMostLabels;
  if (!c.json) {
    print_mean("accuracy", accuracy);
    if (show_matrix) print_matrix(matrix);
    return 0;
  }
  for (std::size_t i = 0; i < references.size(); ++i) {
    print_line({{"id", references[i].id}, {"correct", correct[i] == 1}});
  }
  OrderedJson summary = {{"count", references.size()}, {"skipped", read.skipped}};
  add_mean(summary, "accuracy", accuracy);
  if (show_matrix) {
    summary["confusion"] = {{"labels", matrix.labels}, {"counts", matrix.counts}};
  }
  print_line(summary);
  return 0;
}

}  // namespace rankscope
