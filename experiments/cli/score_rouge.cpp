// score rouge: ROUGE of texts.
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include "experiments/cli/score.h"
#include "experiments/score_files.h"
#include "metrics/rouge.h"

namespace rankscope {

namespace {

// One of the four measures, gathered over the examples.
struct RougeColumn {
  const char* name;
  RougeScore RougeScores::*score;
  std::vector<RougeScore> scores;

  std::vector<double> values(double RougeScore::*part) const {
    std::vector<double> out;
    out.reserve(scores.size());
    for (const RougeScore& s : scores) out.push_back(s.*part);
    return out;
  }
};

OrderedJson part_json(const RougeScore& s) {
  return {{"p", s.precision}, {"r", s.recall}, {"f", s.f}};
}

}  // namespace

int run_score_rouge(const ScoreCommand& c) {
  Predictions predictions(c.predictions);
  const auto [references, skipped] =
      read_text_references(c.references, find_task("samsum"), c.assignments, c.limit);
  std::array<RougeColumn, 4> columns = {{{"rouge1", &RougeScores::rouge1, {}},
                                         {"rouge2", &RougeScores::rouge2, {}},
                                         {"rougeL", &RougeScores::rougeL, {}},
                                         {"rougeLsum", &RougeScores::rougeLsum, {}}}};
  RougeScorer scorer(c.stemmer);
  for (const TextReference& reference : references) {
    const std::string& prediction = predictions.take(reference.id, reference.where);
    const RougeScores best = rouge_of(prediction, reference, scorer);
    for (RougeColumn& column : columns) column.scores.push_back(best.*column.score);
  }
  // A prediction for an entry that was skipped is no mistake.
  if (skipped == 0 && c.limit == 0) predictions.finish();
  if (!c.json) {
    for (const RougeColumn& column : columns) {
      const Mean f = mean_of(column.values(&RougeScore::f));
      std::printf("%s precision %.4f recall %.4f F %.4f%s\n", column.name,
                  mean_of(column.values(&RougeScore::precision)).value,
                  mean_of(column.values(&RougeScore::recall)).value, f.value,
                  error_text(f).c_str());
    }
    return 0;
  }
  for (std::size_t i = 0; i < references.size(); ++i) {
    OrderedJson line = {{"id", references[i].id}};
    for (const RougeColumn& column : columns) line[column.name] = part_json(column.scores[i]);
    print_line(line);
  }
  OrderedJson summary = {
      {"count", references.size()}, {"skipped", skipped}, {"stemmer", c.stemmer}};
  OrderedJson errors;
  for (const RougeColumn& column : columns) {
    const Mean p = mean_of(column.values(&RougeScore::precision));
    const Mean r = mean_of(column.values(&RougeScore::recall));
    const Mean f = mean_of(column.values(&RougeScore::f));
    summary[column.name] = {{"p", p.value}, {"r", r.value}, {"f", f.value}};
    errors[column.name] = {{"p", error_json(p)}, {"r", error_json(r)}, {"f", error_json(f)}};
  }
  summary["standard_error"] = std::move(errors);
  print_line(summary);
  return 0;
}

}  // namespace rankscope
