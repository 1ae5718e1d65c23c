// Nothing goes by the clock: a sweep whose files are a day ahead of it, or decades behind it,
// goes on where it stands.
#include <catch2/catch.hpp>

#include <chrono>

#include "common/files.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

// Every file and folder of a sweep, as a clock that is set back or forth leaves them.
void set_times(const fs::path& out, fs::file_time_type time) {
  for (const auto& entry : fs::recursive_directory_iterator(out))
    fs::last_write_time(entry.path(), time);
  fs::last_write_time(out, time);
}

}  // namespace

TEST_CASE("files of another day change nothing: what is finished stays, the rest runs once") {
  SmallSweep& sweep = shared_sweep();
  const fs::path expected = sweep.out("undisturbed");
  const Json untrained = trial_of(expected, "tuned", "write");
  const Json unscored = trial_of(expected, "best", "write");
  const Json half_scored = trial_of(expected, "base", "pick");
  const auto now = fs::file_time_type::clock::now();
  for (const auto away : {std::chrono::hours(24), -std::chrono::hours(24 * 365 * 50)}) {
    copy_undisturbed("another day");
    const fs::path out = sweep.out("another day");
    fs::remove_all(train_folder(out, untrained));
    fs::remove_all(eval_folder(out, unscored));
    fs::remove(eval_folder(out, half_scored) / "done.json");
    const std::string lines = read_bytes(eval_folder(out, half_scored) / "predictions.jsonl");
    write_file_atomically(eval_folder(out, half_scored) / "predictions.jsonl",
                          lines.substr(0, lines.size() / 2));
    set_times(out, now + away);
    const auto adapters = adapter_times(out);

    const Json first = json_lines(sweep.run("another day", {"--json"})).back();
    CHECK(first.at("done") == 3);
    CHECK(first.at("already_done") == SmallSweep::kTrials - 3);
    const auto after = adapter_times(out);
    for (const auto& [name, before] : adapters) CHECK(after.at(name) == before);
    check_results(out, expected);

    // Written now, beside files that are newer or older.
    const Json second = json_lines(sweep.run("another day", {"--json"})).back();
    CHECK(second.at("done") == 0);
    CHECK(second.at("already_done") == SmallSweep::kTrials);
    CHECK(adapter_times(out) == after);
  }
}
