// query: views and SELECTs over the results of one or several sweeps.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "common/error.h"
#include "common/text.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/print_rows.h"
#include "results/query.h"

namespace rankscope {

namespace {

struct QueryCommand {
  std::vector<std::string> words;  // folders, and last perhaps the question
  std::string format = "table";
  bool json = false;
};

// A folder that is missing must not be read as SQL.
bool is_question(const std::string& word) {
  if (is_result_name(word)) return true;
  const bool looks_like_path =
      word.find('/') != std::string::npos && word.find_first_of(" \t\n") == std::string::npos;
  std::error_code ignored;
  return !looks_like_path && !std::filesystem::is_directory(word, ignored);
}

// Without a question: what can be asked.
void print_views(RowFormat format) {
  const std::unique_ptr<RowSink> sink = make_row_writer(format, print_text, kWholeTexts);
  sink->begin({"view", "description"});
  for (const ViewName& view : view_names()) sink->row({view.name, view.description});
  sink->end();
}

int run_query(const QueryCommand& c) {
  const bool asks = c.words.size() > 1 && is_question(c.words.back());
  ResultsReader reader(std::vector<std::filesystem::path>(c.words.begin(), c.words.end() - asks));
  const RowFormat format = c.json ? RowFormat::kJson : row_format(c.format);
  if (!asks) {
    print_views(format);
    return 0;
  }
  reader.run(c.words.back(), *make_row_writer(format, print_text));
  return 0;
}

}  // namespace

void add_query(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<QueryCommand>();
  CLI::App* command =
      app.add_subcommand("query", "ask the results of sweeps, by a view's name or in SQL");
  every_word(command->add_option(
                 "words", c->words,
                 "DIR... [NAME | \"SELECT ...\"]: folders with a results.db, then a view or one "
                 "SELECT; without one, the views are listed"))
      ->required();
  CLI::Option* format =
      command->add_option("--format", c->format, "table, csv, json (lines) or markdown")
          ->check(CLI::IsMember({"table", "csv", "json", "markdown"}));
  command->add_flag("--json", c->json, "--format json")->excludes(format);
  command->callback([c, &exit_code] { exit_code = run_query(*c); });
}

}  // namespace rankscope
