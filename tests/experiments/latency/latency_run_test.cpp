// Passes are timed, kept, gone on with and collected. No test looks at how long anything took.
#include <catch2/catch.hpp>

#include "common/appended_lines.h"
#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "engine/backend/devices.h"
#include "experiments/latency/forward_pass.h"
#include "experiments/latency/latency_run.h"
#include "experiments/sweep/collect.h"
#include "results/cells.h"
#include "results/query.h"
#include "tests/error_text.h"
#include "tests/experiments/program.h"
#include "tests/experiments/text_model.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

namespace fs = std::filesystem;

LatencySettings small_settings() {
  LatencySettings settings;
  settings.batches = {1, 2};
  settings.lengths = {5, 9};
  settings.bottlenecks = {2, 3};
  settings.rounds = 10;
  return settings;
}

// A sweep on the text model that asks for four cells.
class LatencySweep {
 public:
  LatencySweep() {
    manifest.name = "times";
    manifest.base = model.path();
    manifest.base_hash = std::string(64, 'b');
    manifest.file_text = "name: times\n";
    manifest.latency = small_settings();
    write_manifest(folder, manifest);
  }
  void measure() const {
    measure_latencies(folder, manifest, [](const LatencyProgress&) {});
  }
  std::string lines() const { return read_text_file(folder.latencies()); }
  std::vector<Row> ask(const std::string& question) const {
    return ResultsReader({place.path()}).rows(question);
  }

  TextModel model;
  TemporaryFolder place;
  rankscope::SweepFolder folder{place.path()};
  Manifest manifest;
};

}  // namespace

TEST_CASE("every position of every sequence is computed, by the variants as they are named") {
  TextModel model;
  const auto backend = make_backend({.threads = 1});
  const LatencyModels models(model.path(), small_settings(), *backend);
  const Batch batch = latency_batch(2, 5, models.shape().config.vocabulary);
  CHECK(batch.rows() == 10);
  CHECK(batch.targets() == 10);
  CHECK(*batch.loss_rows == Indices(std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  std::vector<std::vector<float>> states;
  for (std::size_t v = 0; v < models.variants().size(); ++v)
    states.push_back(backend->to_host(models.hidden_states(v, batch).view()));
  const auto distance = [&](std::size_t one, std::size_t other) {
    double most = 0;
    for (std::size_t i = 0; i < states[one].size(); ++i)
      most = std::max(most, std::abs(static_cast<double>(states[one][i] - states[other][i])));
    return most;
  };
  // Nothing is the base's identity, but LoRA merged is LoRA beside W.
  for (std::size_t v = 1; v < states.size(); ++v) CHECK(distance(0, v) > 1e-3);
  CHECK(distance(1, 2) < 1e-4);
  CHECK(models.trainable_parameters(0) == 0);
  CHECK(models.trainable_parameters(1) == models.trainable_parameters(2));
  CHECK(models.trainable_parameters(3) < models.trainable_parameters(4));
}

TEST_CASE("a measurement that was stopped goes on behind its last whole cell") {
  const LatencySweep sweep;
  const auto stop_in_third = [](const LatencyProgress& p) {
    if (p.finished == 2 && p.rounds == 1) request_stop();
  };
  CHECK_THROWS_AS(measure_latencies(sweep.folder, sweep.manifest, stop_in_third), Interrupted);
  clear_stop_request();
  const std::string before = sweep.lines();
  CHECK(finished_latencies(sweep.folder, sweep.manifest).cells.size() == 2);
  sweep.measure();
  CHECK(sweep.lines().starts_with(before));
  const FinishedLatencies found = finished_latencies(sweep.folder, sweep.manifest);
  CHECK(found.unfinished.empty());
  REQUIRE(found.cells.size() == 4);
  CHECK(found.cells[2].batch == 2);
  CHECK(found.cells[2].length == 5);
  CHECK(found.cells[0].environment.at("threads") == "1");
  for (const VariantLatencies& variant : found.cells[3].variants)
    CHECK(variant.milliseconds.size() == 10);
  const std::string whole = sweep.lines();
  sweep.measure();
  CHECK(sweep.lines() == whole);
}

TEST_CASE("another question times its own cells, and keeps those that it shares") {
  LatencySweep sweep;
  sweep.measure();
  sweep.manifest.latency->lengths = {5, 7};
  CHECK(finished_latencies(sweep.folder, sweep.manifest).cells.size() == 2);
  sweep.manifest.latency->rounds = 11;
  CHECK(finished_latencies(sweep.folder, sweep.manifest).cells.empty());
  sweep.manifest.latency = small_settings();
  sweep.manifest.base_hash = std::string(64, 'c');
  CHECK(finished_latencies(sweep.folder, sweep.manifest).unfinished.size() == 4);
}

TEST_CASE("a broken line is named, and its cell is timed anew") {
  const LatencySweep sweep;
  sweep.measure();
  std::string text = sweep.lines();
  text.replace(text.find("milliseconds"), 12, "milliseconts");
  write_file_atomically(sweep.folder.latencies(), text + "{\"half");
  const FinishedLatencies found = finished_latencies(sweep.folder, sweep.manifest);
  CHECK(found.cells.size() == 3);
  REQUIRE(found.problems.size() == 1);
  CHECK_THAT(found.problems[0], Contains("latency.jsonl:1"));
  CHECK(Collector(sweep.folder, sweep.manifest).collect_all().size() == 1);
  sweep.measure();
  CHECK(finished_latencies(sweep.folder, sweep.manifest).cells.size() == 4);
  CHECK(Collector(sweep.folder, sweep.manifest).collect_all().empty());
}

TEST_CASE("a time that changed by a bit is a broken line, and a line without a check is older") {
  const LatencySweep sweep;
  sweep.measure();
  const std::string text = sweep.lines();
  const std::size_t time = text.find("milliseconds");
  for (const std::size_t place : {text.find('.', time) + 1, text.find("\"check\"") + 1}) {
    INFO(place);
    std::string changed = text;
    changed[place] = static_cast<char>(changed[place] ^ 1);
    write_file_atomically(sweep.folder.latencies(), changed);
    const FinishedLatencies found = finished_latencies(sweep.folder, sweep.manifest);
    CHECK(found.cells.size() == 3);
    CHECK(found.unfinished.size() == 1);
    REQUIRE(found.problems.size() == 1);
    CHECK_THAT(found.problems[0],
               Contains("latency.jsonl:1: is not what was written, by its 'check'"));
  }
  write_file_atomically(sweep.folder.latencies(), text);
  std::string older;
  for (const std::string& line : AppendedLines::whole_lines(sweep.folder.latencies())) {
    Json json = Json::parse(line);
    REQUIRE(json.erase("check") == 1);
    older += json.dump() + "\n";
  }
  write_file_atomically(sweep.folder.latencies(), older);
  const FinishedLatencies found = finished_latencies(sweep.folder, sweep.manifest);
  CHECK(found.problems.empty());
  CHECK(found.cells.size() == 4);
}

TEST_CASE("collect makes the rows of the database again from the file") {
  LatencySweep sweep;
  sweep.measure();
  Collector(sweep.folder, sweep.manifest).collect_all();
  const std::string question = "SELECT * FROM latency ORDER BY 1, 2, 3, 4, 5, 6";
  const std::vector<Row> rows = sweep.ask(question);
  CHECK(rows.size() == std::size_t{4} * 7 * 10);
  CHECK(sweep.ask("SELECT * FROM latencies").size() == std::size_t{4} * 7);
  fs::remove(sweep.folder.database());
  REQUIRE(run_program({"collect", sweep.place.path().string()}).exit_code == 0);
  CHECK(sweep.ask(question) == rows);
  CHECK(sweep.ask("SELECT sweep, trials FROM sweeps") ==
        std::vector<Row>{{"times", std::int64_t{0}}});

  // A sweep that no longer asks for them has none.
  sweep.manifest.latency.reset();
  Collector(sweep.folder, sweep.manifest).collect_all();
  CHECK(sweep.ask(question).empty());
}

TEST_CASE("a new database may lack the cells that the sweep no longer asks for, and no others") {
  LatencySweep sweep;
  sweep.measure();
  Collector(sweep.folder, sweep.manifest).collect_all();
  const std::string lines = sweep.lines();
  sweep.manifest.latency->lengths = {5};
  write_manifest(sweep.folder, sweep.manifest);
  const std::vector<std::string> again = {"collect", sweep.place.path().string(), "--again"};
  write_file_atomically(sweep.folder.latencies(), "");
  const ProgramResult lacking = run_program(again);
  CHECK(lacking.exit_code == 1);
  CHECK_THAT(lacking.err, Contains("lack the times of cell 1 x 5 and 1 more;"));
  CHECK(sweep.ask("SELECT * FROM latencies").size() == std::size_t{4} * 7);
  write_file_atomically(sweep.folder.latencies(), lines);
  const ProgramResult collected = run_program(again);
  INFO(collected.err);
  CHECK(collected.exit_code == 0);
  CHECK(sweep.ask("SELECT * FROM latencies").size() == std::size_t{2} * 7);
}

TEST_CASE("run, status, query and report of a file that times passes") {
  TextModel model;
  TemporaryFolder place;
  const fs::path file = place / "times.yaml", out = place / "out";
  write_file_atomically(file,
                        "base: " + model.path() +
                            "\nreport: true\nlatency: {batch: [1, 2], length: 5, bottleneck: 2, "
                            "rounds: 10}\n");
  const std::vector<std::string> run = {"run", file.string(), "--dir", out.string()};
  const std::vector<Json> planned = json_lines(run_with(run, {"--dry-run", "--json"}));
  REQUIRE(planned.size() == 2);
  CHECK(planned[1].at("batch") == 2);
  CHECK(planned[1].at("state") == "pending");
  for (const std::vector<std::string>& of_trials : std::vector<std::vector<std::string>>{
           {"--workers", "2"}, {"--pack-trials", "0"}, {"--shortest-first"}})
    check_refused(run_with(run, of_trials), of_trials[0] + ": ");
  CHECK_FALSE(fs::exists(out));
  const Json ended = json_lines(run_with(run, {"--json"})).at(0);
  CHECK(ended.at("timed") == 2);
  CHECK(json_lines(run_with(run, {"--json"})).at(0).at("already_done") == 2);
  // Two threads are another question.
  CHECK(json_lines(run_with(run, {"--threads", "2", "--dry-run", "--json"})).at(0).at("state") ==
        "pending");
  CHECK(json_lines(run_program({"collect", out.string(), "--json"})).at(0).at("cells") == 2);
  const std::vector<Json> states = json_lines(run_program({"status", out.string(), "--json"}));
  REQUIRE(states.size() == 2);
  CHECK(states[0].at("state") == "done");
  const std::vector<Json> rows =
      json_lines(run_program({"query", out.string(), "latencies", "--json"}));
  REQUIRE(rows.size() == 10);
  CHECK(rows[0].at("rounds") == 10);
  CHECK(rows[0].at("trainable_parameters").get<std::int64_t>() > 0);
  CHECK_THAT(read_text_file(out / "report/report.md"),
             Contains("Time of a forward pass") && Contains("drawn tokens"));
  CHECK_THAT(run_program({"claims", out.string()}).out, Contains("C8"));
  write_file_atomically(out / "report/thesis.tex", "years of work");
  const ProgramResult refused = run_with(run, {});
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, Contains("no report: '") && Contains("which is no report's"));
}
