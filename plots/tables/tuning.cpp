#include <fmt/format.h>

#include <map>
#include <set>

#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "results/cells.h"

namespace rankscope {

TableSet tuning_tables(ReportData& data) {
  const std::vector<Row> rows = data.rows(
      "SELECT t.sweep, t.task, t.method, t.targets, t.rank, t.trial, c.number, s.value, t.state, "
      "i.value "
      "FROM trials t LEFT JOIN config c ON c.trial = t.trial AND c.sweep = t.sweep AND c.key = "
      "'settings.lr' "
      "LEFT JOIN scores s ON s.trial = t.trial AND s.sweep = t.sweep AND s.metric = 'nll' "
      // What was measured of a pack is no run's own.
      "LEFT JOIN timings i ON i.trial = t.trial AND i.sweep = t.sweep AND i.name = 'train_seconds' "
      "AND NOT EXISTS (SELECT 1 FROM timings p WHERE p.trial = t.trial AND p.sweep = t.sweep AND "
      "p.name = 'trained_together') "
      "WHERE t.role = 'tuning' ORDER BY t.sweep, t.task, t.method, t.targets, t.rank, c.number, "
      "t.trial");
  // A search is the list of its runs, which every setting that takes its rate records.
  std::map<std::pair<std::string, std::string>, std::set<std::string>>
      searches_of;  // by sweep and run
  for (const Row& row :
       data.rows("SELECT DISTINCT sweep, value FROM config WHERE key = 'tuned.runs'")) {
    const std::string runs = text_in(row[1]);
    for (std::size_t at = 0; at < runs.size();) {
      const std::size_t end = std::min(runs.find(' ', at), runs.size());
      searches_of[{text_in(row[0]), runs.substr(at, end - at)}].insert(runs);
      at = end + 1;
    }
  }
  // What else tells a search's settings from others', where all that take its rate have it.
  std::map<std::pair<std::string, std::string>, std::set<std::string>> variants;
  for (const Row& row :
       data.rows("SELECT DISTINCT c.sweep, c.value, t.setting FROM config c JOIN trials t ON "
                 "t.sweep = c.sweep AND t.trial = c.trial WHERE c.key = 'tuned.runs'"))
    if (const ScoreFinding* score = data.score_of(text_in(row[0]), text_in(row[2])))
      variants[{text_in(row[0]), text_in(row[1])}].insert(score->variant);
  std::map<std::pair<std::string, std::string>, std::string> sizes = trial_sizes(data);
  if (rows.empty())
    return {{}, "No learning rate was searched for: the sweep file gives each.", true};
  Table table{.name = "tuning",
              .title = "The search for learning rates",
              .caption = {},
              .answers = {},
              .columns = {{"task"},
                          {"configuration"},
                          {"rates tried"},
                          {"best"},
                          {"runs", true},
                          {"training, s", true}},
              .rows = {},
              .data = {{"sweep", "task", "method", "targets", "rank", "trial", "lr", "held_out_nll",
                        "state", "train_seconds"},
                       rows}};
  if (data.several_sweeps()) table.columns.push_back({"sweep"});
  struct Search {
    std::string rates;
    std::optional<double> best, lowest, least, most;
    std::int64_t runs = 0;
    std::optional<double> seconds;  // of the runs that were trained alone
  };
  using Key = std::tuple<std::string, std::pair<int, std::string>, std::string, int, std::string,
                         std::pair<int, std::string>, std::optional<std::int64_t>, std::string,
                         std::string>;
  std::map<Key, Search> searches;
  std::optional<double> seconds;
  const auto add = [](std::optional<double>& sum, const std::optional<double>& value) {
    if (value) sum = sum.value_or(0) + *value;
  };
  for (const Row& row : rows) {
    const std::string task = text_in(row[1]), method = text_in(row[2]);
    const std::pair<std::string, std::string> run{text_in(row[0]), text_in(row[5])};
    std::set<std::string>& named = searches_of[run];
    if (named.empty()) named.insert("");  // no setting takes a rate from it any more
    add(seconds, number_in(row[9]));
    for (const std::string& runs : named) {
      Search& search =
          searches[{text_in(row[0]), task_order(task), task, method_order(method), method,
                    targets_order(text_in(row[3])), integer_in(row[4]), sizes[run], runs}];
      const std::optional<double> rate = number_in(row[6]), loss = number_in(row[7]);
      if (rate) {
        search.rates += fmt::format("{}{:g}", search.rates.empty() ? "" : ", ", *rate);
        if (!search.least || *rate < *search.least) search.least = rate;
        if (!search.most || *rate > *search.most) search.most = rate;
      }
      if (text_in(row[8]) != "done") search.rates += " (" + text_in(row[8]) + ")";
      if (loss && (!search.lowest || *loss < *search.lowest)) {
        search.lowest = loss;
        search.best = rate;
      }
      ++search.runs;
      add(search.seconds, number_in(row[9]));
    }
  }
  std::int64_t at_edge = 0;
  constexpr std::size_t kMostRows = 60;
  for (const auto& [key, search] : searches) {
    const auto& [sweep, task_place, task, method_place, method, targets, rank, size, runs] = key;
    std::string apart = size;
    if (const auto found = variants.find({sweep, runs});
        found != variants.end() && found->second.size() == 1 && !found->second.begin()->empty())
      apart += (apart.empty() ? "" : ", ") + *found->second.begin();
    const bool edge = search.best && search.least < search.most &&
                      (search.best == search.least || search.best == search.most);
    at_edge += edge ? 1 : 0;
    if (table.rows.size() == kMostRows) continue;
    table.rows.push_back(
        {task_label(task), configuration_label(method, targets.second, rank, apart), search.rates,
         search.best ? fmt::format("{:g}{}", *search.best, edge ? " (an end of the list)" : "")
                     : std::string(kNone),
         grouped(search.runs), short_number(search.seconds)});
    if (data.several_sweeps()) table.rows.back().emplace_back(sweep);
  }
  table.caption = fmt::format(
      "Each search's rates, and the one with the lowest held-out loss, on examples and a seed that "
      "are never scored; {} in all{}.",
      counted(std::ssize(rows), "run"),
      seconds ? fmt::format(", {} s of training", short_number(seconds)) : "");
  if (const std::int64_t packed = data.trained_together("tuning"); packed > 0)
    table.caption += fmt::format(
        " {} trained together with others: the time of such trainings is their pack's and left "
        "out.",
        packed == 1 ? "1 run was" : grouped(packed) + " runs were");
  if (at_edge > 0)
    table.caption +=
        fmt::format(" In {} the best rate is an end of its list: a better one may lie beyond.",
                    at_edge == 1 ? "one search" : fmt::format("{} searches", at_edge));
  if (searches.size() > kMostRows)
    table.caption += fmt::format(" The first {} searches of {}; all are in the CSV.", kMostRows,
                                 searches.size());
  return {{std::move(table)}, {}};
}

}  // namespace rankscope
