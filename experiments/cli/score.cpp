// score: predictions against references, by the tasks' official measures.
#include "experiments/cli/score.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/json_optional.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"

namespace rankscope {

void print_line(const OrderedJson& json) { std::printf("%s\n", json.dump().c_str()); }

OrderedJson error_json(const Mean& mean) { return json_or_null(mean.standard_error); }

std::string error_text(const Mean& mean) {
  return mean.standard_error ? fmt::format(" (standard error {:.4f})", *mean.standard_error) : "";
}

void add_mean(OrderedJson& summary, const std::string& name, const Mean& mean) {
  summary[name] = mean.value;
  summary["standard_error"][name] = error_json(mean);
}

void print_mean(const std::string& name, const Mean& mean) {
  std::printf("%s %.4f%s\n", name.c_str(), mean.value, error_text(mean).c_str());
}

namespace {

CLI::App* add_scorer(CLI::App& score, const std::shared_ptr<ScoreCommand>& c,
                     const std::string& name, const std::string& help,
                     const std::string& references, int (*run)(const ScoreCommand&),
                     int& exit_code) {
  CLI::App* command = score.add_subcommand(name, help);
  command
      ->add_option("--predictions", c->predictions,
                   "lines of {\"id\", \"prediction\"}; -: from standard input")
      ->required()
      ->transform(dash_is_standard_input());
  command->add_option("--references", c->references, references + "; -: from standard input")
      ->required()
      ->transform(dash_is_standard_input());
  command->add_option("--limit", c->limit, "the first N references; 0: all")
      ->transform(whole_number(0, std::int64_t{1} << 40));
  repeatable(
      command->add_option("--set", c->assignments,
                          "KEY=VALUE of the template that the predictions were made with (target, "
                          "verbalisers); may be repeated"));
  command->add_flag("--json", c->json, "a line an example, and a last line with the means");
  command->callback([c, run, &exit_code] {
    exit_at_first_signal();
    if (c->predictions == c->references && c->references == kStandardInput)
      throw InputError(
          "--predictions, --references: both are standard input, which is read once; give a file "
          "as one of them");
    exit_code = run(*c);
  });
  return command;
}

}  // namespace

void add_score(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<ScoreCommand>();
  CLI::App* score = app.add_subcommand("score", "predictions against references");
  score->require_subcommand(1);
  CLI::App* rouge = add_scorer(
      *score, c, "rouge", "ROUGE-1, -2, -L and -Lsum, as rouge_score's",
      "lines of {\"id\", \"reference\" or \"references\"}, SAMSum's file, or an own task's",
      run_score_rouge, exit_code);
  rouge->add_flag("--stemmer", c->stemmer,
                  "stem words of more than three letters first, as sweeps score");
  CLI::App* wikisql =
      add_scorer(*score, c, "wikisql", "logical form, execution and exact match, as evaluate.py's",
                 "WikiSQL's dev.jsonl and its like", run_score_wikisql, exit_code);
  wikisql->add_option("--tables", c->tables, "*.tables.jsonl (default: beside the references)")
      ->check(no_standard_input());
  wikisql->add_option("--db", c->db, "the official *.db, for tables without rows")
      ->check(no_standard_input());
  wikisql->add_flag("--ordered", c->ordered, "the order of conditions counts");
  add_scorer(*score, c, "accuracy", "exact match, with the confusion matrix of labels",
             "lines of {\"id\", \"reference\" or \"references\"}, MNLI's file, or an own task's",
             run_score_accuracy, exit_code);
}

}  // namespace rankscope
