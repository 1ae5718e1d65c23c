// One bit that changed on the disk, in a file of a sweep that no other file has a hash of.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cctype>
#include <functional>
#include <tuple>

#include "common/error.h"
#include "common/files.h"
#include "experiments/environment.h"
#include "experiments/sweep/sweep_folder.h"
#include "experiments/sweep/trial_checks.h"
#include "tests/error_text.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

namespace fs = std::filesystem;

const char* const kNotAsWritten = "is not what was written, by its 'check'";

void flip(const fs::path& file, std::size_t place) {
  std::string bytes = read_bytes(file);
  REQUIRE(place < bytes.size());
  bytes[place] = static_cast<char>(bytes[place] ^ 1);
  write_file_atomically(file, bytes);
}

// The last digit of the first number behind the text, which stays a number.
void flip_digit_behind(const fs::path& file, const std::string& before) {
  constexpr const char* kDigits = "0123456789";
  const std::string text = read_bytes(file);
  const std::size_t at = text.find(before);
  REQUIRE(at != std::string::npos);
  const std::size_t digit = text.find_first_of(kDigits, at + before.size());
  REQUIRE(digit != std::string::npos);
  flip(file, text.find_first_not_of(kDigits, digit) - 1);
}

// As an older program wrote it.
void forget_check(const fs::path& file) {
  Json json = read_json_file(file);
  REQUIRE(json.erase("check") == 1);
  write_file_atomically(file, json.dump(1) + "\n");
}

Json tuning_run_of(const fs::path& out, const Json& tuned) {
  const std::vector<Json> trials = trials_of(out);
  const auto run = std::ranges::find_if(
      trials, [&](const Json& trial) { return trial.at("id") == tuned.at("tuning_trials").at(0); });
  REQUIRE(run != trials.end());
  return *run;
}

}  // namespace

TEST_CASE("no digit of an evaluation's metrics changes unseen") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("digits");
  const fs::path out = sweep.out("digits");
  const fs::path folder = eval_folder(out, trial_of(out, "tuned", "write"));
  const fs::path done = folder / "done.json";
  const std::string written = read_bytes(done);
  const std::size_t begin = written.find("\"metrics\""), end = written.find("\"check\"");
  REQUIRE(begin < end);
  REQUIRE(end != std::string::npos);
  CHECK_NOTHROW(read_evaluation_done(folder));
  int flipped = 0;
  for (std::size_t i = begin; i < end; ++i) {
    if (std::isdigit(static_cast<unsigned char>(written[i])) == 0) continue;
    INFO(i);
    flip(done, i);
    ++flipped;
    // The last of many digits may name the same number.
    const Json read = Json::parse(read_bytes(done), nullptr, false);
    const bool same = !read.is_discarded() && read == Json::parse(written);
    const std::string complaint = error_text<InputError>([&] { read_evaluation_done(folder); });
    CHECK_THAT(complaint, same ? Contains("nothing was thrown") : Contains("done.json"));
    write_file_atomically(done, written);
  }
  CHECK(flipped > 10);

  // Nor does a bit of the check or of its key, which would pass for an older program's.
  for (const std::size_t place : {end + 1, written.find(": \"", end) + 3}) {
    INFO(written.substr(place));
    flip(done, place);
    CHECK_THAT(error_text<InputError>([&] { read_evaluation_done(folder); }),
               Contains(kNotAsWritten));
    write_file_atomically(done, written);
  }
  forget_check(done);
  CHECK_NOTHROW(read_evaluation_done(folder));
}

TEST_CASE("a score, a likelihood and a count that changed by a digit are said and made again") {
  SmallSweep& sweep = shared_sweep();
  const fs::path expected = sweep.out("undisturbed"), out = sweep.out("digit");
  const Json tuned = trial_of(expected, "tuned", "write");
  const std::pair<fs::path, const char*> flips[] = {
      {eval_folder(out, tuned) / "done.json", "\"metrics\""},
      {eval_folder(out, tuning_run_of(expected, tuned)) / "done.json", "\"nll\""},
      {train_folder(out, trial_of(expected, "wide", "pick")) / "done.json",
       "\"trainable_parameters\""}};
  for (const auto& [done, key] : flips) {
    INFO(key);
    copy_undisturbed("digit");
    // The wrong rate would be chosen for what is still to be trained.
    if (std::string(key) == "\"nll\"") fs::remove_all(train_folder(out, tuned));
    flip_digit_behind(done, key);
    remove_database(out);
    const ProgramResult collected = run_program({"collect", out.string()});
    INFO(collected.err);
    CHECK(collected.exit_code == 1);
    CHECK_THAT(collected.err,
               Contains(done.string()) && Contains(kNotAsWritten) && Contains("`run` mends it"));
    const ProgramResult healed = sweep.run("digit");
    INFO(healed.err);
    CHECK(healed.exit_code == 0);
    CHECK_THAT(healed.err, Contains(done.string() + ": " + kNotAsWritten));
    CHECK(fs::exists(done.string() + ".damaged"));
    check_results(out, expected);
  }
}

TEST_CASE("a sweep of a program that wrote no checks counts as it is") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("no checks");
  const fs::path out = sweep.out("no checks");
  const std::string rows = database_rows(out);
  for (const auto& entry : fs::recursive_directory_iterator(out / "trials"))
    if (entry.path().filename() == "done.json" || entry.path().filename() == kEnvironmentFile)
      forget_check(entry.path());
  remove_database(out);
  const ProgramResult collected = run_program({"collect", out.string()});
  INFO(collected.err);
  CHECK(collected.exit_code == 0);
  CHECK(database_rows(out) == rows);
  const ProgramResult again = sweep.run("no checks", {"--json"});
  CHECK(json_lines(again).back().at("already_done") == SmallSweep::kTrials);
}

TEST_CASE("an adapter's config that changed by a bit is trained again, as its weights would be") {
  SmallSweep& sweep = shared_sweep();
  const fs::path expected = sweep.out("undisturbed"), out = sweep.out("config");
  const fs::path wide = train_folder(out, trial_of(expected, "wide", "pick"));
  const fs::path whole = train_folder(out, trial_of(expected, "best", "write"));
  // A value that others compute with, and a letter of a key.
  const std::tuple<fs::path, fs::path, const char*, bool> flips[] = {
      {wide, "adapter/adapter_config.json", "\"lora_alpha\"", true},
      {wide, "adapter/adapter_config.json", "\"target_modules\"", false},
      {whole, "adapter/config.json", "\"vocab_size\"", true}};
  for (const auto& [train, name, key, of_value] : flips) {
    INFO(key);
    copy_undisturbed("config");
    const fs::path config = train / name;
    if (of_value)
      flip_digit_behind(config, key);
    else
      flip(config, read_bytes(config).find(key) + 1);
    // An analysis that reads the adapter finds it too.
    if (train == wide) {
      remove_database(out);
      const ProgramResult collected = run_program({"collect", out.string()});
      INFO(collected.err);
      CHECK(collected.exit_code == 1);
      CHECK_THAT(collected.err, Contains("its adapter is not the one that was written"));
    }
    const ProgramResult healed = sweep.run("config");
    INFO(healed.err);
    CHECK(healed.exit_code == 0);
    CHECK_THAT(healed.err, Contains(config.string() + ": is not the file that was written") &&
                               Contains("the training starts over"));
    check_results(out, expected);
  }
  // An older program recorded no hash of it.
  copy_undisturbed("config");
  Json done = read_json_file(wide / "done.json");
  REQUIRE(done.at("files").erase("adapter/adapter_config.json") == 1);
  REQUIRE(done.erase("check") == 1);
  write_file_atomically(wide / "done.json", done.dump(1) + "\n");
  CHECK_NOTHROW(check_training(wide, true));
}

TEST_CASE("an environment that changed or is empty is said, and stored as lost") {
  SmallSweep& sweep = shared_sweep();
  const fs::path expected = sweep.out("undisturbed"), out = sweep.out("environment");
  const Json trial = trial_of(expected, "wide", "pick");
  const std::function<void(const fs::path&)> damages[] = {
      [](const fs::path& file) { flip_digit_behind(file, "\"memory_mib\""); },
      [](const fs::path& file) { flip(file, read_bytes(file).find("\"processor\"") + 1); },
      [](const fs::path& file) { flip(file, read_bytes(file).find("\"check\"") + 1); },
      [](const fs::path& file) { write_file_atomically(file, ""); }};
  const auto stored = [&](const std::string& key) {
    return run_program({"query", out.string(),
                        "SELECT value FROM environment WHERE key = '" + key + "' AND trial = '" +
                            trial.at("id").get<std::string>() + "'",
                        "--format", "csv"})
        .out;
  };
  for (const auto& damage : damages) {
    for (const auto& [folder, key] : {std::pair(train_folder(out, trial), "train_environment"),
                                      {eval_folder(out, trial), "environment"}}) {
      copy_undisturbed("environment");
      const fs::path file = folder / kEnvironmentFile;
      INFO(file);
      damage(file);
      remove_database(out);
      const ProgramResult collected = run_program({"collect", out.string()});
      INFO(collected.err);
      CHECK(collected.exit_code == 1);
      CHECK_THAT(collected.err, Contains(file.string()));
      const ProgramResult healed = sweep.run("environment");
      INFO(healed.err);
      CHECK(healed.exit_code == 0);
      CHECK_THAT(healed.err, Contains(file.string()) && Contains("is stored as lost"));
      CHECK(stored(key) == "value\r\nlost\r\n");
      check_results(out, expected);
      CHECK(adapter_times(out) == adapter_times(expected));
      // It is what is known now.
      const ProgramResult again = sweep.run("environment");
      CHECK(again.exit_code == 0);
      CHECK_THAT(again.err, !Contains(kEnvironmentFile));
    }
  }
  // The check is no fact about the machine.
  CHECK(stored("check") == "value\r\n");
}
