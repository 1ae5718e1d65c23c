// score: predictions against references, by the tasks' official measures.
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/error.h"
#include "common/json.h"
#include "common/log.h"
#include "datasets/readers/mnli.h"
#include "datasets/readers/samsum.h"
#include "datasets/readers/wikisql.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/score_files.h"
#include "metrics/accuracy.h"
#include "metrics/mean.h"
#include "metrics/rouge.h"
#include "metrics/wikisql_database.h"
#include "metrics/wikisql_scorer.h"

namespace rankscope {

namespace {

struct ScoreCommand {
  std::string predictions, references, tables, db;
  bool stemmer = false;
  bool ordered = false;
  bool json = false;
};

void print_line(const OrderedJson& json) { std::printf("%s\n", json.dump().c_str()); }

OrderedJson error_json(const Mean& mean) {
  return mean.standard_error ? OrderedJson(*mean.standard_error) : OrderedJson(nullptr);
}

std::string error_text(const Mean& mean) {
  return mean.standard_error ? fmt::format(" (standard error {:.4f})", *mean.standard_error) : "";
}

// Adds a mean and its standard error to the last line.
void add_mean(OrderedJson& summary, const std::string& name, const Mean& mean) {
  summary[name] = mean.value;
  summary["standard_error"][name] = error_json(mean);
}

void print_mean(const std::string& name, const Mean& mean) {
  std::printf("%s %.4f%s\n", name.c_str(), mean.value, error_text(mean).c_str());
}

// One of the four measures, gathered over the examples.
struct RougeColumn {
  const char* name;
  RougeScore RougeScores::*score;
  std::vector<double> precision, recall, f;

  void add(const RougeScore& s) {
    precision.push_back(s.precision);
    recall.push_back(s.recall);
    f.push_back(s.f);
  }
};

int run_rouge(const ScoreCommand& c) {
  Predictions predictions(c.predictions);
  const auto [references, skipped] = read_text_references(c.references, read_samsum);
  std::array<RougeColumn, 4> columns = {{{"rouge1", &RougeScores::rouge1, {}, {}, {}},
                                         {"rouge2", &RougeScores::rouge2, {}, {}, {}},
                                         {"rougeL", &RougeScores::rougeL, {}, {}, {}},
                                         {"rougeLsum", &RougeScores::rougeLsum, {}, {}, {}}}};
  std::vector<RougeScores> scores;
  RougeScorer scorer(c.stemmer);
  for (const TextReference& reference : references) {
    scores.push_back(scorer.score(reference.text, predictions.take(reference.id, reference.where)));
    for (RougeColumn& column : columns) column.add(scores.back().*column.score);
  }
  // A prediction for an entry that was skipped is no mistake.
  if (skipped == 0) predictions.finish();
  if (!c.json) {
    for (const RougeColumn& column : columns) {
      const Mean f = mean_of(column.f);
      std::printf("%s precision %.4f recall %.4f F %.4f%s\n", column.name,
                  mean_of(column.precision).value, mean_of(column.recall).value, f.value,
                  error_text(f).c_str());
    }
    return 0;
  }
  for (std::size_t i = 0; i < references.size(); ++i) {
    OrderedJson line = {{"id", references[i].id}};
    for (const RougeColumn& column : columns) {
      const RougeScore& s = scores[i].*column.score;
      line[column.name] = {{"p", s.precision}, {"r", s.recall}, {"f", s.f}};
    }
    print_line(line);
  }
  OrderedJson summary = {{"count", references.size()}, {"stemmer", c.stemmer}};
  OrderedJson errors;
  for (const RougeColumn& column : columns) {
    const Mean p = mean_of(column.precision), r = mean_of(column.recall), f = mean_of(column.f);
    summary[column.name] = {{"p", p.value}, {"r", r.value}, {"f", f.value}};
    errors[column.name] = {{"p", error_json(p)}, {"r", error_json(r)}, {"f", error_json(f)}};
  }
  summary["standard_error"] = std::move(errors);
  print_line(summary);
  return 0;
}

int run_accuracy(const ScoreCommand& c) {
  Predictions predictions(c.predictions);
  const auto [references, skipped] = read_text_references(c.references, read_mnli);
  std::vector<std::string> answers, labels;
  std::vector<double> correct;
  for (const TextReference& reference : references) {
    labels.push_back(reference.text);
    answers.push_back(predictions.take(reference.id, reference.where));
    correct.push_back(exact_match(answers.back(), labels.back()) ? 1 : 0);
  }
  if (skipped == 0) predictions.finish();
  const Mean accuracy = mean_of(correct);
  const ConfusionMatrix matrix = confusion_matrix(answers, labels);
  // A text for every example is no set of labels: then the matrix would be one row each.
  constexpr std::size_t kMostLabels = 32;
  const bool show_matrix = matrix.labels.size() <= kMostLabels;
  if (!c.json) {
    print_mean("accuracy", accuracy);
    for (std::size_t r = 0; show_matrix && r < matrix.labels.size(); ++r) {
      std::printf("%s:", matrix.labels[r].c_str());
      for (std::size_t p = 0; p < matrix.labels.size(); ++p) {
        std::printf(" %s %llu", matrix.labels[p].c_str(),
                    static_cast<unsigned long long>(matrix.counts[r][p]));
      }
      std::printf(" (none of these) %llu\n",
                  static_cast<unsigned long long>(matrix.counts[r].back()));
    }
    return 0;
  }
  for (std::size_t i = 0; i < references.size(); ++i) {
    print_line({{"id", references[i].id}, {"correct", correct[i] == 1}});
  }
  OrderedJson summary = {{"count", references.size()}, {"skipped", skipped}};
  add_mean(summary, "accuracy", accuracy);
  if (show_matrix) {
    summary["confusion"] = {{"labels", matrix.labels}, {"counts", matrix.counts}};
  }
  print_line(summary);
  return 0;
}

// What executes the queries: the .db, or the tables that come with rows. None without rows.
std::optional<WikisqlDatabase> open_database(const ScoreCommand& c, const WikisqlTables& tables) {
  if (!c.db.empty()) return WikisqlDatabase(std::filesystem::path(c.db));
  WikisqlDatabase database;
  bool any = false;
  for (const WikisqlTable& table : tables.tables) {
    if (table.rows.empty()) continue;
    database.add_table(table);
    any = true;
  }
  if (any) return database;
  log::info("the tables have no rows: without --db FILE there is no execution accuracy");
  return {};
}

int run_wikisql(const ScoreCommand& c) {
  Predictions predictions(c.predictions);
  // With a database the rows of the tables are not needed.
  const WikisqlData data = read_wikisql(c.references, c.tables, {}, c.db.empty());
  if (data.gold.empty()) {
    throw InputError(c.references + ": there are no references; is it the right file?");
  }
  const std::vector<Record>& references = data.set.records;
  std::optional<WikisqlDatabase> database = open_database(c, data.tables);
  std::vector<WikisqlOutcome> outcomes;
  std::vector<double> logical_form, execution, exact;
  std::size_t unparsable = 0;
  std::size_t gold_failed = 0;
  for (std::size_t i = 0; i < references.size(); ++i) {
    const std::string where = fmt::format("{}:{}", c.references, references[i].line);
    const WikisqlTable& table = data.tables.tables[data.gold[i].table];
    const WikisqlOutcome& outcome = outcomes.emplace_back(
        score_wikisql(predictions.take(references[i].id, where), data.gold[i].query, table.id,
                      table.header, database ? &*database : nullptr, c.ordered));
    logical_form.push_back(outcome.logical_form ? 1 : 0);
    exact.push_back(outcome.exact ? 1 : 0);
    if (outcome.execution) execution.push_back(*outcome.execution ? 1 : 0);
    unparsable += !outcome.parsed;
    gold_failed += !outcome.gold_error.empty();
  }
  if (data.set.report.skipped_total() == 0) predictions.finish();
  if (gold_failed > 0) {
    log::info("{} gold queries cannot be executed and do not count for execution", gold_failed);
  }
  if (!c.json) {
    print_mean("logical_form", mean_of(logical_form));
    if (!execution.empty()) print_mean("execution", mean_of(execution));
    print_mean("exact", mean_of(exact));
    std::printf("unparsable %zu of %zu\n", unparsable, references.size());
    return 0;
  }
  for (std::size_t i = 0; i < references.size(); ++i) {
    const WikisqlOutcome& outcome = outcomes[i];
    OrderedJson line = {{"id", references[i].id},
                        {"parsed", outcome.parsed},
                        {"logical_form", outcome.logical_form},
                        {"execution", nullptr},
                        {"exact", outcome.exact}};
    if (outcome.execution) line["execution"] = *outcome.execution;
    if (!outcome.gold_error.empty()) line["gold_error"] = outcome.gold_error;
    print_line(line);
  }
  OrderedJson summary = {{"count", references.size()},
                         {"ordered", c.ordered},
                         {"unparsable", unparsable},
                         {"executed", execution.size()},
                         {"gold_failed", gold_failed}};
  add_mean(summary, "logical_form", mean_of(logical_form));
  if (execution.empty()) {
    summary["execution"] = nullptr;
  } else {
    add_mean(summary, "execution", mean_of(execution));
  }
  add_mean(summary, "exact", mean_of(exact));
  print_line(summary);
  return 0;
}

CLI::App* add_scorer(CLI::App& score, const std::shared_ptr<ScoreCommand>& c,
                     const std::string& name, const std::string& help,
                     const std::string& references, int (*run)(const ScoreCommand&),
                     int& exit_code) {
  CLI::App* command = score.add_subcommand(name, help);
  command->add_option("--predictions", c->predictions, "lines of {\"id\", \"prediction\"}")
      ->required();
  command->add_option("--references", c->references, references)->required();
  command->add_flag("--json", c->json, "a line an example, and a last line with the means");
  command->callback([c, run, &exit_code] { exit_code = run(*c); });
  return command;
}

}  // namespace

void add_score(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<ScoreCommand>();
  CLI::App* score = app.add_subcommand("score", "predictions against references");
  score->require_subcommand(1);
  CLI::App* rouge =
      add_scorer(*score, c, "rouge", "ROUGE-1, -2, -L and -Lsum, as rouge_score's",
                 "lines of {\"id\", \"reference\"}, or SAMSum's own file", run_rouge, exit_code);
  rouge->add_flag("--stemmer", c->stemmer, "stem words of more than three letters first");
  CLI::App* wikisql =
      add_scorer(*score, c, "wikisql", "logical form, execution and exact match, as evaluate.py's",
                 "WikiSQL's dev.jsonl and its like", run_wikisql, exit_code);
  wikisql->add_option("--tables", c->tables, "*.tables.jsonl (default: beside the references)");
  wikisql->add_option("--db", c->db, "the official *.db, for tables without rows");
  wikisql->add_flag("--ordered", c->ordered, "the order of conditions counts");
  add_scorer(*score, c, "accuracy", "exact match, with the confusion matrix of labels",
             "lines of {\"id\", \"reference\"}, or MNLI's own JSON Lines", run_accuracy, exit_code);
}

}  // namespace rankscope
