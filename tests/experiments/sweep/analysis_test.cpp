// The analysis that a sweep file asks for, on the small sweep.
#include <SQLiteCpp/SQLiteCpp.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>

#include "common/files.h"
#include "results/phi_blob.h"
#include "results/query.h"
#include "tests/datasets/test_files.h"
#include "tests/experiments/sweep/small_sweep.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

std::vector<Row> ask(const fs::path& out, const std::string& question) {
  return ResultsReader({out}).rows(question);
}

std::string text(const Cell& cell) { return std::get<std::string>(cell); }
std::int64_t integer(const Cell& cell) { return std::get<std::int64_t>(cell); }

std::vector<std::string> relations(const fs::path& out) {
  std::vector<std::string> found;
  for (const Row& row : ask(out, "SELECT relation, count(*) FROM analysis GROUP BY 1 ORDER BY 1"))
    found.push_back(text(row[0]) + " " + std::to_string(integer(row[1])));
  return found;
}

fs::path adapter_of(const fs::path& out, const std::string& trial) {
  return out / "trials" / trial.substr(0, 12) / "adapter";
}

}  // namespace

TEST_CASE(
    "adapters are set against other ranks, other seeds, shuffled targets, their start and W") {
  const fs::path out = shared_sweep().out("undisturbed");
  // Adapters: ranks 1 and 4 with two seeds on two tasks, rank 2 with two seeds, rank 4 shuffled
  // with two.
  CHECK(relations(out) == std::vector<std::string>{" 12", "base 12", "initial 12", "ranks 4",
                                                   "seeds 6", "shuffled 2"});
  for (const Row& row :
       ask(out,
           "SELECT o.task, o.rank, o.seed, t.task, t.rank, t.seed, o.grp FROM analysis a "
           "JOIN trials t ON t.trial = a.one JOIN trials o ON o.trial = a.other WHERE "
           "a.relation = 'shuffled'")) {
    CHECK(text(row[0]) == text(row[3]));
    CHECK(integer(row[1]) == integer(row[4]));
    CHECK(integer(row[2]) != integer(row[5]));
    CHECK(text(row[6]) == "shuffled");
  }
}

TEST_CASE(
    "the report sets directions shared between seeds beside those of seeds on shuffled targets") {
  const fs::path out = shared_sweep().out("undisturbed");
  const TemporaryFolder folder;
  REQUIRE(run_program({"report", out.string(), "--out", (folder / "report").string(), "--no-png"})
              .exit_code == 0);
  // The panel's cells against what is stored of the pair of the two shuffled trials.
  std::int64_t cells = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(folder / "report/figures")) {
    if (!file.path().filename().string().starts_with("figure4") ||
        file.path().extension() != ".csv")
      continue;
    std::istringstream lines(read_text_file(file.path()));
    for (std::string line; std::getline(lines, line);) {
      const std::string title = ", shuffled targets\"";
      const std::size_t at = line.find(title);
      if (at == std::string::npos) continue;
      int panel = 0, i = 0, j = 0;
      double value = 0;
      REQUIRE(std::sscanf(line.c_str(), "%d,%d,%d,%lf", &panel, &i, &j, &value) == 4);
      const std::string site = line.substr(line.rfind('"', at) + 1, at - line.rfind('"', at) - 1);
      std::vector<double> stored;
      for (const Row& row :
           ask(out,
               "SELECT s.phi, s.cols FROM similarity s JOIN analysis a ON a.one = s.one AND "
               "a.other = s.other "
               "JOIN trials t ON t.trial = s.one JOIN trials o ON o.trial = s.other "
               "WHERE a.relation = 'seeds' AND t.grp = 'shuffled' AND o.grp = 'shuffled' AND "
               "s.directions = 'a' AND s.site = '" +
                   site + "'"))
        stored.push_back(floats_of_blob(text(row[0]))
                             .at(static_cast<std::size_t>((i - 1) * integer(row[1]) + j - 1)));
      CHECK(std::ranges::any_of(stored, [&](double x) { return std::abs(x - value) < 1e-6; }));
      ++cells;
    }
  }
  CHECK(cells >= 16);  // rank 4
}

TEST_CASE(
    "W is set against an adapter by a tenth of the directions that it has, or by the rank there") {
  std::map<std::string, std::set<std::int64_t>> cols;
  for (const Row& row :
       ask(shared_sweep().out("undisturbed"),
           "SELECT DISTINCT site, cols, rows FROM similarities WHERE relation = 'base'")) {
    cols[text(row[0])].insert(integer(row[1]));
    CHECK(integer(row[1]) >= integer(row[2]));
  }
  // Of Wk and Wv [24, 48], W1 and W3 [80, 48] and W2 [48, 80], d_out first; the ranks are up to 4
  // at Wq and Wv.
  const std::map<std::string, std::set<std::int64_t>> expected = {
      {"W1", {5}}, {"W2", {5}}, {"W3", {5}}, {"Wk", {3}}, {"Wo", {5}}, {"Wq", {5}}, {"Wv", {3, 4}}};
  CHECK((cols == expected));
  // One triple more each; those beside rank 1 or 2 do not depend on whether rank 4 is there.
  std::set<std::string> kept;
  for (const auto& entry :
       fs::recursive_directory_iterator(shared_sweep().out("undisturbed") / "analysis"))
    if (const std::string name = entry.path().filename().string(); name.starts_with("layer0-W"))
      kept.insert(name);
  for (const char* name : {"layer0-Wv-4.safetensors", "layer0-Wv-5.safetensors",
                           "layer0-Wq-6.safetensors", "layer0-Wk-4.safetensors"})
    CHECK(kept.contains(name));
  CHECK_FALSE(kept.contains("layer0-Wq-5.safetensors"));
}

TEST_CASE("a sweep's phi is that of `analyze phi`, number by number") {
  const fs::path out = shared_sweep().out("undisturbed");
  const std::vector<Row> rows =
      ask(out,
          "SELECT one, other, layer, site, directions, rows, cols, dimension, phi FROM similarity "
          "WHERE "
          "directions IN ('a', 'dw') AND other NOT IN ('base', 'initial') ORDER BY 1, 2, 3, 4, 5");
  REQUIRE(rows.size() >= 20);
  for (std::size_t at = 0; at < rows.size(); at += 7) {
    const Row& row = rows[at];
    const Json found =
        json_lines(
            run_program({"analyze", "phi", "--adapter", adapter_of(out, text(row[0])), "--other",
                         adapter_of(out, text(row[1])), "--layer", std::to_string(integer(row[2])),
                         "--site", text(row[3]), "--of", text(row[4]), "--json"}))
            .at(0);
    const std::int64_t cols = integer(row[6]);
    CHECK(found.at("dimension") == integer(row[7]));
    const std::vector<float> phi = floats_of_blob(text(row[8]), integer(row[5]) * cols);
    for (std::size_t k = 0; k < phi.size(); ++k) {
      const Json& expected = found.at("phi")
                                 .at(k / static_cast<std::size_t>(cols))
                                 .at(k % static_cast<std::size_t>(cols));
      if (expected.is_null())
        CHECK(std::isnan(phi[k]));
      else
        CHECK(phi[k] == Approx(expected.get<double>()).margin(1e-6));
    }
    const std::vector<Row> band =
        ask(out, "SELECT high FROM chance WHERE rows = " + std::to_string(integer(row[5])) +
                     " AND cols = " + std::to_string(cols) +
                     " AND dimension = " + std::to_string(integer(row[7])));
    REQUIRE(band.size() == 1);
    CHECK(floats_of_blob(text(band[0][0]), static_cast<std::int64_t>(phi.size()))[0] ==
          Approx(found.at("chance_high")[0][0].get<double>()).margin(1e-6));
  }
}

TEST_CASE(
    "a sweep's Table 7 is that of `analyze amplification`, and its spectra those of `analyze "
    "spectra`") {
  SmallSweep& sweep = shared_sweep();
  const fs::path out = sweep.out("undisturbed");
  const std::string trial =
      text(ask(out, "SELECT DISTINCT trial FROM amplifications ORDER BY 1")[0][0]);
  const std::vector<Json> lines =
      json_lines(run_program({"analyze", "amplification", "--adapter", adapter_of(out, trial),
                              "--model", sweep.model().path(), "--json"}));
  REQUIRE_FALSE(lines.empty());
  for (const Json& line : lines) {
    for (const char* quantity :
         {"update_norm", "projected", "projected_weight", "projected_random", "weight_norm",
          "amplification", "relative", "unscaled_update_norm", "unscaled_amplification"}) {
      const std::vector<Row> rows =
          ask(out, "SELECT value FROM adapter_values WHERE trial = '" + trial +
                       "' AND layer = " + line.at("layer").dump() + " AND site = '" +
                       line.at("site").get<std::string>() + "' AND quantity = '" + quantity + "'");
      CAPTURE(quantity);
      REQUIRE(rows.size() == 1);
      CHECK(std::get<double>(rows[0][0]) == Approx(line.at(quantity).get<double>()).epsilon(1e-5));
    }
  }
  const Json spectrum =
      json_lines(run_program({"analyze", "spectra", "--adapter", adapter_of(out, trial), "--json"}))
          .at(0);
  std::vector<Row> values =
      ask(out, "SELECT value FROM spectrum_value WHERE trial = '" + trial +
                   "' AND layer = " + spectrum.at("layer").dump() + " AND site = '" +
                   spectrum.at("site").get<std::string>() + "' ORDER BY position");
  REQUIRE(values.size() == spectrum.at("singular_values").size());
  CHECK(std::get<double>(values[0][0]) == Approx(spectrum.at("singular_values")[0].get<double>()));
}

TEST_CASE(
    "the control of initialisation is at chance, and an adapter still holds some of its start") {
  const fs::path out = shared_sweep().out("undisturbed");
  // Six steps move A little: its directions are those that it began with.
  CHECK(std::get<double>(ask(
            out, "SELECT avg(mean_excess) FROM similarities WHERE relation = 'initial'")[0][0]) >
        0.5);
  CHECK(std::abs(std::get<double>(
            ask(out,
                "SELECT avg(mean_excess) FROM similarities WHERE relation IN ('ranks', 'seeds') "
                "AND directions = 'initial'")[0][0])) < 0.1);
}

TEST_CASE(
    "the analysis is made again to the same rows, from a damaged cache too, and goes when it is "
    "not asked for") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("analysed");
  const fs::path out = sweep.out("analysed");
  const std::string before = database_rows(out);
  fs::remove(out / "results.db");
  int damaged = 0;
  for (const auto& entry : fs::recursive_directory_iterator(out / "analysis")) {
    if (!entry.is_regular_file()) continue;
    fs::resize_file(entry.path(), fs::file_size(entry.path()) / 2);
    ++damaged;
  }
  REQUIRE(damaged > 0);
  REQUIRE(run_program({"collect", out.string()}).exit_code == 0);
  CHECK(database_rows(out) == before);
  // What is there is not made again: the cache's absence shows.
  fs::remove_all(out / "analysis");
  REQUIRE(run_program({"collect", out.string()}).exit_code == 0);
  CHECK_FALSE(fs::exists(out / "analysis"));

  // Another question trains nothing and leaves nothing of the old answer.
  sweep.finish("analysed",
               {"analysis.pairs=[seeds]", "analysis.amplification=false", "analysis.intruders=0"});
  CHECK(relations(out) == std::vector<std::string>{" 12", "seeds 6"});
  CHECK(ask(out, "SELECT * FROM amplifications").empty());
  CHECK(ask(out, "SELECT * FROM adapter_values WHERE quantity = 'intruder_dimensions'").empty());
  CHECK(adapter_times(out) == adapter_times(sweep.out("undisturbed")));
}

TEST_CASE(
    "an analysis that is ended between the pairs and their bands leaves none without its own") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("bands");
  const fs::path out = sweep.out("bands");
  const std::string before = database_rows(out);
  const auto change = [&](const std::string& sql) {
    SQLite::Database((out / "results.db").string(), SQLite::OPEN_READWRITE).exec(sql);
  };
  // As a program that stored the pairs first left it: their stamps say that nothing is missing.
  change("DELETE FROM chance");
  REQUIRE(database_rows(out) != before);
  REQUIRE(run_program({"collect", out.string()}).exit_code == 0);
  CHECK(database_rows(out) == before);
  // Ended where the first band is stored.
  change(
      "DELETE FROM analysis WHERE other <> ''; DELETE FROM similarity; DELETE FROM chance; CREATE "
      "TRIGGER ended BEFORE INSERT ON chance BEGIN SELECT RAISE(ABORT, 'ended'); END");
  CHECK(run_program({"collect", out.string()}).exit_code != 0);
  CHECK(ask(out, "SELECT * FROM analysis WHERE other <> ''").empty());
  change("DROP TRIGGER ended");
  REQUIRE(run_program({"collect", out.string()}).exit_code == 0);
  CHECK(database_rows(out) == before);
}

TEST_CASE("an adapter that cannot be read is named, and the others are analysed") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("broken adapter");
  const fs::path out = sweep.out("broken adapter");
  fs::remove(out / "results.db");
  const std::string trial = text(
      ask(sweep.out("undisturbed"), "SELECT one FROM analysis WHERE relation = 'ranks'")[0][0]);
  fs::resize_file(adapter_of(out, trial) / "adapter_model.safetensors", 100);
  const ProgramResult result = run_program({"collect", out.string()});
  CHECK(result.exit_code == 1);
  CHECK(result.err.find("trial " + trial) != std::string::npos);
  CHECK(ask(out, "SELECT * FROM analysis WHERE one = '" + trial + "' OR other = '" + trial + "'")
            .empty());
  CHECK(relations(out).front() == " 11");
}

TEST_CASE(
    "what is stored of an adapter that has moved away stays, and a line says that it is gone") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("moved adapter");
  const fs::path out = sweep.out("moved adapter"), away = out / "away";
  const std::string before = database_rows(out);
  // The one that other ranks are set against: without it they would be set against another.
  const std::string trial =
      text(ask(out, "SELECT other FROM analysis WHERE relation = 'ranks' ORDER BY 1")[0][0]);
  fs::rename(adapter_of(out, trial), away);
  const ProgramResult result = run_program({"collect", out.string(), "--json"});
  INFO(result.err);
  CHECK(result.exit_code == 1);
  const Json problems = Json::parse(result.out).at("problems");
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems.at(0).get<std::string>(),
             Catch::StartsWith("trial " + trial + ": its adapter is not in '") &&
                 Catch::Contains("what is stored of it stays"));
  CHECK(database_rows(out) == before);
  fs::rename(away, adapter_of(out, trial));
  CHECK(run_program({"collect", out.string()}).exit_code == 0);
  CHECK(database_rows(out) == before);
  // Of a trial that is not finished any more nothing stays.
  fs::rename(out / "trials" / trial.substr(0, 12), away);
  run_program({"collect", out.string()});
  CHECK(ask(out, "SELECT * FROM analysis WHERE one = '" + trial + "' OR other = '" + trial + "'")
            .empty());
}

TEST_CASE("of PiSSA the trained A alone is compared, beside the A that it began with") {
  const SmallSweep& sweep = shared_sweep();
  const fs::path file = sweep.path() / "pissa.yaml", out = sweep.out("pissa");
  put(file, "name: pissa\nbase: " + shared_sweep().model().path() + R"(
seeds: [1, 2]
tasks:
  write:
    task: own
    train: {data: data/write_train.jsonl, limit: 12}
    score: {data: data/write_dev.jsonl, limit: 2, max_new: 2}
training: {batch: 4, steps: 2, lr: 1e-3}
analysis: {pairs: [seeds, initial]}
groups:
  - {method: lora, rank: 2, init: pissa}
)");
  const ProgramResult result = run_program(
      {"run", file.string(), "--dir", out.string(), "--workers", "1", "--threads", "1"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  std::map<std::string, std::int64_t> rows;  // by relation and directions
  for (const Row& row :
       ask(out, "SELECT DISTINCT relation, directions, rows, cols FROM similarities")) {
    const std::string key = text(row[0]) + " " + text(row[1]);
    CHECK(rows.emplace(key, integer(row[2])).second);
    CHECK(integer(row[2]) == integer(row[3]));
  }
  // dW holds what was taken out of W beside what was put in its place.
  CHECK(rows == std::map<std::string, std::int64_t>{
                    {"initial a", 2}, {"seeds a", 2}, {"seeds dw", 4}, {"seeds initial", 2}});
  // Every seed begins with W's own directions, which two steps hardly leave.
  for (const Row& row : ask(out,
                            "SELECT min(mean_excess) FROM similarities WHERE directions <> "
                            "'dw'"))
    CHECK(std::get<double>(row[0]) > 0.5);
}
