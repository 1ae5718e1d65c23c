#include "tests/bench/training_table.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/files.h"
#include "common/json.h"
#include "tests/bench/bench_inputs.h"

namespace rankscope::bench {

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kThreads = 2;

struct Work {
  const char* shape;
  const char* task;
  int batch;
  int steps;
  double must_sgemm, aim_sgemm;  // useful GFLOP/s over sgemm
  double must_best, aim_best;    // tokens/s over the fastest hand-written PyTorch
  double must_peft, aim_peft;    // tokens/s over a plain PEFT loop; 0: no mark
};

constexpr Work kWorks[] = {
    {"gpt2-small", "wikisql", 8, 20, 0.75, 0.90, 2.5, 3.2, 3.3, 4.2},
    {"gpt2-small", "mnli", 8, 30, 0.75, 0.90, 2.8, 3.5, 5.5, 7.5},
    {"gpt2-small", "samsum", 8, 8, 0.75, 0.90, 3.3, 4.5, 9.0, 13.0},
    {"stories3m", "wikisql", 16, 150, 0.60, 0.80, 3.0, 4.5, 0, 0},
    {"stories3m", "mnli", 16, 200, 0.60, 0.80, 3.0, 4.5, 0, 0},
    {"stories3m", "samsum", 16, 60, 0.60, 0.80, 3.0, 4.5, 0, 0},
};

// Standard output of a command, line by line with the seconds since its start.
struct Line {
  double seconds;
  Json value;
};

std::vector<Line> run(const std::string& command) {
  const Clock::time_point start = Clock::now();
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((command + " 2>/dev/null").c_str(), "r"), pclose);
  if (!pipe) throw MachineError("cannot start: " + command);
  std::vector<Line> lines;
  std::string text;
  for (int c; (c = std::fgetc(pipe.get())) != EOF;) {
    if (c != '\n') {
      text += static_cast<char>(c);
      continue;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (text.starts_with("{")) lines.push_back({seconds, parse_json(text, command)});
    text.clear();
  }
  if (lines.empty()) throw MachineError("no output from: " + command + "\nrun it to see why");
  return lines;
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

class Table {
 public:
  explicit Table(std::filesystem::path root) : root_(std::move(root)) {
    std::printf("%-50s %9s %6s %6s\n", "work", "measured", "must", "aim");
  }

  // `lower`: the mark is an upper bound. `bound`: what this machine's arithmetic allows, 0 where that
  // is not the limit.
  void row(const std::string& work, double measured, double must, double aim, bool lower = false,
           double bound = 0) {
    const bool met = lower ? measured <= must : measured >= must;
    const bool aimed = lower ? measured <= aim : measured >= aim;
    missed_ |= !met;
    std::printf("%-50s %9.2f %6.2f %6.2f  %s", work.c_str(), measured, must, aim,
                aimed ? "aim met" : met ? "met" : "MISSED");
    if (bound > 0) std::printf(" (%.2f at the speed of sgemm here)", bound);
    std::printf("\n");
    std::fflush(stdout);
    json_.push_back({{"work", work}, {"measured", measured}, {"must", must}, {"aim", aim},
                     {"met", met}, {"bound", bound > 0 ? OrderedJson(bound) : OrderedJson()}});
  }

  int finish() {
    write_file_atomically(root_ / "training_table.json", json_.dump(1) + "\n");
    return missed_ ? 1 : 0;
  }

 private:
  std::filesystem::path root_;
  OrderedJson json_ = OrderedJson::array();
  bool missed_ = false;
};

std::string train_command(const std::filesystem::path& root, const Work& w,
                          const std::string& method, int steps) {
  return quoted(RANKSCOPE_PROGRAM) + " train --json --threads " + std::to_string(kThreads) +
         " --model " + quoted(model_folder(root, w.shape)) + " --data " +
         quoted(token_file(root, w.shape, w.task)) + " --method " + method +
         (method == "lora" ? " --set rank=8 --set targets=Wq+Wv" : "") +
         " --set batch=" + std::to_string(w.batch) + " --steps " + std::to_string(steps);
}

double peer_rate(const std::string& python, const std::filesystem::path& root, const Work& w,
                 const std::string& script) {
  const std::string command =
      "HF_HUB_OFFLINE=1 " + quoted(python) + " " +
      quoted(std::string(RANKSCOPE_SOURCE_DIR) + "/tests/bench/peers/" + script.substr(0, script.find(' '))) +
      (script.find(' ') == std::string::npos ? "" : script.substr(script.find(' '))) + " --model " +
      quoted(model_folder(root, w.shape)) + " --data " + quoted(token_file(root, w.shape, w.task)) +
      " --batch " + std::to_string(w.batch) + " --steps 8 --threads " + std::to_string(kThreads) + " --json";
  return run(command).back().value.at("tokens_per_second");
}

}  // namespace

int print_training_table() {
  const std::filesystem::path root = std::filesystem::path(RANKSCOPE_BENCH_FOLDER);
  std::filesystem::create_directories(root);
  const char* python = std::getenv("RANKSCOPE_PEERS_PYTHON");
  if (!python)
    std::printf("RANKSCOPE_PEERS_PYTHON is not set: PyTorch and PEFT are not measured "
                "(tests/bench/peers/README.md)\n");
  Table table(root);
  double peak = 0;
  for (const Work& w : kWorks) {
    const std::string name = std::string(w.shape) + " " + w.task;
    run(train_command(root, w, "lora", 1));  // brings the files into the page cache
    const std::vector<Line> lines = run(train_command(root, w, "lora", w.steps));
    const Json& last = lines.back().value;
    const double useful = last.at("useful_gflops"), sgemm = last.at("sgemm_gflops");
    const double rate = last.at("tokens_per_second");
    table.row(name + ": useful GFLOP/s over sgemm", useful / sgemm, w.must_sgemm, w.aim_sgemm);
    if (std::string(w.shape) == "gpt2-small") {
      peak = std::max(peak, last.at("peak_memory_mib").get<double>() / 1024);
      if (std::string(w.task) == "wikisql")
        table.row(name + ": start to first step, s",
                  lines[0].seconds - lines[1].value.at("seconds").get<double>(), 1.5, 0.5, true);
    }
    if (!python) continue;
    const auto compare = [&](const char* what, const char* script, double must, double aim) {
      const double peer = peer_rate(python, root, w, script);
      table.row(name + what, rate / peer, must, aim, false, rate / (useful / sgemm) / peer);
    };
    compare(": tokens/s over best PyTorch", "train_best.py", w.must_best, w.aim_best);
    if (w.must_peft > 0)
      compare(": tokens/s over PEFT loop", "train_peft.py", w.must_peft, w.aim_peft);
  }
  table.row("gpt2-small: peak memory, GiB", peak, 2.0, 1.5, true);
  if (python) {
    const Work full = kWorks[0];
    const double rate =
        run(train_command(root, full, "full --set lr=1e-5", full.steps)).back().value.at("tokens_per_second");
    table.row("gpt2-small wikisql: full, tokens/s over PyTorch",
              rate / peer_rate(python, root, full, "train_peft.py --full"), 2.0, 3.0);
  }
  return table.finish();
}

}  // namespace rankscope::bench
