// score wikisql: logical form, execution and exact match of queries.
#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <vector>

#include "common/error.h"
#include "common/log.h"
#include "common/text.h"
#include "datasets/readers/wikisql.h"
#include "datasets/task.h"
#include "experiments/chosen_template.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/score.h"
#include "experiments/score_files.h"
#include "metrics/wikisql_database.h"
#include "metrics/wikisql_scorer.h"

namespace rankscope {

namespace {

// What executes the queries: the .db, or the tables that come with rows. None without rows.
std::optional<WikisqlDatabase> open_database(const ScoreCommand& c, const WikisqlTables& tables) {
  if (!c.db.empty()) return WikisqlDatabase(std::filesystem::path(c.db));
  if (tables.any_rows()) {
    WikisqlDatabase database;
    for (const WikisqlTable& table : tables.tables)
      if (table.has_rows) database.add_table(table);
    return database;
  }
  log::info("the tables have no rows: without --db FILE there is no execution accuracy");
  return {};
}

}  // namespace

int run_score_wikisql(const ScoreCommand& c) {
  Predictions predictions(c.predictions);
  const Task& task = find_task("wikisql");
  const CompiledTemplate form(task, chosen_template(task, c.assignments));
  // With a database the rows of the tables are not needed.
  if (c.tables.empty()) require_tables_beside(c.references, "--references", "give --tables");
  const WikisqlData data = read_wikisql(c.references, c.tables, {.limit = c.limit}, c.db.empty());
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
    if (!c.db.empty() && !database->has_table(table.id)) {
      throw InputError(fmt::format(
          "{}: field 'table_id': '{}' is no table of {}; give the database of this split", where,
          printable(table.id), c.db));
    }
    const std::string_view query =
        form.target_frame(references[i]).answer_in(predictions.take(references[i].id, where));
    const WikisqlOutcome& outcome =
        outcomes.emplace_back(score_wikisql(query, data.gold[i].query, table.id, table.header,
                                            database ? &*database : nullptr, c.ordered));
    logical_form.push_back(outcome.logical_form ? 1 : 0);
    exact.push_back(outcome.exact ? 1 : 0);
    if (outcome.execution) execution.push_back(*outcome.execution ? 1 : 0);
    unparsable += !outcome.parsed;
    gold_failed += !outcome.gold_error.empty();
  }
  if (data.set.report.skipped_total() == 0 && c.limit == 0) predictions.finish();
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

}  // namespace rankscope
