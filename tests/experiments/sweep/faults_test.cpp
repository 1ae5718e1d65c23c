// Faults around a running sweep: full disks, folders that cannot be written, other coordinators,
// stopped workers, trials that fail, and Ctrl-C.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "common/files.h"
#include "tests/experiments/sweep/running_program.h"
#include "tests/experiments/sweep/small_sweep.h"
#include "tests/experiments/trials/trial_here.h"
#include "tests/skip.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

int finished_trials(const fs::path& out) {
  return fs::exists(out / "sweep.json") ? finished(out, trials_of(out)) : 0;
}

std::vector<Json> query(const fs::path& out, const std::string& text) {
  return json_lines(run_program({"query", out.string(), text, "--format", "json"}));
}

// Trials long enough that none comes to its end before a signal.
const char* const kLong = "groups=[{name: long, method: lora, steps: 100000, tasks: write}]";

// By what `status` says; 0 where the trial has no resume point.
int saved_step(const fs::path& out, const Json& trial) {
  for (const Json& line : json_lines(run_program({"status", out.string(), "--json"})))
    if (line.at("trial") == trial.at("id")) return line.value("saved_step", 0);
  return 0;
}

// How many of the signals that ask to stop were sent to the process and did not reach it yet.
int pending_signals(pid_t process) {
  const std::string bits = status_line(process, "ShdPnd");
  if (bits.empty()) return 0;
  const auto all = static_cast<std::uint64_t>(std::stoull(bits, nullptr, 16));
  int count = 0;
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) count += (all >> (signal - 1)) & 1;
  return count;
}

// A process that has ended and that nobody waited for counts as ended.
bool is_running(pid_t process) {
  const std::string state = status_line(process, "State");
  return !state.empty() && state.find('Z') == std::string::npos;
}

}  // namespace

TEST_CASE("a sweep on a full disk says so and goes on when there is room") {
  SmallSweep& sweep = shared_sweep();
  const fs::path adapter =
      train_folder(sweep.out("undisturbed"), trial_of(sweep.out("undisturbed"), "best", "write")) /
      "adapter/model.safetensors";
  // The full fine-tuning's files do not fit; then not even sweep.json.
  for (const std::uint64_t limit : {fs::file_size(adapter) - 1, std::uintmax_t{4096}}) {
    INFO(limit);
    const ProgramResult full = sweep.run("full", {}, {.file_size_limit = limit});
    INFO(full.err);
    CHECK(full.exit_code == 3);
    CHECK(full.signal == 0);
    CHECK_THAT(full.err_lines().back(), Catch::StartsWith("rankscope: "));
    CHECK_THAT(full.err_lines().back(), Catch::Contains("cannot write"));
  }
  const int finished = finished_trials(sweep.out("full"));
  const auto adapters = adapter_times(sweep.out("full"));
  sweep.finish("full");
  CHECK(finished_trials(sweep.out("full")) == SmallSweep::kTrials);
  CHECK(finished < SmallSweep::kTrials);
  const auto after = adapter_times(sweep.out("full"));
  for (const auto& [name, time] : adapters) CHECK(after.at(name) == time);
  check_results(sweep.out("full"), sweep.out("undisturbed"));
}

TEST_CASE("a folder that cannot be written is refused in a line") {
  SmallSweep sweep;
  // A file where the folder should be.
  write_file_atomically(sweep.out("file"), "");
  check_refused(sweep.run("file"), "give another --dir");
  check_refused(sweep.run("file/below"), "give another --dir");
  // Nobody may read the base and the data, and write nothing.
  fs::permissions(sweep.path(), fs::perms(0755));
  fs::permissions(fs::path(sweep.model().path()), fs::perms(0755));
  fs::create_directories(sweep.out("read-only"));
  fs::permissions(sweep.out("read-only"), fs::perms(0555));
  const ProgramResult result = sweep.run("read-only", {}, {.as_nobody = true});
  if (result.exit_code == 126 || result.exit_code == 127)
    RANKSCOPE_SKIP("the program cannot be run as nobody");
  check_refused(result, "cannot write");
  // Another user's lock can be taken, and nothing be written beside it.
  write_file_atomically(sweep.out("read-only") / kLockFile, "");
  check_refused(sweep.run("read-only", {}, {.as_nobody = true}),
                "Permission denied; see who may write in '" + sweep.out("read-only").string() +
                    "', or give another --dir");
  fs::permissions(sweep.out("read-only"), fs::perms(0755));
}

TEST_CASE("what may not be read is named, and is neither missing nor damaged") {
  SmallSweep sweep;
  sweep.finish("closed");
  const fs::path out = sweep.out("closed");
  const Json trial = trial_of(out, "wide", "pick");
  for (const fs::path& path : {sweep.path(), fs::path(sweep.model().path())})
    fs::permissions(path, fs::perms(0755));
  // The folder is nobody's own.
  for (const auto& entry : fs::recursive_directory_iterator(out))
    fs::permissions(entry.path(), entry.is_directory() ? fs::perms(0777) : fs::perms(0666));
  fs::permissions(out, fs::perms(0777));
  const std::string rows = database_rows(out);
  const auto names_of_trials = [&] { return names_below(out / "trials"); };
  const std::pair<fs::path, fs::perms> closed[] = {
      {out / "trials", fs::perms(0777)},
      {train_folder(out, trial), fs::perms(0777)},
      {eval_folder(out, trial) / "predictions.jsonl", fs::perms(0666)},
      {eval_folder(out, trial) / "done.json", fs::perms(0666)}};
  const ProgramOptions nobody{.as_nobody = true};
  const ProgramResult open_to_all = run_program({"status", out.string()}, nobody);
  if (open_to_all.exit_code == 126 || open_to_all.exit_code == 127)
    RANKSCOPE_SKIP("the program cannot be run as nobody");
  REQUIRE(open_to_all.exit_code == 0);
  for (const auto& [path, open] : closed) {
    INFO(path);
    fs::permissions(path, fs::perms(0));
    const std::vector<std::string> names = names_of_trials();
    const ProgramResult collected = run_program({"collect", out.string()}, nobody);
    INFO(collected.err);
    // Rows that are there stay; only what changed since is read again.
    CHECK((collected.exit_code == 1 || path.filename() == "predictions.jsonl"));
    const ProgramResult result = sweep.run("closed", {}, nobody);
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Catch::Contains("Permission denied"));
    fs::permissions(path, open);
    CHECK(names_of_trials() == names);
    CHECK(database_rows(out) == rows);
  }
}

TEST_CASE("scores of one example have a mean, and no verdict") {
  SmallSweep& sweep = shared_sweep();
  sweep.finish("one-example", {"tasks.pick.score.limit=1", "tasks.write.score.limit=1"});
  const std::string out = sweep.out("one-example").string();
  CHECK(run_program({"claims", out}).exit_code == 0);
  const ProgramResult report = run_program({"report", out});
  INFO(report.err);
  CHECK(report.exit_code == 0);
  const std::vector<Json> trials =
      query(sweep.out("one-example"),
            "SELECT trial FROM trials WHERE grp = 'tuned' AND task = 'pick' AND role = 'scored'");
  const ProgramResult compared =
      run_program({"compare", out, trials[0].at("trial"), trials[1].at("trial")});
  CHECK(compared.exit_code == 2);
  CHECK_THAT(compared.err, Catch::Contains("a comparison needs two at least"));
}

TEST_CASE("verdicts that cannot be printed are no fault of the program's") {
  if (!fs::exists("/dev/full")) RANKSCOPE_SKIP("no /dev/full");
  const ProgramResult result = run_program({"claims", shared_sweep().out("undisturbed").string()},
                                           {.out_file = "/dev/full"});
  CHECK(result.exit_code == 3);
  CHECK_THAT(result.err, Catch::Contains("cannot write to standard output"));
}

TEST_CASE("a second coordinator says who holds the sweep") {
  SmallSweep& sweep = shared_sweep();
  const fs::path out = sweep.out("two");
  // So that the first does not come to its end before the others have been refused.
  auto held = hold(eval_folder(out, trial_of(sweep.out("undisturbed"), "base", "write")));
  RunningProgram first(sweep.words("two"));
  REQUIRE(first.wait_until([&] { return !first.workers().empty(); }));
  first.send(SIGSTOP);
  check_refused(sweep.run("two"), "is being run by process " + std::to_string(first.process()));
  check_refused(run_program({"collect", out.string()}), "is being run");
  CHECK(run_program({"status", out.string()}).exit_code == 0);
  first.send(SIGCONT);
  held.reset();
  INFO(first.output());
  CHECK(first.wait() == 0);
  check_results(out, sweep.out("undisturbed"));
}

TEST_CASE("a worker that stands still while another run starts loses and doubles nothing") {
  SmallSweep& sweep = shared_sweep();
  const fs::path out = sweep.out("stopped");
  const Json trial = trial_of(sweep.out("undisturbed"), "best", "write");
  const fs::path evaluation = eval_folder(out, trial);
  auto training = hold(train_folder(out, trial));
  RunningProgram first(sweep.words("stopped", {"--workers", "1"}));
  // Then the worker holds the trial and waits before its first step.
  REQUIRE(first.wait_until([&] { return fs::exists(evaluation / "eval.json"); }));
  const pid_t worker = first.workers().front();
  REQUIRE(stop_process(worker));
  // To this process the worker falls, instead of one outside the session: such a death would make
  // the system let the worker go on (setpgid(2)).
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  first.send(SIGKILL);
  first.wait();
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
  training.reset();
  const std::string waits = evaluation.filename().string() + "'";
  RunningProgram second(sweep.words("stopped"));
  REQUIRE(second.wait_until(
      [&] { return read_bytes(evaluation / "log.txt").find(waits) != std::string::npos; }));
  ::kill(worker, SIGCONT);
  int status = 0;
  REQUIRE(::waitpid(worker, &status, 0) == worker);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  const int end = second.wait();
  INFO(second.output());
  CHECK(end == 0);
  check_results(out, sweep.out("undisturbed"));
}

TEST_CASE("a trial that always fails is tried three times, and the others go on") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("failing");
  const fs::path out = sweep.out("failing");
  // Without an epsilon LoRA's first update divides nothing by nothing, so that no learning rate is
  // left to take; and a trial of another group that has to be run.
  std::string text = read_text_file(sweep.file());
  const std::string plain = "method: lora, lr: tuned, grid";
  const size_t at = text.find(plain);
  REQUIRE(at != std::string::npos);
  text.replace(at, plain.size(), "method: lora, lr: tuned, epsilon: 0, grid");
  const fs::path file = sweep.path() / "failing.yaml";
  write_file_atomically(file, text);
  fs::remove_all(train_folder(out, trial_of(out, "best", "write")));
  const ProgramResult result = run_program({"run", file.string(), "--dir", out.string(), "--json"});
  INFO(result.err);
  CHECK(result.exit_code == 1);
  const Json end = Json::parse(result.out);
  CHECK(end.at("failed") == 8);
  // That one, and the shuffled group's with a tuning that it shared before.
  CHECK(end.at("done") == 5);
  const std::vector<Json> rows = query(
      out, "SELECT grp, attempts, error FROM trials WHERE state = 'failed' ORDER BY attempts DESC");
  REQUIRE(!rows.empty());
  CHECK(rows[0].at("attempts") == 3);
  for (const Json& row : rows) {
    CHECK(row.at("grp") == "tuned");
    CHECK_THAT(row.at("error").get<std::string>(),
               Catch::Contains("every learning rate of the tuning diverged"));
  }
  CHECK_THAT(run_program({"status", out.string()}).out, Catch::Contains("every learning rate"));
}

TEST_CASE("a trial that diverges is a result and counts as the base") {
  SmallSweep& sweep = shared_sweep();
  const fs::path out = sweep.out("undisturbed");
  const std::vector<Json> wild =
      query(out, "SELECT * FROM trials WHERE grp = 'wild' ORDER BY task");
  REQUIRE(wild.size() == 2);
  for (const Json& trial : wild) {
    CHECK(trial.at("state") == "diverged");
    CHECK(trial.at("diverged_at") > 0);
    CHECK(trial.at("last_finite_loss").is_number());
    CHECK(trial.at("attempts") == 0);
    const std::string id = trial.at("trial"), task = trial.at("task");
    const std::vector<Json> scores = query(
        out, "SELECT metric, value, state FROM scores WHERE trial = '" + id + "' ORDER BY metric");
    std::vector<Json> base = query(out,
                                   "SELECT metric, value FROM scores WHERE grp = 'base' AND "
                                   "task = '" +
                                       task + "' ORDER BY metric");
    for (Json& metric : base) metric["state"] = "base";
    CHECK(!base.empty());
    CHECK(scores == base);
  }
}

TEST_CASE("Ctrl-C once saves, and the next run goes on without doing anything twice") {
  SmallSweep& sweep = shared_sweep();
  const fs::path out = sweep.out("interrupted");
  RunningProgram first(sweep.words("interrupted"));
  REQUIRE(first.wait_until([&] { return finished_trials(out) >= 3; }));
  first.send(SIGINT);
  const int end = first.wait();
  INFO(first.output());
  // The whole sweep may have been done before the signal came.
  CHECK((end == 130 || end == 0));
  const auto adapters = adapter_times(out);
  const int finished = finished_trials(out);
  const Json again = json_lines(sweep.run("interrupted", {"--json"})).back();
  CHECK(again.at("already_done") == finished);
  const auto after = adapter_times(out);
  for (const auto& [name, time] : adapters) CHECK(after.at(name) == time);
  check_results(out, sweep.out("undisturbed"));
}

TEST_CASE("a SIGTERM to the coordinator and its workers saves; a second Ctrl-C ends them all") {
  SmallSweep& sweep = shared_sweep();
  const auto is_training = [](const fs::path& out) {
    return fs::exists(out / "sweep.json") &&
           fs::exists(train_folder(out, trial_of(out, "long", "write")) / "trial.json");
  };
  const auto saved = [](const fs::path& out) {
    return fs::exists(train_folder(out, trial_of(out, "long", "write")) / "state.safetensors");
  };
  for (const bool again : {false, true}) {
    INFO(again);
    const fs::path out = sweep.out(again ? "ended at once" : "all stopped");
    // One seed: the first worker's trial is the long one.
    RunningProgram run(
        sweep.words(out.filename().string(), {kLong, "seeds=[1]", "--workers", "1"}));
    REQUIRE(run.wait_until([&] { return !run.workers().empty() && is_training(out); }));
    const pid_t worker = run.workers().front();
    // While it stands still, both signals reach it before it can save after the first.
    REQUIRE(stop_process(worker));
    if (!again) ::kill(worker, SIGTERM);
    run.send(again ? SIGINT : SIGTERM);
    REQUIRE(run.wait_until([&] { return pending_signals(worker) >= (again ? 1 : 2); }));
    if (again) {
      run.send(SIGINT);
      CHECK(run.wait() == 130);
      // It is asked to stop by its coordinator's death too, and would save, once it went on.
      ::kill(worker, SIGCONT);
      for (int i = 0; i < 60000 && is_running(worker); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      CHECK_FALSE(is_running(worker));
    } else {
      ::kill(worker, SIGCONT);
      CHECK(run.wait() == 130);
    }
    INFO(run.output());
    CHECK(saved(out) == !again);
  }
}

TEST_CASE("a worker whose events nobody takes goes on to its end") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("unheard");
  const fs::path out = sweep.out("unheard");
  const Json trial = trial_of(out, "wide", "pick");
  fs::remove_all(train_folder(out, trial));
  const std::string program = RANKSCOPE_PROGRAM, folder = out.string(), id = trial.at("id");
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  // As the coordinator makes it; full already.
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  const std::string bytes(4096, ' ');
  while (::write(ends[1], bytes.data(), bytes.size()) > 0) {
  }
  const pid_t process = ::fork();
  if (process == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execl(program.c_str(), program.c_str(), "trial", folder.c_str(), id.c_str(), "--threads", "1",
            "--json", nullptr);
    ::_exit(127);
  }
  int status = 0;
  pid_t ended = 0;
  // Ten minutes, as RunningProgram gives.
  for (int i = 0; i < 60000 && ended == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ended = ::waitpid(process, &status, WNOHANG);
  }
  if (ended == 0) {
    ::kill(process, SIGKILL);
    ::waitpid(process, &status, 0);
  }
  for (const int end : ends) ::close(end);
  REQUIRE(ended == process);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  check_results(out, sweep.out("undisturbed"));
}

TEST_CASE("a worker that is killed beside others is no failed attempt: fewer go on") {
  SmallSweep& sweep = shared_sweep();
  const fs::path out = sweep.out("short of memory");
  RunningProgram run(sweep.words("short of memory", {kLong, "--workers", "2"}));
  REQUIRE(run.wait_until([&] { return run.workers().size() == 2; }));
  ::kill(run.workers().front(), SIGKILL);
  const auto says = [&](const char* text) { return run.output().find(text) != std::string::npos; };
  REQUIRE(run.wait_until([&] { return says("going on with 1"); }));
  CHECK_FALSE(says("attempt"));
  // The other one works alone: killed as well, it counts.
  REQUIRE(run.wait_until([&] { return run.workers().size() == 1; }));
  ::kill(run.workers().front(), SIGKILL);
  REQUIRE(run.wait_until([&] { return says("attempt 1 of 3 failed: killed by signal 9"); }));
  run.send(SIGINT);
  CHECK(run.wait() == 130);
}

TEST_CASE("a trial alone that Ctrl-C stops has saved what it trained") {
  SmallSweep& sweep = shared_sweep();
  const fs::path out = sweep.out("alone");
  {
    RunningProgram run(sweep.words("alone", {kLong}));
    REQUIRE(run.wait_until([&] { return !run.workers().empty(); }));
    run.send(SIGINT);
    run.wait();
  }
  fs::remove_all(out / "trials");
  const Json trial = trial_of(out, "long", "write");
  // Events come five times a second, so that it stands still behind its full pipe after some
  // seconds.
  const ProgramResult stopped =
      run_program({"trial", out.string(), trial.at("id"), "--threads", "1", "--json"},
                  {.signal_after_lines = 1, .signal = SIGINT});
  INFO(stopped.err);
  CHECK(stopped.exit_code == 130);
  CHECK(fs::exists(train_folder(out, trial) / "state.safetensors"));
  CHECK(saved_step(out, trial) >= 1);
}

TEST_CASE("an interrupted training goes on from its resume point, or over where that is lost") {
  const std::string stopped = "groups=[{name: stopped, method: lora, steps: 40, tasks: write}]";
  SmallSweep sweep;
  for (const char* name : {"whole", "resumed"}) sweep.finish(name, {stopped});
  const fs::path out = sweep.out("resumed");
  fs::remove_all(out / "trials");
  const Json trial = trial_of(out, "stopped", "write");
  const fs::path folder = train_folder(out, trial);
  stop_training(out, trial, 15);
  CHECK(saved_step(out, trial) == 15);
  const std::string state = read_bytes(folder / "state.safetensors");
  const std::string curve = read_bytes(folder / "curve.jsonl");
  const std::pair<const char*, std::string> damages[] = {
      {"state.safetensors", state}, {"state.safetensors", state.substr(0, state.size() / 2)},
      {"state.safetensors", ""},    {"curve.jsonl", curve.substr(0, curve.size() / 2)},
      {"curve.jsonl", ""},
  };
  for (const auto& [name, bytes] : damages) {
    fs::remove_all(folder);
    fs::create_directories(folder);
    write_file_atomically(folder / "curve.jsonl", curve);
    write_file_atomically(folder / "state.safetensors", state);
    write_file_atomically(folder / name, bytes);
    sweep.finish("resumed", {stopped});
    check_results(out, sweep.out("whole"));
    CHECK_FALSE(fs::exists(folder / "state.safetensors"));
  }
}

TEST_CASE("what the last update makes diverge is a result too, and a tuning that it ruins loses") {
  SmallSweep& sweep = shared_sweep();
  // A first sweep's file with two groups of its own: no loss is computed after the only update.
  const std::vector<std::string> late = {
      "groups=[{name: base, method: none}, {name: late, method: lora, steps: 1, lr: 1e17}]",
      "seeds=[1]"};
  sweep.finish("late", late);
  const std::vector<Json> rows =
      query(sweep.out("late"), "SELECT state, attempts FROM trials WHERE grp = 'late'");
  REQUIRE(rows.size() == 2);
  for (const Json& row : rows) {
    CHECK(row.at("state") == "diverged");
    CHECK(row.at("attempts") == 0);
  }
  CHECK(query(sweep.out("late"), "SELECT DISTINCT state FROM scores WHERE grp = 'late'")
            .at(0)
            .at("state") == "base");
  sweep.finish("late", late);  // nothing is left to do

  sweep.finish("ruined", {"groups=[{name: tuned, method: lora, steps: 4, lr: tuned}]", "seeds=[1]",
                          "tuning={lr: [1e-3, 1e6], steps: 2}"});
  const std::vector<Json> tuned = query(
      sweep.out("ruined"), "SELECT state FROM trials WHERE grp = 'tuned' AND role = 'scored'");
  REQUIRE(tuned.size() == 2);
  for (const Json& row : tuned) CHECK(row.at("state") == "done");
  for (const Json& rate :
       query(sweep.out("ruined"), "SELECT value FROM config WHERE key = 'tuned.lr'"))
    CHECK(rate.at("value") == "0.001");
}

TEST_CASE("a run that cannot write the report that its file asks for does not end well") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("foreign");
  const fs::path out = sweep.out("foreign"), mine = out / "report/thesis.tex";
  fs::create_directories(out / "report");
  write_file_atomically(mine, "years of work");
  const ProgramResult refused = sweep.run("foreign", {"report=true", "--json"});
  INFO(refused.err);
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, Catch::Contains("no report: '") &&
                              Catch::Contains("holds 'thesis.tex', which is no report's"));
  REQUIRE_FALSE(refused.out.empty());
  CHECK(Json::parse(refused.out).at("already_done") == SmallSweep::kTrials);
  CHECK(read_text_file(mine) == "years of work");
  CHECK_FALSE(fs::exists(out / "report/report.html"));
  fs::remove(mine);
  sweep.finish("foreign", {"report=true"});
  CHECK(fs::exists(out / "report/report.html"));
}
