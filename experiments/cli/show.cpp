// show: one trial of a sweep, for people and as JSON Lines.
#include <fmt/format.h>

#include <memory>

#include "common/interrupt.h"
#include "common/json.h"
#include "common/text.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/find_trial.h"
#include "experiments/cli/print_rows.h"
#include "experiments/cli/sparkline.h"
#include "results/cells.h"
#include "results/query.h"

namespace rankscope {

namespace {

struct ShowCommand {
  std::string folder;
  std::string trial;
  bool json = false;
};

// A part of what is shown: `sql` asks for it by the trial's name.
struct ShownPart {
  const char* name;
  const char* sql;
};

constexpr ShownPart kTrial{"trial", "SELECT * FROM trials WHERE trial = ?"};
constexpr ShownPart kCurve{"curve",
                           "SELECT step, loss, eval_loss, learning_rate, gradient_norm "
                           "FROM learning_curves WHERE trial = ? ORDER BY step"};
constexpr ShownPart kMetrics{"metrics",
                             "SELECT metric, value, standard_error, count, state FROM scores "
                             "WHERE trial = ? ORDER BY metric"};
constexpr ShownPart kConfig{"config", "SELECT key, value FROM config WHERE trial = ? ORDER BY key"};
constexpr ShownPart kEnvironment{"environment",
                                 "SELECT key, value FROM environment WHERE trial = ? ORDER BY key"};
constexpr ShownPart kTimings{"timings",
                             "SELECT name, value FROM timings WHERE trial = ? ORDER BY name"};
constexpr ShownPart kPredictions{
    "predictions",
    "SELECT p.example, e.prompt, e.reference, p.prediction, p.outcomes FROM prediction p "
    "JOIN trial t ON t.trial = p.trial "
    "LEFT JOIN example e ON e.dataset = t.dataset AND e.example = p.example "
    "WHERE p.trial = ? ORDER BY e.position, p.example LIMIT 10"};

// One line a part's row: {"part": "metrics", ...}.
class PartLines : public RowSink {
 public:
  explicit PartLines(const char* part)
      : part_(part), writer_(make_row_writer(RowFormat::kJson, print_text)) {}
  void begin(const std::vector<std::string>& columns) override {
    std::vector<std::string> all{"part"};
    all.insert(all.end(), columns.begin(), columns.end());
    writer_->begin(all);
  }
  void row(const Row& cells) override {
    Row all{part_};
    all.insert(all.end(), cells.begin(), cells.end());
    writer_->row(all);
  }
  void end() override { writer_->end(); }

 private:
  std::string part_;
  std::unique_ptr<RowSink> writer_;
};

void print_json(ResultsReader& reader, const std::string& trial) {
  for (const ShownPart& part :
       {kTrial, kConfig, kEnvironment, kTimings, kCurve, kMetrics, kPredictions}) {
    PartLines lines(part.name);
    reader.run(part.sql, lines, {trial});
  }
}

// A number as a text: in a column of mixed values it would stand at the right.
Cell as_text(const Cell& cell) {
  if (const auto* integer = std::get_if<int64_t>(&cell)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&cell)) return fmt::format("{:.6g}", *real);
  return cell;
}

// The first row as lines "name  value"; what is NULL or empty is left out.
class Fields : public RowSink {
 public:
  void begin(const std::vector<std::string>& columns) override { columns_ = columns; }
  void row(const Row& cells) override {
    const auto table = make_row_writer(RowFormat::kTable, print_text);
    table->begin({"trial", ""});
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (std::holds_alternative<std::monostate>(cells[i]) || cells[i] == Cell(std::string()))
        continue;
      table->row({columns_[i], as_text(cells[i])});
    }
    table->end();
  }
  void end() override {}

 private:
  std::vector<std::string> columns_;
};

void print_curve(ResultsReader& reader, const std::string& trial) {
  std::vector<std::optional<double>> losses;
  const std::vector<Row> rows = reader.rows(kCurve.sql, {trial});
  for (const Row& row : rows) {
    const auto* loss = std::get_if<double>(&row[1]);
    losses.push_back(loss == nullptr ? std::nullopt : std::optional<double>(*loss));
  }
  if (losses.empty()) return;
  const auto shown = [](const std::optional<double>& loss) {
    return loss ? fmt::format("{:.4f}", *loss) : std::string("not finite");
  };
  print_text(fmt::format("\nloss over {} steps, {} to {}:\n{}\n", losses.size(),
                         shown(losses.front()), shown(losses.back()), sparkline(losses, 72)));
}

void print_predictions(ResultsReader& reader, const std::string& trial) {
  const std::vector<Row> rows = reader.rows(kPredictions.sql, {trial});
  if (rows.empty()) return;
  print_text("\nthe first predictions:\n");
  constexpr std::size_t kLongest = 200;
  for (const Row& row : rows) {
    print_text(fmt::format("\n{}  {}\n  prompt      {}\n  reference   {}\n  prediction  {}\n",
                           printable(text_in(row[0])), printable(text_in(row[4])),
                           printable(text_in(row[1]), kLongest),
                           printable(text_in(row[2]), kLongest),
                           printable(text_in(row[3]), kLongest)));
  }
}

void print_people(ResultsReader& reader, const std::string& trial) {
  Fields fields;
  reader.run(kTrial.sql, fields, {trial});
  for (const ShownPart& part : {kConfig, kTimings, kMetrics}) {
    print_text(fmt::format("\n{}:\n", part.name));
    reader.run(part.sql, *make_row_writer(RowFormat::kTable, print_text), {trial});
  }
  print_curve(reader, trial);
  print_predictions(reader, trial);
}

int run_show(const ShowCommand& c) {
  exit_at_first_signal();
  ResultsReader reader({c.folder});
  const std::string trial = find_trial(reader, c.folder, c.trial, TrialsSought::kAll);
  if (c.json) {
    print_json(reader, trial);
  } else {
    print_people(reader, trial);
  }
  return 0;
}

}  // namespace

void add_show(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<ShowCommand>();
  CLI::App* command = app.add_subcommand(
      "show", "one trial: configuration, scores, learning curve, ten predictions");
  command->add_option("dir", c->folder, "the sweep's folder, which holds results.db")->required();
  command->add_option("trial", c->trial, "the trial's name, or its beginning")->required();
  command->add_flag("--json", c->json,
                    "lines of {\"part\", ...}: trial, config, environment, "
                    "timings, curve, metrics, predictions");
  command->callback([c, &exit_code] { exit_code = run_show(*c); });
}

}  // namespace rankscope
