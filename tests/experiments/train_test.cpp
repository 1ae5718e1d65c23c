// `train` as a user runs it: killed, interrupted, out of disk, run again.
#include <catch2/catch.hpp>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "common/error.h"
#include "common/files.h"
#include "common/safetensors.h"
#include "experiments/sweep/trial_checks.h"
#include "experiments/train_session.h"
#include "tests/engine/models/model_folder.h"
#include "tests/error_text.h"
#include "tests/experiments/program.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

// More steps than a pipe that is not read lets pass (program.h), dropout and held-out loss
// included.
constexpr int kSteps = 60;

struct Run {
  std::vector<std::string> arguments;
  fs::path out;

  Run(const fs::path& folder, const std::string& method) : out(folder) {
    const fs::path model = golden_folder("gpt2_tied");
    // The same lines in other bytes: what is trained on is refused, and its loss is known to fall.
    const fs::path held_out = folder.parent_path() / "held_out.jsonl";
    write_file_atomically(held_out, read_bytes(model / "batch.jsonl") + "\n");
    arguments = {"train",
                 "--model",
                 model.string(),
                 "--data",
                 (model / "batch.jsonl").string(),
                 "--eval-data",
                 held_out.string(),
                 "--eval-every",
                 "15",
                 "--method",
                 method,
                 "--set",
                 "batch=3",
                 "--set",
                 "lr=1e-3",
                 "--set",
                 "seed=5",
                 "--steps",
                 std::to_string(kSteps),
                 "--save-every",
                 "4",
                 "--threads",
                 "1",
                 "--out",
                 out.string()};
    if (method == "lora") arguments.insert(arguments.end(), {"--set", "dropout=0.1"});
  }
  ProgramResult operator()(std::initializer_list<std::string> more = {},
                           const ProgramOptions& options = {}) const {
    std::vector<std::string> all = arguments;
    all.insert(all.end(), more.begin(), more.end());
    return run_program(all, options);
  }
};

std::vector<std::string> expected_names(const std::string& method) {
  if (method == "full")
    return {
        "adapter",     "adapter/config.json", "adapter/model.safetensors", "adapter/rankscope.json",
        "curve.jsonl", "done.json",           "environment.json",          "state.safetensors"};
  return {"adapter",
          "adapter/adapter_config.json",
          "adapter/adapter_model.safetensors",
          "adapter/rankscope.json",
          "curve.jsonl",
          "done.json",
          "environment.json",
          "state.safetensors"};
}

int64_t step_of_state(const fs::path& out) {
  return std::stoll(SafetensorsFile(out / "state.safetensors").metadata().at("step"));
}

}  // namespace

TEST_CASE("train writes its files and, run again, does nothing") {
  TemporaryFolder folder;
  const Run run(folder / "run", "lora");
  const ProgramResult first = run({"--json"});
  INFO(first.err);
  REQUIRE(first.exit_code == 0);
  CHECK(names_below(run.out) == expected_names("lora"));

  const std::vector<std::string> lines = first.out_lines();
  REQUIRE(lines.size() == kSteps + 1);
  for (int i = 0; i < kSteps; ++i) {
    const Json line = Json::parse(lines[static_cast<size_t>(i)]);
    CHECK(line.at("step") == i + 1);
    CHECK(line.at("loss") > 0);
    CHECK(line.contains("eval_loss") == ((i + 1) % 15 == 0));
  }
  const Json last = Json::parse(lines.back());
  CHECK(last.at("steps") == kSteps);
  CHECK(last.at("loss") == Json::parse(lines[kSteps - 1]).at("loss"));
  CHECK(last.at("state") == "done");
  for (const char* key :
       {"tokens_per_second", "useful_gflops", "sgemm_gflops", "peak_memory_mib"}) {
    INFO(key);
    CHECK(last.at(key) > 0);
  }
  // Training happened.
  CHECK(Json::parse(lines[kSteps - 1]).at("eval_loss") < Json::parse(lines[14]).at("eval_loss"));

  const std::string adapter = read_bytes(run.out / "adapter/adapter_model.safetensors");
  const fs::file_time_type written = fs::last_write_time(run.out / "done.json");
  const ProgramResult again = run({"--json"});
  CHECK(again.exit_code == 0);
  REQUIRE(again.out_lines().size() == 1);
  CHECK(Json::parse(again.out).at("steps") == kSteps);
  CHECK(Json::parse(again.out).at("loss") == last.at("loss"));
  CHECK(fs::last_write_time(run.out / "done.json") == written);
  CHECK(read_bytes(run.out / "adapter/adapter_model.safetensors") == adapter);
}

TEST_CASE("what was altered beside the weights of a finished run's adapter is found") {
  TemporaryFolder folder;
  Run run(folder / "run", "lora");
  for (const char* setting : {"targets=Wq+Wv", "ranks=Wq:3,Wv:2", "alpha=6"})
    run.arguments.insert(run.arguments.end(), {"--set", setting});
  REQUIRE(run().exit_code == 0);
  CHECK_NOTHROW(check_training(run.out, true));

  const fs::path exact = run.out / "adapter/rankscope.safetensors";
  const std::string trained = read_bytes(exact);
  std::string other = trained;
  other.back() ^= 1;
  write_file_atomically(exact, other);
  CHECK_THAT(error_text<InputError>([&] { check_training(run.out, true); }),
             Catch::Contains("rankscope.safetensors: is not the file that was written"));
  write_file_atomically(exact, trained);

  // By which PEFT would scale the update.
  const fs::path config = run.out / "adapter/adapter_config.json";
  const std::string as_trained = read_bytes(config);
  Json scaled = Json::parse(as_trained);
  scaled["lora_alpha"] = 5;
  write_file_atomically(config, scaled.dump(2) + "\n");
  CHECK_THAT(error_text<InputError>([&] { check_training(run.out, false); }),
             Catch::Contains("adapter_config.json: is not the file that was written"));
  check_refused(run(), "adapter_config.json: is not the file that done.json describes");
  write_file_atomically(config, as_trained);
  CHECK_NOTHROW(check_training(run.out, true));

  const fs::path record = run.out / "adapter/rankscope.json", done = run.out / "done.json";
  Json changed = read_json_file(record);
  changed.at("sites").at(0).at("scale") = 5.0;
  write_file_atomically(record, changed.dump(2) + "\n");
  CHECK_THAT(error_text<InputError>([&] { check_training(run.out, false); }),
             Catch::Contains("rankscope.json: is not the file that was written"));
  check_refused(run(), "rankscope.json: is not the file that done.json describes");
  // An older program's has no hash of it, and none of its own content.
  Json older = read_json_file(done);
  REQUIRE(older.erase("check") == 1);
  REQUIRE(older.at("files").erase("adapter/rankscope.json") == 1);
  write_file_atomically(done, older.dump(1) + "\n");
  CHECK_NOTHROW(check_training(run.out, true));
  CHECK(run().exit_code == 0);
}

TEST_CASE("train killed at any moment and run again ends with the same bytes") {
  for (const std::string method : {"lora", "full"}) {
    INFO(method);
    TemporaryFolder folder;
    const Run undisturbed(folder / "undisturbed", method);
    REQUIRE(undisturbed().exit_code == 0);
    CHECK(names_below(undisturbed.out) == expected_names(method));

    const Run disturbed(folder / "disturbed", method);
    int kills = 0;
    for (const int lines : {1, 3, 4, 9, 11}) {
      const ProgramResult result =
          disturbed({"--json"}, {.signal_after_lines = lines, .signal = SIGKILL});
      // A run that went on from a late step may have come to its end.
      if (result.signal == SIGKILL) ++kills;
      REQUIRE((result.signal == SIGKILL || result.exit_code == 0));
    }
    CHECK(kills >= 2);
    const ProgramResult last = disturbed();
    INFO(last.err);
    REQUIRE(last.exit_code == 0);
    check_same_folder(undisturbed.out, disturbed.out);
  }
}

TEST_CASE("train killed between its last resume point and its adapter finishes the run") {
  TemporaryFolder folder;
  const Run undisturbed(folder / "undisturbed", "lora");
  REQUIRE(undisturbed().exit_code == 0);
  const fs::path other = folder / "disturbed";
  fs::copy(undisturbed.out, other, fs::copy_options::recursive);
  fs::remove(other / "done.json");
  fs::remove_all(other / "adapter");
  const Run disturbed(other, "lora");
  REQUIRE(disturbed().exit_code == 0);
  check_same_folder(undisturbed.out, other);
}

TEST_CASE("train interrupted leaves a resume point and goes on from it") {
  TemporaryFolder folder;
  const Run undisturbed(folder / "undisturbed", "lora");
  REQUIRE(undisturbed().exit_code == 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    INFO(signal);
    const Run run(folder / ("stopped" + std::to_string(signal)), "lora");
    const ProgramResult stopped = run({"--json"}, {.signal_after_lines = 3, .signal = signal});
    CHECK(stopped.exit_code == 130);
    CHECK_THAT(stopped.err_lines().back(), Catch::StartsWith("rankscope: interrupted after step "));
    CHECK(names_below(run.out) == std::vector<std::string>{"curve.jsonl", "state.safetensors"});
    // The point is of the step that was under way, no earlier one.
    const int64_t step = step_of_state(run.out);
    CHECK(step == static_cast<int64_t>(stopped.out_lines().size()));
    CHECK(step >= 3);
    CHECK(step < kSteps);
    const ProgramResult rest = run({"--json"});
    CHECK(rest.exit_code == 0);
    REQUIRE(rest.out_lines().size() == static_cast<size_t>(kSteps - step + 1));
    CHECK(Json::parse(rest.out_lines().back()).at("resumed_from") == step);
    check_same_folder(undisturbed.out, run.out);
  }
}

TEST_CASE("train whose output nobody reads any more saves what it has") {
  TemporaryFolder folder;
  const Run run(folder / "run", "lora");
  const ProgramResult stopped = run({"--json"}, {.close_after_lines = 3});
  CHECK(stopped.exit_code == 130);
  CHECK_THAT(stopped.err_lines().back(), Catch::StartsWith("rankscope: interrupted after step "));
  CHECK(step_of_state(run.out) >= 3);
}

TEST_CASE("train with a closed output or error writes what it says into no file") {
  TemporaryFolder folder;
  const Run undisturbed(folder / "undisturbed", "lora");
  REQUIRE(undisturbed().exit_code == 0);
  for (const int closed : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    INFO(closed);
    const Run run(folder / ("closed" + std::to_string(closed)), "lora");
    const ProgramResult result = run({"--json"}, {.closed = closed});
    CHECK(result.exit_code == (closed == STDOUT_FILENO ? 3 : 0));
    CHECK((result.err.find("rankscope: cannot write to standard output") != std::string::npos) ==
          (closed == STDOUT_FILENO));
    CHECK(result.out_lines().size() ==
          static_cast<size_t>(closed == STDOUT_FILENO ? 0 : kSteps + 1));
    CHECK(fs::file_size(run.out / ".lock") == 0);
    check_same_folder(undisturbed.out, run.out);
  }
}

TEST_CASE("train refuses to mix runs in one folder and names what differs") {
  TemporaryFolder folder;
  const Run run(folder / "run", "lora");
  const ProgramResult stopped = run({"--json"}, {.signal_after_lines = 3, .signal = SIGINT});
  REQUIRE(stopped.exit_code == 130);
  for (const bool finished : {false, true}) {
    INFO(finished);
    if (finished) REQUIRE(run().exit_code == 0);
    const std::vector<std::string> names = names_below(run.out);
    const std::string state = read_bytes(run.out / "state.safetensors");
    const std::pair<std::vector<std::string>, const char*> changes[] = {
        {{"--set", "rank=4"}, "method.rank was 8 and is now 4"},
        {{"--set", "alpha=4"}, "method.alpha was 8 and is now 4"},
        {{"--set", "clip=1"}, "training.clip was 0 and is now 1"},
        {{"--set", "weight_decay=0.5"}, "training.weight_decay was "},
    };
    for (const auto& [words, expected] : changes) {
      std::vector<std::string> arguments = run.arguments;
      arguments.insert(arguments.end(), words.begin(), words.end());
      const ProgramResult result = run_program(arguments);
      INFO(result.err);
      CHECK(result.exit_code == 2);
      CHECK(result.err_lines().size() == 1);
      CHECK_THAT(result.err, Catch::Contains(expected));
      CHECK(names_below(run.out) == names);
      CHECK(read_bytes(run.out / "state.safetensors") == state);
    }
  }
}

TEST_CASE("train refuses a folder whose run had what this one has not") {
  TemporaryFolder folder;
  Run run(folder / "run", "lora");
  *(std::ranges::find(run.arguments, "--eval-every") + 1) = "0";
  Run without = run;
  const auto given = std::ranges::find(without.arguments, "--eval-data");
  without.arguments.erase(given, given + 2);
  REQUIRE(run({"--json"}, {.signal_after_lines = 3, .signal = SIGINT}).exit_code == 130);
  for (const bool finished : {false, true}) {
    INFO(finished);
    if (finished) REQUIRE(run().exit_code == 0);
    check_refused(without(), " and is now (absent)");
    CHECK_THAT(without().err, Catch::Contains("eval_data was "));
  }
}

TEST_CASE("train refuses a damaged resume point and leaves it as it was") {
  TemporaryFolder folder;
  const Run run(folder / "run", "lora");
  REQUIRE(run({"--json"}, {.signal_after_lines = 3, .signal = SIGINT}).exit_code == 130);
  const std::string state = read_bytes(run.out / "state.safetensors");
  const std::string curve = read_bytes(run.out / "curve.jsonl");
  const std::tuple<const char*, std::string, const char*> damages[] = {
      {"state.safetensors", "", "too few for a safetensors file"},
      {"state.safetensors", state.substr(0, state.size() / 2), "is the download complete?"},
      {"curve.jsonl", curve.substr(0, curve.size() / 2), "curve.jsonl"},
      {"curve.jsonl", curve.substr(0, curve.find('\n') + 1), "curve.jsonl: ends at step 1, but"},
      {"done.json", "{", "done.json:1:"},
      {"done.json", "{}", "field 'identity': is missing"},
  };
  for (const auto& [name, bytes, expected] : damages) {
    INFO(name);
    write_file_atomically(run.out / "state.safetensors", state);
    write_file_atomically(run.out / "curve.jsonl", curve);
    fs::remove(run.out / "done.json");
    write_file_atomically(run.out / name, bytes);
    const std::vector<std::string> names = names_below(run.out);
    const ProgramResult result = run();
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err_lines().size() == 1);
    CHECK_THAT(result.err, Catch::Contains(expected));
    CHECK(names_below(run.out) == names);
    CHECK(read_bytes(run.out / name) == bytes);
  }
}

TEST_CASE("train on a full disk keeps the resume point before") {
  TemporaryFolder folder;
  const Run undisturbed(folder / "undisturbed", "lora");
  REQUIRE(undisturbed().exit_code == 0);
  const Run run(folder / "run", "lora");
  REQUIRE(run({"--json"}, {.signal_after_lines = 3, .signal = SIGINT}).exit_code == 130);
  const std::string state = read_bytes(run.out / "state.safetensors");
  REQUIRE(fs::file_size(undisturbed.out / "curve.jsonl") < state.size() - 1);

  const ProgramResult full = run({}, {.file_size_limit = state.size() - 1});
  INFO(full.err);
  CHECK(full.exit_code == 3);
  const std::vector<std::string> messages = full.err_lines();
  CHECK(std::ranges::count_if(messages, [](const std::string& line) {
          return line.starts_with("rankscope: ");
        }) == 1);
  CHECK_THAT(messages.back(), Catch::Contains("state.safetensors"));
  CHECK_THAT(messages.back(), Catch::StartsWith("rankscope: cannot write"));
  CHECK(names_below(run.out) == std::vector<std::string>{"curve.jsonl", "state.safetensors"});
  CHECK(read_bytes(run.out / "state.safetensors") == state);

  REQUIRE(run().exit_code == 0);
  check_same_folder(undisturbed.out, run.out);
}

TEST_CASE("a second process is kept out of a run's folder") {
  TemporaryFolder folder;
  const Run run(folder / "run", "lora");
  // The first stands still behind its full pipe while the second starts.
  const ProgramResult first =
      run({"--json"}, {.signal_after_lines = 3, .signal = SIGKILL, .before_signal = [&] {
                         const ProgramResult second = run();
                         INFO(second.err);
                         CHECK(second.exit_code == 2);
                         CHECK(second.err_lines().size() == 1);
                         CHECK_THAT(second.err, Catch::Contains("is in use by another process"));
                       }});
  CHECK(first.signal == SIGKILL);
  // What held the folder is gone with its process.
  CHECK(run().exit_code == 0);
}

TEST_CASE("a token needs something before it to be predicted, held out too") {
  TemporaryFolder folder;
  const std::string lone = (folder / "lone.jsonl").string();
  write_file_atomically(lone, "{\"prompt_ids\":[],\"target_ids\":[1]}\n");
  const std::string other = (folder / "other.jsonl").string();
  write_file_atomically(other, read_bytes(lone) + "\n");  // a copy is refused
  Run run(folder / "run", "lora");
  *(std::ranges::find(run.arguments, "--eval-data") + 1) = lone;
  const ProgramResult held_out = run();
  CHECK(held_out.exit_code == 2);
  CHECK_THAT(held_out.err, Catch::Contains("lone.jsonl, held out: no line has a token to predict"));
  // What a method puts before it will do.
  for (const std::string method : {"prefix_embed", "prefix_kv"}) {
    Run with(folder / method, method);
    *(std::ranges::find(with.arguments, "--data") + 1) = lone;
    *(std::ranges::find(with.arguments, "--eval-data") + 1) = other;
    CHECK(with().exit_code == (method == "prefix_embed" ? 0 : 2));
  }
  const ProgramResult nll = run_program(
      {"nll", "--model", golden_folder("gpt2_tied").string(), "--data", lone, "--threads", "1"});
  CHECK_THAT(nll.out, Catch::Contains("no target token that anything stands before"));
}

TEST_CASE("a warm-up in tokens that is longer than the training is said to be cut") {
  for (const std::string tokens : {"1", "1000000"}) {
    TemporaryFolder folder;
    Run run(folder / "run", "lora");
    run.arguments.insert(run.arguments.end(), {"--set", "warmup_tokens=" + tokens});
    const ProgramResult result = run();
    CHECK(result.exit_code == 0);
    CHECK((result.err.find("all " + std::to_string(kSteps) + " steps have fewer tokens") !=
           std::string::npos) == (tokens == "1000000"));
  }
}

TEST_CASE("a warm-up in steps that takes the whole training is said to never reach the rate") {
  for (const int steps : {kSteps - 1, kSteps}) {
    TemporaryFolder folder;
    Run run(folder / "run", "lora");
    run.arguments.insert(run.arguments.end(), {"--set", "warmup_steps=" + std::to_string(steps)});
    const ProgramResult result = run();
    CHECK(result.exit_code == 0);
    CHECK((result.err.find("and never reaches lr") != std::string::npos) == (steps == kSteps));
  }
}

TEST_CASE("an AdaLoRA whose budget has no step to fall in is refused as PEFT does") {
  TemporaryFolder folder;
  Run run(folder / "run", "adalora");
  run.arguments.insert(run.arguments.end(),
                       {"--set", "t_init=1", "--set", "t_final=" + std::to_string(kSteps - 1)});
  const ProgramResult result = run();
  CHECK(result.exit_code == 2);
  CHECK_THAT(result.err, Catch::Contains("t_final") &&
                             Catch::Contains("none is left in which the budget falls"));
  CHECK_FALSE(fs::exists(run.out / "curve.jsonl"));
}

TEST_CASE("an adapter that is not finite is never written: its run diverged") {
  TemporaryFolder folder;
  Run run(folder / "run", "lora");
  // The gradient of A is zero while B is: 0 / (0 + epsilon).
  run.arguments.insert(run.arguments.end(), {"--set", "epsilon=0"});
  *(std::ranges::find(run.arguments, "--steps") + 1) = "1";
  const ProgramResult result = run();
  INFO(result.err);
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.err_lines().back(),
             Catch::StartsWith("diverged at step 1: a gradient or what was trained is not finite"));
  const Json done = read_json_file(run.out / "done.json");
  CHECK(done.at("state") == "diverged");
  CHECK(done.at("steps") == 0);
  CHECK(done.at("last_finite_loss") > 0);
  CHECK_FALSE(fs::exists(run.out / "adapter"));
  const ProgramResult again = run();
  CHECK_THAT(again.err, Catch::Contains("diverged earlier, at step 1; nothing to do"));
  CHECK(again.exit_code == 1);
}

TEST_CASE("divergence is a result, with the curve up to it") {
  TemporaryFolder folder;
  Run run(folder / "run", "full");
  run.arguments.insert(run.arguments.end(), {"--set", "epsilon=0"});
  *(std::ranges::find(run.arguments, "lr=1e-3")) = "lr=1e18";
  const ProgramResult result = run({"--json"});
  INFO(result.err);
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.err_lines().back(), Catch::StartsWith("diverged at step "));
  const Json done = read_json_file(run.out / "done.json");
  CHECK(done.at("state") == "diverged");
  CHECK(done.at("last_finite_loss") > 0);
  CHECK_FALSE(fs::exists(run.out / "adapter"));
  const std::string curve = read_bytes(run.out / "curve.jsonl");
  CHECK(std::ranges::count(curve, '\n') == done.at("steps").get<int64_t>() + 1);
  // The same line in both, but for the time.
  const Json last = Json::parse(curve.substr(curve.rfind('{')));
  CHECK(last.at("gradient_norm").is_null());
  Json printed = Json::parse(result.out_lines().at(static_cast<size_t>(last.at("step")) - 1));
  printed.erase("seconds");
  CHECK(printed == last);
}

TEST_CASE("train shows every held-out loss, and says where nothing is kept") {
  TemporaryFolder folder;
  const Run kept(folder / "run", "lora");
  CHECK_THAT(kept().err, !Catch::Contains("nothing is kept"));
  Run run = kept;
  for (const char* option : {"--save-every", "--out"}) {
    const auto given = std::ranges::find(run.arguments, option);
    run.arguments.erase(given, given + 2);
  }
  const ProgramResult result = run();
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const std::vector<std::string> lines = result.err_lines();
  CHECK(lines.front() == "nothing is kept: give --out DIR");
  std::vector<std::string> evaluated;
  for (const std::string& line : lines)
    if (line.find("  held-out ") != std::string::npos)
      evaluated.push_back(line.substr(0, line.find("  loss ")));
  CHECK(evaluated ==
        std::vector<std::string>{"step 15/60", "step 30/60", "step 45/60", "step 60/60"});
  CHECK_THAT(lines.back(), Catch::StartsWith("60 steps, loss "));
  CHECK_THAT(lines.back(), Catch::Contains(", held-out loss "));
}

TEST_CASE("epochs are as many steps as their decimals say") {
  CHECK(steps_of_epochs(0.55, 100, 1) == 55);
  CHECK(steps_of_epochs(1.1, 100, 1) == 110);
  CHECK(steps_of_epochs(1.1, 200, 4) == 55);
  CHECK(steps_of_epochs(2, 3000, 8) == 750);
  CHECK(steps_of_epochs(1, 7, 4) == 2);
  CHECK(steps_of_epochs(0.001, 10, 4) == 1);
  CHECK(steps_of_epochs(1.0001, 1'000'000, 1) == 1'000'100);
}

TEST_CASE("what training begins with does not depend on how many threads OpenMP would use") {
  const TemporaryFolder folder;
  const std::string source = RANKSCOPE_SOURCE_DIR "/datasets/embedded/";
  const auto adapter = [&](const char* threads) {
    REQUIRE(::setenv("OMP_NUM_THREADS", threads, 1) == 0);
    const fs::path out = folder / threads;
    // Its products are wide enough to be divided.
    const ProgramResult run =
        run_program({"train",      "--model",         source + "base", "--task", "samsum",
                     "--data",     source + "samsum", "--limit",       "4",      "--set",
                     "init=pissa", "--set",           "rank=120",      "--set",  "targets=all",
                     "--set",      "batch=4",         "--steps",       "1",      "--threads",
                     "1",          "--out",           out.string()});
    REQUIRE(::unsetenv("OMP_NUM_THREADS") == 0);
    INFO(run.err);
    REQUIRE(run.exit_code == 0);
    return read_bytes(out / "adapter" / "adapter_model.safetensors");
  };
  CHECK(adapter("1") == adapter("4"));
}
