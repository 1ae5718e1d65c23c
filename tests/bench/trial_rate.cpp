#include "tests/bench/trial_rate.h"

#include <cstdio>
#include <filesystem>
#include <string>

#include "common/files.h"
#include "tests/bench/command_table.h"
#include "tests/bench/shared_data.h"

namespace rankscope::bench {

namespace {

namespace fs = std::filesystem;

// Both train on the first 500 examples of WikiSQL, two epochs of batches of 16, and continue the
// first 200 of dev by at most 64 tokens.
std::string sweep_file(const fs::path& model, const fs::path& data) {
  return "name: sweep_speed\nbase: " + model.string() +
         "\nseeds: 0\n"
         "tasks:\n"
         "  wikisql:\n"
         "    data: " +
         data.string() +
         "\n    train: {limit: 500}\n"
         "    score: {limit: 200, max_new: 64}\n"
         "method: lora\n"
         "lr: 2e-3\n"
         "schedule: constant\n"
         "batch: 16\n"
         "epochs: 2\n"
         "alpha: 8\n"
         "targets: Wq+Wv\n"
         "grid: {rank: [1, 8]}\n";
}

// What `render` prints of the split's first examples, which the peer reads.
void render(const fs::path& references, int limit, const fs::path& out) {
  std::string text;
  for (const OutputLine& line :
       run_command(quoted(RANKSCOPE_PROGRAM) + " render wikisql --references " +
                   quoted(references.string()) + " --limit " + std::to_string(limit)))
    text += line.value.dump() + "\n";
  write_file_atomically(out, text);
}

}  // namespace

int print_trial_rate() {
  const fs::path model = shared_model("stories3m");
  const fs::path data = shared_data("wikisql");
  if (!fs::exists(model) || !fs::exists(data)) {
    std::fprintf(stderr, "sweep: not measured: %s or %s is missing (RANKSCOPE_SHARED)\n",
                 model.c_str(), data.c_str());
    return 0;
  }
  const fs::path root = fs::path(RANKSCOPE_BENCH_FOLDER) / "trial_rate";
  fs::remove_all(root);
  fs::create_directories(root);
  write_file_atomically(root / "sweep.yaml", sweep_file(model, data));
  Table table(root / "trial_rate.json");
  // The base is one of the three trials; it is not trained and not counted.
  const double seconds = use_of_program("run " + quoted(root / "sweep.yaml") + " --dir " +
                                        quoted(root / "run") + " --workers 2 --threads 1")
                             .seconds;
  const double rate = 3600 * 2 / seconds;
  std::printf("%.0f trials/hour\n", rate);
  if (const char* python = peers_python()) {
    render(data / "train.jsonl", 500, root / "train.jsonl");
    render(data / "dev.jsonl", 200, root / "scored.jsonl");
    const std::string work = "stories3m wikisql: trials/hour over a PEFT script";
    table.with_peer(work, [&] {
      const Json peer =
          run_peer(python, "sweep_peft.py",
                   " --model " + quoted(model) + " --train " + quoted(root / "train.jsonl") +
                       " --score " + quoted(root / "scored.jsonl") + " --threads 2");
      table.row(work, rate / peer.at("trials_per_hour").get<double>(), 4, 8);
    });
  }
  return table.finish();
}

}  // namespace rankscope::bench
