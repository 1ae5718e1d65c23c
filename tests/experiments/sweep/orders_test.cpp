// Together equals alone: workers, threads, order and place change no result; and a sweep that is
// changed starts only what changed.
#include <catch2/catch.hpp>

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <set>

#include "common/files.h"
#include "experiments/file_hashes.h"
#include "experiments/sweep/sweep_file.h"
#include "experiments/sweep/trial.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

// What `run --json` says at its end.
Json run_json(const SmallSweep& sweep, const std::string& name,
              const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = more;
  words.push_back("--json");
  return json_lines(sweep.run(name, words)).back();
}

std::string status_of(const fs::path& out) {
  const ProgramResult result = run_program({"status", out.string(), "--json"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return result.out;
}

}  // namespace

TEST_CASE("workers, threads and the order of trials change no result") {
  SmallSweep& sweep = shared_sweep();
  sweep.finish("one", {"--workers", "1", "--threads", "2"});
  check_results(sweep.out("one"), sweep.out("undisturbed"));
  sweep.finish("reversed", {"--workers", "3", "--shortest-first"});
  check_results(sweep.out("reversed"), sweep.out("undisturbed"));
}

TEST_CASE("trials that a worker trains together change no result") {
  SmallSweep& sweep = shared_sweep();
  sweep.finish("packed", {"--workers", "1", "--pack-trials", "8"});
  check_results(sweep.out("packed"), sweep.out("undisturbed"));
  const auto marked = [&](const std::string& run) {
    return run_program({"query", sweep.out(run).string(),
                        "SELECT count(*) > 0 AS packed FROM timings WHERE name = "
                        "'trained_together' AND value > 1",
                        "--format", "csv"})
        .out;
  };
  CHECK(marked("packed") == "packed\r\n1\r\n");
  CHECK(marked("undisturbed") == "packed\r\n0\r\n");
  // What is trained, and waits for its evaluation alone, keeps what it cost.
  copy_undisturbed("trained");
  for (const Json& trial : trials_of(sweep.out("trained")))
    fs::remove(eval_folder(sweep.out("trained"), trial) / "done.json");
  sweep.finish("trained", {"--workers", "1", "--pack-trials", "8"});
  CHECK(marked("trained") == "packed\r\n0\r\n");
  sweep.finish("packs", {"--workers", "2", "--pack-trials", "3", "--shortest-first"});
  check_results(sweep.out("packs"), sweep.out("undisturbed"));
}

TEST_CASE(
    "trials given to one process take their steps in turn, and one that fails harms no other") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("pack");
  const fs::path out = sweep.out("pack");
  std::vector<std::string> ids;
  for (const Json& trial : trials_of(out)) {
    if (trial.at("config").at("method") != "lora" || trial.at("config").at("role") != "scored" ||
        !fs::exists(train_folder(out, trial) / "adapter") || ids.size() == 2)
      continue;
    ids.push_back(trial.at("id"));
    fs::remove_all(train_folder(out, trial));
    fs::remove_all(eval_folder(out, trial));
  }
  REQUIRE(ids.size() == 2);
  const ProgramResult result = run_program({"trial", out.string(), ids[0], ids[1], "--json"});
  INFO(result.err);
  CHECK(result.exit_code == 0);
  std::vector<std::string> trained;
  for (const Json& event : json_lines(result))
    if (event.value("phase", "") == "training") trained.push_back(event.at("trial"));
  // The second begins before the first has ended.
  const auto second = std::ranges::find(trained, ids[1]);
  REQUIRE(second != trained.end());
  CHECK(std::find(second, trained.end(), ids[0]) != trained.end());
  check_results(out, sweep.out("undisturbed"));
  CHECK(run_program({"trial", out.string(), ids[0], "no such trial"}).exit_code == 2);
}

TEST_CASE("a trial that is named twice to one process is run once") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("twice");
  const fs::path out = sweep.out("twice");
  const Json trial = trial_of(out, "tuned", "write");
  const std::string id = trial.at("id");
  for (const auto& [one, other] : {std::pair(id, id), {id.substr(0, 20), id.substr(0, 12)}}) {
    INFO(one + " " + other);
    fs::remove_all(train_folder(out, trial));
    const std::vector<Json> events =
        json_lines(run_program({"trial", out.string(), one, other, "--json"}));
    CHECK(std::ranges::count_if(events, [](const Json& e) { return e.contains("state"); }) == 1);
    check_results(out, sweep.out("undisturbed"));
  }
}

TEST_CASE("trials of one process that share an adapter have the results that they have alone") {
  SmallSweep sweep;
  // One training under two evaluations, and another training beside it.
  const std::string task =
      ":\n    task: own\n    train: {data: data/write_train.jsonl, limit: 12}\n"
      "    score: {data: data/write_dev.jsonl, limit: 6, max_new: ";
  write_file_atomically(sweep.file(),
                        "name: shared\nbase: " + sweep.model().path() + "\ntasks:\n  short" + task +
                            "3}\n  long" + task +
                            "8}\n"
                            "training: {batch: 4, steps: 6, lr: 1e-3}\n"
                            "groups:\n"
                            "  - {name: low, method: lora, rank: 2}\n"
                            "  - {name: other, method: lora, rank: 3, tasks: short}\n");
  sweep.finish("alone", {"--workers", "1"});
  const fs::path alone = sweep.out("alone"), out = sweep.out("together");
  const Json one = trial_of(alone, "low", "short"), two = trial_of(alone, "low", "long");
  const Json other = trial_of(alone, "other", "short");
  REQUIRE(one.at("train_hash") == two.at("train_hash"));
  REQUIRE(one.at("eval_hash") != two.at("eval_hash"));
  REQUIRE(one.at("train_hash") != other.at("train_hash"));
  for (const std::vector<Json>& named : {std::vector<Json>{one, two}, {two, other, one}}) {
    INFO(named.size());
    fs::remove_all(out);
    fs::copy(alone, out, fs::copy_options::recursive);
    std::vector<std::string> words{"trial", out.string(), "--json"};
    for (const Json& trial : named) {
      fs::remove_all(train_folder(out, trial));
      words.push_back(trial.at("id"));
    }
    const ProgramResult result = run_program(words);
    INFO(result.err);
    CHECK(result.exit_code == 0);
    check_results(out, alone);
  }
}

TEST_CASE("a finished sweep is run again, collected again and moved without a change") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("moved");
  const fs::path out = sweep.out("moved"), expected = sweep.out("undisturbed");
  const Json again = run_json(sweep, "moved");
  CHECK(again.at("already_done") == SmallSweep::kTrials);
  CHECK(again.at("done") == 0);
  CHECK(again.at("diverged") == 0);
  CHECK(adapter_times(out) == adapter_times(expected));

  const std::string rows = database_rows(expected);
  remove_database(out);
  REQUIRE(run_program({"collect", out.string()}).exit_code == 0);
  CHECK(database_rows(out) == rows);

  const fs::path there = sweep.path() / "elsewhere" / "renamed";
  fs::create_directories(there.parent_path());
  fs::rename(out, there);
  CHECK(run_json(sweep, "elsewhere/renamed").at("already_done") == SmallSweep::kTrials);
  check_results(there, expected);
  CHECK(adapter_times(there) == adapter_times(expected));
}

TEST_CASE("a sweep that is changed starts only what changed") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("changed");
  const fs::path out = sweep.out("changed");
  const auto adapters = adapter_times(out);

  // More scored examples: everything is evaluated again, and nothing trained.
  const Json scored = run_json(sweep, "changed", {"tasks.pick.score.limit=8"});
  CHECK(scored.at("done").get<int>() + scored.at("diverged").get<int>() == 10);
  CHECK(adapter_times(out) == adapters);

  // One seed more: two ranks and two tasks, and a run each of `wide`, `best` and `shuffled`.
  const Json seeded = run_json(sweep, "changed", {"seeds=[1,2,3]"});
  CHECK(seeded.at("done") == 7);
  CHECK(seeded.at("already_done") == SmallSweep::kTrials);
  for (const auto& [name, time] : adapters) CHECK(adapter_times(out).at(name) == time);

  // Another rate of one group: its trials alone, and `status` says why they are new.
  const ProgramResult stopped = run_program({"run", sweep.file().string(), "--dir", out.string(),
                                             "--dry-run", "--json", "groups.1.lr=2e-3"});
  const std::vector<Json> plan = json_lines(stopped);
  CHECK(std::ranges::count_if(plan, [](const Json& t) { return t.at("state") == "pending"; }) == 2);
  const Json rated = run_json(sweep, "changed", {"groups.1.lr=2e-3"});
  CHECK(rated.at("done") == 2);
  CHECK(rated.at("already_done") == SmallSweep::kTrials - 2);

  // What the file no longer asks for is named, and there when it does again.
  const ProgramResult back = sweep.run("changed", {"--json"});
  CHECK_THAT(back.err, Catch::Contains("trainings that this file no longer asks for stay in"));
  CHECK(json_lines(back).back().at("already_done") == SmallSweep::kTrials);
  for (const Json& line : json_lines(run_program({"status", out.string(), "--json"}))) {
    INFO(line.dump());
    CHECK((line.at("state") != "done" || !line.at("metrics").empty()));
  }
}

TEST_CASE("no two templates make one trial") {
  const auto id_of = [](const std::string& form) {
    const Sweep sweep =
        read_sweep(shared_sweep().file(), std::vector{"tasks.write.template=" + form});
    FileHashes hashes;
    for (const Trial& trial : name_trials(sweep, hashes))
      if (!trial.trains() && trial.config.task.name == "write") return trial.id();
    return std::string();
  };
  const std::vector<std::string> forms = {R"({prompt: "{prompt}", truncate: ["prompt:end:words"]})",
                                          R"({prompt: "{prompt}\ntruncate=prompt:end:words"})",
                                          R"({prompt: "{prompt}\n\\truncate=prompt:end:words"})"};
  std::set<std::string> ids;
  for (const std::string& form : forms) ids.insert(id_of(form));
  CHECK(ids.size() == forms.size());
  CHECK_FALSE(ids.contains(""));
}

TEST_CASE("a seed of its own that is the trial's seed anyway makes no other trial") {
  const auto id_of = [](std::vector<std::string> changes) {
    changes.emplace_back("groups.1.seeds=[1]");
    const Sweep sweep = read_sweep(shared_sweep().file(), changes);
    FileHashes hashes;
    for (const Trial& trial : name_trials(sweep, hashes))
      if (trial.config.group == "wide") return trial.id();
    return std::string();
  };
  const std::string id = id_of({});
  REQUIRE_FALSE(id.empty());
  CHECK(id_of({"groups.1.init_seed=1"}) == id);
  CHECK(id_of({"groups.1.data_seed=1"}) == id);
  CHECK(id_of({"groups.1.init_seed=1", "groups.1.data_seed=1"}) == id);
  const std::set<std::string> others = {id, id_of({"groups.1.init_seed=2"}),
                                        id_of({"groups.1.data_seed=2"})};
  CHECK(others.size() == 3);
}

TEST_CASE("status names the key that made a trial new") {
  SmallSweep sweep;
  sweep.finish("out");
  const auto remarks_after = [&](const std::vector<std::string>& change) {
    // Where the database is another program's no trial is run; their names are in sweep.json by
    // then.
    remove_database(sweep.out("out"));
    SQLite::Database((sweep.out("out") / "results.db").string(),
                     SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
        .exec("CREATE TABLE other (x)");
    CHECK(sweep.run("out", change).exit_code == 2);
    return status_of(sweep.out("out"));
  };
  CHECK_THAT(remarks_after({"groups.2.lr=5e-3"}),
             Catch::Contains("new: settings.lr changed since"));
  const std::string line = Json({{"id", "more"}, {"prompt", "A"}, {"target", " b"}}).dump() + "\n";
  write_file_atomically(sweep.data("write_train.jsonl"),
                        read_bytes(sweep.data("write_train.jsonl")) + line);
  CHECK_THAT(remarks_after({}), Catch::Contains("train.file"));
  sweep.model().folder().change_config([](Json& config) { config["rms_norm_eps"] = 2e-5; });
  CHECK_THAT(remarks_after({}), Catch::Contains("model changed since"));
}
