// What of a finished sweep is in its database.
#include <catch2/catch.hpp>

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <sstream>

#include "common/files.h"
#include "results/query.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace fs = std::filesystem;

namespace {

std::vector<std::string> texts(const fs::path& out, const std::string& question) {
  std::vector<std::string> found;
  for (const Row& row : ResultsReader({out}).rows(question))
    found.push_back(std::get<std::string>(row[0]));
  return found;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

}  // namespace

TEST_CASE("a task that gets another name has it in the database too") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("renamed_task");
  const fs::path out = sweep.out("renamed_task"), file = sweep.path() / "renamed_task.yaml";
  std::string text = replaced(read_text_file(sweep.file()), "  write:\n", "  note:\n");
  write_file_atomically(file, replaced(text, "tasks: write}", "tasks: note}"));
  const ProgramResult again =
      run_program({"run", file.string(), "--dir", out.string(), "--workers", "1", "--json"});
  INFO(again.err);
  REQUIRE(again.exit_code == 0);
  CHECK(json_lines(again).back().at("already_done") == SmallSweep::kTrials);
  CHECK(texts(out, "SELECT DISTINCT task FROM trials ORDER BY 1") ==
        std::vector<std::string>{"note", "pick"});
}

TEST_CASE("a folder takes its sweep under another name, and no other sweep") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("renamed");
  const fs::path out = sweep.out("renamed");
  const std::string manifest = read_text_file(out / "sweep.json");
  check_refused(sweep.run("renamed", {"name=other", "groups=[{method: adapter_h, lr: tuned}]",
                                      "--device", "cpu"}),
                "is the folder of sweep 'small', and sweep 'other' would keep nothing of it; give "
                "another --dir, or name=small if this is that sweep, changed");
  CHECK(read_text_file(out / "sweep.json") == manifest);
  CHECK(texts(out, "SELECT DISTINCT sweep FROM trials") == std::vector<std::string>{"small"});
  const ProgramResult renamed = sweep.run("renamed", {"name=other", "--json"});
  INFO(renamed.err);
  REQUIRE(renamed.exit_code == 0);
  CHECK(json_lines(renamed).back().at("already_done") == SmallSweep::kTrials);
  CHECK(texts(out, "SELECT DISTINCT sweep FROM trials") == std::vector<std::string>{"other"});
}

TEST_CASE("a folder keeps the results of its base, wherever that lies, and takes no other base") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("rebased");
  const fs::path out = sweep.out("rebased");
  const std::string manifest = read_text_file(out / "sweep.json");
  const std::vector<std::string> trials = texts(out, "SELECT trial FROM trials ORDER BY 1");
  TextModel other;
  other.folder().change_config([](Json& config) { config["rms_norm_eps"] = 2e-5; });
  const ProgramResult refused = sweep.run("rebased", {"base=" + other.path(), "--device", "cpu"});
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, Catch::Contains("holds results of sweep 'small' on the base ") &&
                              Catch::Contains(", and with " + other.path() +
                                              " it would keep none of them; give another --dir"));
  CHECK(read_text_file(out / "sweep.json") == manifest);
  CHECK(texts(out, "SELECT trial FROM trials ORDER BY 1") == trials);
  const TextModel moved;
  const ProgramResult same = sweep.run("rebased", {"base=" + moved.path(), "--json"});
  INFO(same.err);
  REQUIRE(same.exit_code == 0);
  CHECK(json_lines(same).back().at("already_done") == SmallSweep::kTrials);
}

TEST_CASE(
    "a start that is given is stored with all trials of its group, of the seed that it is too") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("given_start");
  sweep.finish("given_start", {"groups.1.init_seed=1", "report=false"});
  const fs::path out = sweep.out("given_start");
  CHECK(texts(out,
              "SELECT c.value FROM config c JOIN trials t USING (trial) WHERE t.grp = 'wide' AND "
              "c.key = 'init_seed'") == std::vector<std::string>{"1", "1"});
  CHECK(texts(out, "SELECT DISTINCT setting FROM trials WHERE grp = 'wide'").size() == 1);
}

TEST_CASE("what was read stands beside each result") {
  const fs::path out = shared_sweep().out("undisturbed");
  CHECK(texts(out, "SELECT DISTINCT value FROM environment WHERE key = 'train_examples'") ==
        std::vector<std::string>{"12"});
  const Json trial = trial_of(out, "wide", "pick");
  const Json done = read_json_file(eval_folder(out, trial) / "done.json");
  const Json& read = done.at("read").at("data");
  CHECK(read.at("examples") == 6);
  CHECK(read.at("left_out") == 0);
  CHECK(read.at("prompts_cut") == 0);
  CHECK(read.at("files").at(0).at("sha256").get<std::string>().size() == 64);
}

TEST_CASE("training examples that were left out count among those that there are") {
  const SmallSweep sweep;
  std::istringstream file(read_text_file(sweep.data("write_train.jsonl")));
  std::vector<Json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
  std::string longer;  // than the context
  for (int i = 0; i < 300; ++i) longer += " it is rain";
  for (const std::size_t i : {3, 7}) lines.at(i)["target"] = longer;
  write_file_atomically(sweep.data("write_train.jsonl"), to_lines(lines));
  sweep.finish("left_out", {"groups=[{name: own, method: lora, rank: 2, tasks: write}]",
                            "analysis={}", "training.steps=2", "seeds=[1]"});
  const fs::path out = sweep.out("left_out");
  const Json done = read_json_file(train_folder(out, trial_of(out, "own", "write")) / "done.json");
  CHECK(done.at("read").at("data").at("examples") == 10);
  const auto stored = [&](const std::string& key) {
    return texts(out, "SELECT DISTINCT value FROM environment WHERE key = '" + key + "'");
  };
  CHECK(stored("train_examples") == std::vector<std::string>{"12"});
  CHECK(stored("train_left_out") == std::vector<std::string>{"2"});
}

TEST_CASE("what trained stands beside each result, whatever scored it later") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("trained_before");
  const fs::path out = sweep.out("trained_before");
  const Json trial = trial_of(out, "wide", "pick");
  const fs::path training = train_folder(out, trial) / "environment.json";
  const auto facts = [&](const std::string& trained) {
    return texts(out, "SELECT key || '=' || value FROM environment WHERE trial = '" +
                          trial.at("id").get<std::string>() + "' AND key IN ('" + trained +
                          "processor', '" + trained + "threads', '" + trained + "onednn', '" +
                          trained + "program', '" + trained + "compiler') ORDER BY 1");
  };
  const auto collect = [&] {
    REQUIRE(run_program({"collect", out.string(), "--again"}).exit_code == 0);
  };
  const std::vector<std::string> trained = facts("train_"), scored = facts("");
  REQUIRE(trained.size() == 5);
  for (std::size_t i = 0; i < trained.size(); ++i) CHECK(trained[i] == "train_" + scored.at(i));
  CHECK(read_json_file(training).at("threads") == "1");
  CHECK(texts(out, "SELECT DISTINCT value FROM environment WHERE key = 'metrics_version'").size() ==
        1);

  // Scored again on another machine, as when score.limit changes.
  const fs::path environment = eval_folder(out, trial) / "environment.json";
  Json there = read_json_file(environment);
  for (const char* key : {"processor", "threads", "onednn"}) there[key] = "another";
  there.erase("check");
  write_file_atomically(environment, there.dump(1) + "\n");
  collect();
  CHECK(facts("train_") == trained);
  CHECK(facts("") != scored);
  REQUIRE(run_program({"report", out.string(), "--no-png"}).exit_code == 0);
  CHECK_THAT(read_text_file(out / "report/report.md"),
             Catch::Contains("These trials mix machines: onednn, processor differ."));

  // An older program's training.
  fs::remove(training);
  collect();
  CHECK(facts("train_").empty());
  CHECK(texts(out, "SELECT value FROM environment WHERE key = 'train_backend' AND trial = '" +
                       trial.at("id").get<std::string>() + "'") == std::vector<std::string>{"cpu"});
}

TEST_CASE("the rate that was trained with is stored, though its tuning chooses another now") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("other_rate");
  const fs::path out = sweep.out("other_rate");
  const Json trial = trial_of(out, "tuned", "write");
  const std::string id = trial.at("id");
  const std::string rates =
      "SELECT trial || ' ' || value FROM config WHERE key = 'tuned.lr' ORDER BY 1";
  const std::vector<std::string> before = texts(out, rates);
  const std::string trained =
      texts(out, "SELECT value FROM config WHERE key = 'tuned.lr' AND trial = '" + id + "'").at(0);
  // As if the other rate's run had been made again and ended with a lower loss.
  std::string chosen;
  for (const Json& run : trials_of(out)) {
    const Json& runs = trial.at("tuning_trials");
    if (std::find(runs.begin(), runs.end(), run.at("id")) == runs.end()) continue;
    const std::string rate =
        texts(out, "SELECT value FROM config WHERE key = 'settings.lr' AND trial = '" +
                       run.at("id").get<std::string>() + "'")
            .at(0);
    if (std::stod(rate) == std::stod(trained)) continue;
    chosen = rate;
    const fs::path file = eval_folder(out, run) / "done.json";
    Json done = read_json_file(file);
    done.at("metrics").at("nll").at("value") = 0.0;
    done.erase("check");
    write_file_atomically(file, done.dump(1) + "\n");
  }
  REQUIRE_FALSE(chosen.empty());
  // It is said for as long as it is so.
  for (int i = 0; i < 2; ++i) {
    const ProgramResult result = run_program({"collect", out.string(), "--json"});
    INFO(result.err);
    CHECK(result.exit_code == 1);
    std::string of_trial;
    const Json problems = Json::parse(result.out).at("problems");
    for (const Json& problem : problems)
      if (problem.get<std::string>().starts_with("trial " + id)) of_trial = problem;
    CHECK_THAT(of_trial, Catch::Contains("was trained at the learning rate " + trained) &&
                             Catch::Contains("its tuning runs choose ") &&
                             Catch::Contains("run the sweep again"));
    CHECK(texts(out, rates) == before);
  }
}

TEST_CASE("trials are counted as collected though an analysis of theirs has a problem") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("one_altered");
  const fs::path out = sweep.out("one_altered");
  const Json trial = trial_of(out, "wide", "pick");
  const fs::path weights = train_folder(out, trial) / "adapter" / "adapter_model.safetensors";
  std::string bytes = read_bytes(weights);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file_atomically(weights, bytes);
  const ProgramResult result = run_program({"collect", out.string(), "--again", "--json"});
  INFO(result.err);
  CHECK(result.exit_code == 1);
  REQUIRE(result.out_lines().size() == 1);
  const Json line = Json::parse(result.out);
  CHECK(line.at("trials") == SmallSweep::kTrials);
  REQUIRE_FALSE(line.at("problems").empty());
  CHECK_THAT(line.at("problems").back().get<std::string>(), Catch::Contains("by its SHA-256"));
  CHECK_THAT(result.err,
             Catch::Contains(std::to_string(SmallSweep::kTrials) + " trials collected"));
}

TEST_CASE("a sweep's folder whose name is no UTF-8 is told of in JSON") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("odd\xff");
  const Json end = json_lines(sweep.run("odd\xff", {"--json"})).back();
  CHECK(end.at("database") == (sweep.out("odd\xef\xbf\xbd") / "results.db").string());
  CHECK(end.at("already_done") == SmallSweep::kTrials);
}

TEST_CASE("a database that cannot be made again is kept") {
  SmallSweep sweep;
  sweep.finish("kept");
  const fs::path out = sweep.out("kept");
  const std::string rows = database_rows(out);
  const auto again = [&] { return run_program({"collect", out.string(), "--again", "--json"}); };
  // What each of them is needed for, when it has moved away.
  const std::pair<fs::path, const char*> moved[] = {
      {sweep.path() / "data", "lack the examples of trial "},
      {fs::path(sweep.model().path()), "lack the analysis of trial "},
      {out / "trials", "the results of trial "}};
  for (const auto& [path, lost] : moved) {
    INFO(path);
    const fs::path away = path.string() + "-away";
    fs::rename(path, away);
    const ProgramResult result = again();
    fs::rename(away, path);
    INFO(result.err);
    CHECK(result.exit_code == 1);
    const std::string problem = Json::parse(result.out).at("problems").back();
    CHECK_THAT(problem, Catch::Contains("results.db' is kept as it was") && Catch::Contains(lost));
    CHECK(database_rows(out) == rows);
    for (const char* ending : {"", "-wal", "-shm"})
      CHECK_FALSE(fs::exists(out / (std::string("results.db.new") + ending)));
  }
  CHECK(again().exit_code == 0);
  CHECK(database_rows(out) == rows);
  CHECK_FALSE(fs::exists(out / "results.db.new"));
}

TEST_CASE("scores are stored though the scored data has moved, and its texts when it is back") {
  const SmallSweep sweep;
  sweep.finish("moved");
  const fs::path out = sweep.out("moved"), data = sweep.path() / "data";
  const std::string rows = database_rows(out);
  const std::string scores = "SELECT trial || metric || coalesce(value, '') FROM scores ORDER BY 1";
  const std::vector<std::string> values = texts(out, scores);
  remove_database(out);
  fs::rename(data, sweep.path() / "data-away");
  const ProgramResult moved = run_program({"collect", out.string(), "--json"});
  fs::rename(sweep.path() / "data-away", data);
  INFO(moved.err);
  CHECK(moved.exit_code == 1);
  CHECK(Json::parse(moved.out).at("trials") == SmallSweep::kTrials);
  CHECK_THAT(moved.err, Catch::Contains("stored without the examples' prompts and references"));
  CHECK(texts(out, scores) == values);
  CHECK(texts(out, "SELECT dataset FROM datasets").empty());
  REQUIRE(run_program({"collect", out.string()}).exit_code == 0);
  CHECK(database_rows(out) == rows);
}

TEST_CASE("a trial that cannot be read is missing from its mean in a new database too") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("unread");
  const fs::path out = sweep.out("unread");
  const Json trial = trial_of(out, "wide", "pick");
  write_file_atomically(eval_folder(out, trial) / "done.json", "[");
  const auto collect = [&] { return run_program({"collect", out.string()}).exit_code; };
  const std::string state =
      "SELECT state FROM trials WHERE trial = '" + trial.at("id").get<std::string>() + "'";
  const std::string missing =
      "SELECT DISTINCT missing || ' of ' || (n + missing) FROM means WHERE grp = 'wide'";
  // What is stored stays.
  CHECK(collect() == 1);
  CHECK(texts(out, state) == std::vector<std::string>{"done"});
  remove_database(out);
  CHECK(collect() == 1);
  CHECK(texts(out, state) == std::vector<std::string>{"pending"});
  CHECK(texts(out, missing) == std::vector<std::string>{"1 of 2"});
}

TEST_CASE("a database that takes no data set is at fault itself, and not the data") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("no_datasets");
  const fs::path out = sweep.out("no_datasets");
  {
    SQLite::Database hand((out / "results.db").string(), SQLite::OPEN_READWRITE);
    hand.exec(
        "DELETE FROM dataset; UPDATE trial SET stamp = ''; CREATE TRIGGER no_more BEFORE INSERT ON "
        "dataset BEGIN SELECT RAISE(ABORT, 'no more of them'); END");
  }
  const ProgramResult result = run_program({"collect", out.string(), "--json"});
  INFO(result.err);
  CHECK(result.exit_code == 1);
  const std::string problems = Json::parse(result.out).at("problems").dump();
  CHECK_THAT(problems, Catch::Contains("results.db': no more of them") &&
                           !Catch::Contains("stored without the examples"));
}

TEST_CASE("what the command line changed in a sweep file stands in the database and the report") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("overridden");
  sweep.finish("overridden", {"seeds=[1]", "report=false"});
  const fs::path out = sweep.out("overridden");
  const std::string head =
      "# Given on the command line, in place of what the file below says:\n# seeds=[1]\n"
      "# report=false\n\n";
  const std::string text = texts(out, "SELECT file_text FROM sweep").at(0);
  CHECK(text == head + read_text_file(sweep.file()));
  REQUIRE(run_program({"report", out.string()}).exit_code == 0);
  CHECK_THAT(read_text_file(out / "report/report.html"), Catch::Contains("# seeds=[1]"));
  // Without them the file stands as it is.
  CHECK(texts(sweep.out("undisturbed"), "SELECT file_text FROM sweep").at(0) ==
        read_text_file(sweep.file()));
}
