// What a fault of the machine leaves damaged is named in a line and healed by the next run, and
// nothing else is lost.
#include <catch2/catch.hpp>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/stat.h>

#include <algorithm>
#include <functional>

#include "common/draws.h"
#include "common/files.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

using Damage = std::function<void(const fs::path&)>;

void truncate(const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); }
void empty(const fs::path& file) { fs::resize_file(file, 0); }
void remove(const fs::path& file) { fs::remove(file); }
void spoil(const fs::path& file) {
  const Draws draws(1, "damage test", file.filename().string());
  std::string bytes;
  for (std::uintmax_t i = 0; i < fs::file_size(file); ++i)
    bytes += static_cast<char>(draws.bits(i) & 0xff);
  write_file_atomically(file, bytes);
}
// JSON still, but of another kind.
void replace(const fs::path& file) { write_file_atomically(file, "{\"id\": 7, \"state\": []}\n"); }
// A whole line less: what is left is no worse than before.
void cut_line(const fs::path& file) {
  const std::string text = read_bytes(file);
  write_file_atomically(file, text.substr(0, text.rfind('\n', text.size() - 2) + 1));
}

void make_folder_of(const fs::path& file) {
  fs::remove(file);
  fs::create_directory(file);
  write_file_atomically(file / "file", "");
}
void make_pipe_of(const fs::path& file) {
  fs::remove(file);
  REQUIRE(mkfifo(file.c_str(), 0600) == 0);
}
void make_link_of(const fs::path& file) {
  fs::remove(file);
  fs::create_symlink(file.parent_path() / "nowhere" / "file", file);
}

const std::vector<std::pair<const char*, Damage>> kDamages = {
    {"truncated", truncate},      {"empty", empty},         {"removed", remove},
    {"garbage", spoil},           {"replaced", replace},    {"a line less", cut_line},
    {"a folder", make_folder_of}, {"a pipe", make_pipe_of}, {"a link to nowhere", make_link_of}};

// Warnings and errors are one line each, and none is the program's own fault.
void check_lines(const ProgramResult& result) {
  INFO(result.err);
  CHECK(result.err.find("internal error") == std::string::npos);
  CHECK(result.signal == 0);
}

}  // namespace

TEST_CASE("a damaged file of a trial is healed by the next run") {
  SmallSweep& sweep = shared_sweep();
  const fs::path expected = sweep.out("undisturbed");
  std::vector<Json> trials;
  for (const Json& trial : trials_of(expected))
    if (trial.at("config").at("group") == "tuned" && trial.at("config").at("role") == "scored")
      trials.push_back(trial);
  REQUIRE(trials.size() == 8);
  const Json best = trial_of(expected, "best", "write"), base = trial_of(expected, "base", "pick");
  const Json wild = trial_of(expected, "wild", "pick");
  const fs::path out = sweep.out("damaged");
  // Each another trial's.
  const fs::path files[] = {train_folder(out, trials[0]) / "done.json",
                            train_folder(out, trials[1]) / "curve.jsonl",
                            train_folder(out, trials[2]) / "adapter/adapter_model.safetensors",
                            train_folder(out, trials[3]) / "adapter/adapter_config.json",
                            train_folder(out, trials[4]) / "adapter/rankscope.json",
                            train_folder(out, trials[5]) / "trial.json",
                            train_folder(out, trials[5]) / "timings.json",
                            train_folder(out, trials[5]) / "environment.json",
                            train_folder(out, best) / "adapter/model.safetensors",
                            train_folder(out, wild) / "done.json",
                            eval_folder(out, trials[6]) / "done.json",
                            eval_folder(out, trials[7]) / "predictions.jsonl",
                            eval_folder(out, base) / "outcomes.jsonl",
                            eval_folder(out, trials[5]) / "eval.json",
                            eval_folder(out, trials[5]) / "environment.json",
                            eval_folder(out, trials[6]) / "timings.json",
                            eval_folder(out, trials[6]) / ".lock",
                            train_folder(out, trials[6]) / ".lock",
                            out / "hashes.json"};
  for (const auto& [what, damage] : kDamages) {
    INFO(what);
    copy_undisturbed("damaged");
    for (const fs::path& file : files) damage(file);
    write_file_atomically(eval_folder(out, trials[0]) / "errors.json", "[");
    remove_database(out);
    // `collect` names what it cannot read, and stores the rest.
    const ProgramResult collected = run_program({"collect", out.string()});
    check_lines(collected);
    CHECK(collected.exit_code == 1);
    const ProgramResult healed = sweep.run("damaged");
    INFO(healed.err);
    check_lines(healed);
    CHECK(healed.exit_code == 0);
    check_results(out, expected);
    // What was whole was left alone.
    const auto times = adapter_times(out), before = adapter_times(expected);
    std::size_t untouched = 0;
    for (const auto& [name, time] : before) untouched += times.at(name) == time;
    CHECK(untouched >= before.size() - 6 * 3);
  }
  // Weights of the right shape but other values, which an evaluation is going to read.
  copy_undisturbed("damaged");
  const Json wide = trial_of(expected, "wide", "pick");
  const fs::path weights = train_folder(out, wide) / "adapter/adapter_model.safetensors";
  std::string bytes = read_bytes(weights);
  bytes.back() ^= 1;
  write_file_atomically(weights, bytes);
  fs::remove_all(eval_folder(out, wide));
  sweep.finish("damaged");
  check_results(out, expected);
}

TEST_CASE("a file that reads well but is not the one that was written is found by its hash") {
  SmallSweep& sweep = shared_sweep();
  const fs::path expected = sweep.out("undisturbed"), out = sweep.out("altered");
  const Json predicted = trial_of(expected, "tuned", "write"),
             scored = trial_of(expected, "base", "pick");
  const Json trained = trial_of(expected, "wide", "pick"),
             older = trial_of(expected, "best", "write");
  copy_undisturbed("altered");
  const auto change = [](const fs::path& file, const std::string& from, const std::string& to) {
    std::string text = read_bytes(file);
    REQUIRE(text.find(from) != std::string::npos);
    write_file_atomically(file, text.replace(text.find(from), from.size(), to));
  };
  change(eval_folder(out, predicted) / "predictions.jsonl", "\"prediction\":\"",
         "\"prediction\":\"x");
  change(eval_folder(out, scored) / "outcomes.jsonl", "\"accuracy\":", "\"accuracy\":1");
  change(train_folder(out, trained) / "curve.jsonl", "\"loss\":", "\"loss\":1");
  // An older program's: its lines are read.
  Json done = read_json_file(eval_folder(out, older) / "done.json");
  REQUIRE(done.erase("files") == 1);
  REQUIRE(done.erase("check") == 1);
  write_file_atomically(eval_folder(out, older) / "done.json", done.dump(1) + "\n");
  remove_database(out);
  const ProgramResult collected = run_program({"collect", out.string()});
  CHECK(collected.exit_code == 1);
  for (const char* name : {"predictions.jsonl", "outcomes.jsonl", "curve.jsonl"})
    CHECK_THAT(collected.err,
               Catch::Contains(std::string(name) + ": is not the file that was written"));
  const ProgramResult healed = sweep.run("altered", {"--json"});
  INFO(healed.err);
  CHECK(json_lines(healed).back().at("done") == 3);
  CHECK_THAT(healed.err, Catch::Contains("all are made again"));
  // Other than its done.json nothing of it is different.
  fs::remove(eval_folder(out, older) / "done.json");
  sweep.finish("altered");
  check_results(out, expected);
}

TEST_CASE("a rate stays in the database though its search was damaged when it was made anew") {
  SmallSweep& sweep = shared_sweep();
  const fs::path expected = sweep.out("undisturbed"), out = sweep.out("search");
  const Json tuned = trial_of(expected, "tuned", "write");
  const std::vector<Json> trials = trials_of(expected);
  const auto search = std::ranges::find_if(
      trials, [&](const Json& trial) { return trial.at("id") == tuned.at("tuning_trials").at(0); });
  REQUIRE(search != trials.end());
  copy_undisturbed("search");
  empty(train_folder(out, *search) / "adapter/adapter_config.json");
  remove_database(out);
  sweep.finish("search");
  check_results(out, expected);
}

TEST_CASE("values that changed on the disk and read like any other count nowhere") {
  SmallSweep& sweep = shared_sweep();
  const fs::path expected = sweep.out("undisturbed"), out = sweep.out("flipped");
  const auto flip_last = [](const fs::path& file) {
    std::string bytes = read_bytes(file);
    bytes.back() ^= 1;
    write_file_atomically(file, bytes);
  };
  // W's directions, which analyses share.
  copy_undisturbed("flipped");
  std::size_t flipped = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(out / "analysis"))
    if (entry.path().extension() == ".safetensors") flip_last(entry.path()), ++flipped;
  REQUIRE(flipped > 0);
  remove_database(out);
  CHECK(run_program({"collect", out.string()}).exit_code == 0);
  CHECK(database_rows(out) == database_rows(expected));

  // A kept hash of a file.
  copy_undisturbed("flipped");
  Json hashes = read_json_file(out / "hashes.json");
  for (Json& entry : hashes) {
    std::string hash = entry.at("sha256");
    hash[0] = hash[0] == '0' ? '1' : '0';
    entry["sha256"] = hash;
  }
  write_file_atomically(out / "hashes.json", hashes.dump());
  const ProgramResult same = sweep.run("flipped", {"--json"});
  INFO(same.err);
  CHECK(json_lines(same).back().at("done") == 0);
  check_results(out, expected);

  // An adapter that an analysis reads, and nothing else.
  copy_undisturbed("flipped");
  const Json wide = trial_of(expected, "wide", "pick");
  flip_last(train_folder(out, wide) / "adapter/adapter_model.safetensors");
  remove_database(out);
  const ProgramResult found = sweep.run("flipped");
  INFO(found.err);
  CHECK(found.exit_code == 1);
  CHECK_THAT(found.err, Catch::Contains("its adapter is not the one that was written") &&
                            Catch::Contains("the next run trains and evaluates it again"));
  CHECK_THAT(run_program({"status", out.string()}).out, Catch::Contains("1 pending"));
  sweep.finish("flipped");
  check_results(out, expected);

  // The scale of an update, which no hash of weights covers: `collect` finds it though the adapter
  // was analysed before, and `run` trains it again at once.
  for (const bool by_run : {false, true}) {
    INFO(by_run);
    copy_undisturbed("flipped");
    const fs::path record = train_folder(out, wide) / "adapter/rankscope.json";
    Json json = read_json_file(record);
    json.at("sites").at(0).at("scale") = 5.0;
    write_file_atomically(record, json.dump(2) + "\n");
    if (!by_run) {
      const ProgramResult collected = run_program({"collect", out.string()});
      INFO(collected.err);
      CHECK(collected.exit_code == 1);
      CHECK_THAT(collected.err, Catch::Contains("its adapter is not the one that was written"));
    }
    sweep.finish("flipped");
    check_results(out, expected);
  }
}

TEST_CASE("a damaged sweep.json is named, and made anew by the next run") {
  SmallSweep& sweep = shared_sweep();
  for (const auto& [what, damage] : kDamages) {
    INFO(what);
    copy_undisturbed("manifest");
    damage(sweep.out("manifest") / "sweep.json");
    for (const char* command : {"collect", "status"})
      check_refused(run_program({command, sweep.out("manifest").string()}), "sweep.json");
    sweep.finish("manifest");
    check_results(sweep.out("manifest"), sweep.out("undisturbed"));
    CHECK(adapter_times(sweep.out("manifest")) == adapter_times(sweep.out("undisturbed")));
  }
}

TEST_CASE("what is no file in the place of a sweep's lock keeps nobody waiting, and is put aside") {
  SmallSweep& sweep = shared_sweep();
  const fs::path out = sweep.out("lock");
  for (const auto& [what, damage] : kDamages) {
    INFO(what);
    copy_undisturbed("lock");
    const fs::path lock = out / ".lock", aside = out / ".lock.damaged";
    damage(lock);
    const bool in_the_way =
        fs::is_symlink(lock) || (fs::exists(lock) && !fs::is_regular_file(lock));
    CHECK(run_program({"status", out.string()}).exit_code == 0);
    const ProgramResult collected = run_program({"collect", out.string()});
    check_lines(collected);
    if (fs::is_directory(lock))
      check_refused(collected, ".lock' is a folder in a file's place; remove it");
    sweep.finish("lock");
    CHECK(fs::is_regular_file(lock));
    CHECK(fs::exists(fs::symlink_status(aside)) == in_the_way);
    check_results(out, sweep.out("undisturbed"));
  }
}

TEST_CASE("a score that is none is named by its file and field, and made anew by the next run") {
  SmallSweep& sweep = shared_sweep();
  const fs::path expected = sweep.out("undisturbed"), out = sweep.out("scores");
  const Json tuned = trial_of(expected, "tuned", "write");
  const auto put_metrics = [](const fs::path& done, const std::string& metrics) {
    Json json = read_json_file(done);
    json["metrics"] = Json::parse(metrics);
    json.erase("check");  // an older program's
    write_file_atomically(done, json.dump());
  };
  for (const auto& [metrics, complaint] :
       {std::pair(R"({"x": {"count": 5}})", "metric x: field 'value': is missing"),
        {R"({"exact": {"count": 6, "value": "high"}})",
         "metric exact: field 'value': must be a number, not \"high\""},
        {R"({"exact": {"count": 6, "value": 0.5, "standard_error": [1]}})",
         "metric exact: field 'standard_error': must be a number"},
        {R"({"exact": 1})", "metric exact: must be a JSON object, not 1"}}) {
    INFO(metrics);
    copy_undisturbed("scores");
    put_metrics(eval_folder(out, tuned) / "done.json", metrics);
    // The others are shown all the same.
    for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--json"}}) {
      const ProgramResult shown = run_with({"status", out.string()}, more);
      CHECK(shown.exit_code == 1);
      CHECK_THAT(shown.out, Catch::Contains("`run` mends it"));
      CHECK_THAT(shown.out, Catch::Contains("done.json: metric "));
      if (more.empty())
        CHECK_THAT(shown.out, Catch::Contains(complaint) && Catch::Contains("1 pending"));
    }
    sweep.finish("scores");
    check_results(out, expected);
  }
  // A search's run without the likelihood that its rate is chosen by.
  copy_undisturbed("scores");
  const std::vector<Json> trials = trials_of(expected);
  const auto search = std::ranges::find_if(
      trials, [&](const Json& trial) { return trial.at("id") == tuned.at("tuning_trials").at(0); });
  REQUIRE(search != trials.end());
  put_metrics(eval_folder(out, *search) / "done.json", R"({"exact": {"count": 4, "value": 1}})");
  fs::remove_all(train_folder(out, tuned));
  const ProgramResult untuned =
      run_program({"trial", out.string(), tuned.at("id").get<std::string>(), "--threads", "1"});
  INFO(untuned.err);
  CHECK(untuned.exit_code == 2);
  CHECK_THAT(untuned.err, Catch::Contains("done.json: has no 'nll'"));
  sweep.finish("scores");
  check_results(out, expected);
}

TEST_CASE("an errors.json without an error fails nothing, and one of another form is put aside") {
  SmallSweep& sweep = shared_sweep();
  const fs::path expected = sweep.out("undisturbed"), out = sweep.out("errors");
  const fs::path evaluation = eval_folder(out, trial_of(expected, "wide", "pick"));
  for (const auto& [text, exit_code] : {std::pair(R"({"errors": [], "final": true})", 0),
                                        {R"({"errors": ["it was hot"], "final": 5})", 1}}) {
    INFO(text);
    copy_undisturbed("errors");
    fs::remove(evaluation / "done.json");
    write_file_atomically(evaluation / "errors.json", text);
    const ProgramResult shown = run_program({"status", out.string()});
    check_lines(shown);
    CHECK(shown.exit_code == exit_code);
    CHECK_THAT(shown.out, Catch::Contains("1 pending"));
    const ProgramResult healed = sweep.run("errors");
    INFO(healed.err);
    CHECK(healed.exit_code == 0);
    CHECK(fs::exists(evaluation / "errors.json.damaged") == (exit_code == 1));
    check_results(out, expected);
  }
}

TEST_CASE("a sweep.json whose searches do not fit their rates is named, and made anew") {
  SmallSweep& sweep = shared_sweep();
  const fs::path out = sweep.out("searches");
  using Change = std::function<void(Json&)>;
  const std::vector<std::pair<const char*, Change>> changes = {
      {"a run too many", [](Json& runs) { runs.push_back(Json(runs.at(0))); }},
      {"a run less", [](Json& runs) { runs.erase(std::size_t{0}); }},
      {"no run", [](Json& runs) { runs.clear(); }}};
  const auto check_named_and_healed = [&](const std::string& id) {
    for (const std::vector<std::string>& words : {std::vector<std::string>{"status", out.string()},
                                                  {"collect", out.string()},
                                                  {"trial", out.string(), id}})
      check_refused(run_program(words), "field 'tuning_trials': must name a run for each rate");
    sweep.finish("searches");
    check_results(out, sweep.out("undisturbed"));
    CHECK(adapter_times(out) == adapter_times(sweep.out("undisturbed")));
  };
  const std::string tuned = trial_of(sweep.out("undisturbed"), "tuned", "pick").at("id");
  for (const auto& [what, change] : changes) {
    INFO(what);
    copy_undisturbed("searches");
    Json json = read_json_file(out / "sweep.json");
    for (Json& trial : json.at("trials"))
      if (trial.at("id") == tuned) change(trial.at("tuning_trials"));
    write_file_atomically(out / "sweep.json", json.dump());
    check_named_and_healed(tuned);
  }
  // A trial that has no rates to choose from.
  const std::string fixed = trial_of(sweep.out("undisturbed"), "wide", "pick").at("id");
  copy_undisturbed("searches");
  Json json = read_json_file(out / "sweep.json");
  for (Json& trial : json.at("trials"))
    if (trial.at("id") == fixed) trial["tuning_trials"] = Json::array({tuned});
  write_file_atomically(out / "sweep.json", json.dump());
  check_named_and_healed(fixed);
}

TEST_CASE("a damaged results.db is made anew from the folders") {
  SmallSweep& sweep = shared_sweep();
  const fs::path out = sweep.out("database"), expected = sweep.out("undisturbed");
  copy_undisturbed("database");
  const std::string rows = database_rows(expected);
  for (const auto& [what, damage] : kDamages) {
    if (std::string(what) == "a line less") continue;
    INFO(what);
    damage(out / "results.db");
    const bool by_run = std::string(what) == "garbage";
    const ProgramResult result =
        by_run ? sweep.run("database") : run_program({"collect", out.string()});
    INFO(result.err);
    check_lines(result);
    CHECK(result.exit_code == 0);
    CHECK(database_rows(out) == rows);
  }
  // What other hands have put in is found where all is made again.
  {
    SQLite::Database hand((out / "results.db").string(), SQLite::OPEN_READWRITE);
    hand.exec("UPDATE example SET reference = 'by hand'");
  }
  CHECK(run_program({"collect", out.string(), "--again"}).exit_code == 0);
  CHECK(database_rows(out) == rows);
  // A reader in the middle of its reading keeps nobody from writing.
  SQLite::Database reader((out / "results.db").string(), SQLite::OPEN_READONLY);
  SQLite::Statement reading(reader, "SELECT * FROM trial");
  REQUIRE(reading.executeStep());
  const ProgramResult beside = sweep.run("database", {"seeds=[1]"});
  INFO(beside.err);
  CHECK(beside.exit_code == 0);
  CHECK(database_rows(out) != rows);
}

TEST_CASE("scores of an older program and adapters of another machine train nothing again") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("older");
  const fs::path out = sweep.out("older"), expected = sweep.out("undisturbed");
  const Json scored = trial_of(out, "tuned", "write"), trained = trial_of(out, "wide", "pick");
  const auto change = [](const fs::path& file, const std::function<void(Json&)>& by) {
    Json json = read_json_file(file);
    by(json);
    json.erase("check");
    write_file_atomically(file, json.dump());
  };
  change(eval_folder(out, scored) / "done.json", [](Json& json) { json["metrics_version"] = 0; });
  change(train_folder(out, trained) / "done.json",
         [](Json& json) { json["identity"]["instruction_set"] = "another"; });
  fs::remove_all(eval_folder(out, trained));
  sweep.finish("older");
  CHECK(adapter_times(out) == adapter_times(expected));
  const std::string name = "predictions.jsonl", done = "done.json";
  CHECK(read_bytes(eval_folder(out, scored) / done) ==
        read_bytes(eval_folder(expected, scored) / done));
  CHECK(read_bytes(eval_folder(out, trained) / name) ==
        read_bytes(eval_folder(expected, trained) / name));
}

TEST_CASE("data that changed under a sweep goes under no old name") {
  SmallSweep sweep;
  sweep.finish("out");
  const fs::path out = sweep.out("out");
  const Json trial = trial_of(out, "tuned", "pick");
  const std::string rows = database_rows(out);
  const std::string data = read_bytes(sweep.data("pick_dev.jsonl"));
  write_file_atomically(sweep.data("pick_dev.jsonl"), data + data.substr(0, data.find('\n') + 1));
  remove_database(out);
  const ProgramResult collected = run_program({"collect", out.string()});
  INFO(collected.err);
  CHECK(collected.exit_code == 1);
  CHECK_THAT(collected.err, Catch::Contains("has changed since it was scored"));
  fs::remove_all(eval_folder(out, trial));
  const ProgramResult result =
      run_program({"trial", out.string(), trial.at("id").get<std::string>(), "--threads", "1"});
  INFO(result.err);
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.err, Catch::Contains("score.file changed since the sweep was started"));
  write_file_atomically(sweep.data("pick_dev.jsonl"), data);
  sweep.finish("out");
  CHECK(database_rows(out) == rows);
}

TEST_CASE("a plan of a sweep that is damaged remarks on it and leaves it as it is") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("plan of damage");
  const fs::path out = sweep.out("plan of damage");
  const fs::path done = eval_folder(out, trial_of(out, "tuned", "write")) / "done.json";
  const fs::path errors = eval_folder(out, trial_of(out, "wide", "pick")) / "errors.json";
  truncate(done);
  fs::remove(errors.parent_path() / "done.json");
  write_file_atomically(errors, "[");
  const std::vector<std::string> names = names_below(out);
  const ProgramResult plan = sweep.run("plan of damage", {"--dry-run"});
  INFO(plan.err);
  CHECK(plan.exit_code == 0);
  for (const fs::path& file : {done, errors}) CHECK_THAT(plan.out, Catch::Contains(file.string()));
  CHECK_THAT(plan.out, Catch::Contains("`run` mends it"));
  int remarks = 0, pending = 0;
  for (const Json& line : json_lines(sweep.run("plan of damage", {"--dry-run", "--json"}))) {
    remarks += line.contains("remark");
    pending += line.at("state") == "pending";
  }
  CHECK(remarks == 2);
  CHECK(pending == 2);
  CHECK(names_below(out) == names);
}
