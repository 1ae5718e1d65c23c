#include "tests/bench/training_table.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/bench/bench_inputs.h"
#include "tests/bench/command_table.h"

namespace rankscope::bench {

namespace {

constexpr int kThreads = 2;

struct Work {
  const char* shape;
  const char* task;
  int batch;
  int steps;
  double must_sgemm, aim_sgemm;  // useful GFLOP/s over sgemm
  double must_best, aim_best;    // tokens/s over the hand-written step, train_best.py
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

// Its weights alone take 2.3 GiB in bf16.
constexpr Work kLarge{"llama-1b", "wikisql", 8, 4, 0.70, 0.80, 0, 0, 0, 0};

std::string train_command(const std::filesystem::path& root, const Work& w,
                          const std::string& method, int steps) {
  return quoted(RANKSCOPE_PROGRAM) + " train --json --threads " + std::to_string(kThreads) +
         " --model " + quoted(model_folder(root, w.shape)) + " --data " +
         quoted(token_file(root, w.shape, w.task)) + " --method " + method +
         (method == "lora" ? " --set rank=8 --set targets=Wq+Wv" : "") +
         " --set batch=" + std::to_string(w.batch) + " --steps " + std::to_string(steps);
}

struct Training {
  std::vector<OutputLine> lines;  // the last one sums up
  double rate, peak_mib;
};

Training train(const std::filesystem::path& root, const Work& w, const std::string& method) {
  Training t{run_command(train_command(root, w, method, w.steps)), 0, 0};
  t.rate = t.lines.back().value.at("tokens_per_second");
  t.peak_mib = t.lines.back().value.at("peak_memory_mib");
  return t;
}

Json train_peer(const std::string& python, const std::filesystem::path& root, const Work& w,
                const std::string& script, const std::string& more = "") {
  return run_peer(python, script,
                  more + " --model " + quoted(model_folder(root, w.shape)) + " --data " +
                      quoted(token_file(root, w.shape, w.task)) + " --batch " +
                      std::to_string(w.batch) + " --steps " + std::to_string(std::min(8, w.steps)) +
                      " --threads " + std::to_string(kThreads));
}

double peer_rate(const std::string& python, const std::filesystem::path& root, const Work& w,
                 const std::string& script, const std::string& more = "") {
  return train_peer(python, root, w, script, more).at("tokens_per_second");
}

}  // namespace

int print_training_table() {
  const std::filesystem::path root = std::filesystem::path(RANKSCOPE_BENCH_FOLDER);
  std::filesystem::create_directories(root);
  const char* python = peers_python();
  Table table(root / "training_table.json");
  double peak = 0;
  for (const Work& w : kWorks) {
    const std::string name = std::string(w.shape) + " " + w.task;
    run_command(train_command(root, w, "lora", 1));  // brings the files into the page cache
    const Training trained = train(root, w, "lora");
    const double rate = trained.rate;
    const Json& last = trained.lines.back().value;
    const double useful = last.at("useful_gflops"), sgemm = last.at("sgemm_gflops");
    table.row(name + ": useful GFLOP/s over sgemm", useful / sgemm, w.must_sgemm, w.aim_sgemm);
    if (std::string(w.shape) == "gpt2-small") {
      peak = std::max(peak, trained.peak_mib / 1024);
      if (std::string(w.task) == "wikisql") {
        table.row(name + ": start to first step, s",
                  trained.lines[0].seconds - trained.lines[1].value.at("seconds").get<double>(),
                  1.5, 0.5, true);
        Work half = w;
        half.shape = "gpt2-small-bf16";
        const Training narrow = train(root, half, "lora");
        table.row(name + ", base stored in bf16: tokens/s over fp32's", narrow.rate / rate, 0.9, 1);
        table.row(name + ", base stored in bf16: peak memory over fp32's",
                  narrow.peak_mib / trained.peak_mib, 0.75, 0.6, true);
      }
    }
    if (!python) continue;
    const auto compare = [&](const char* what, const char* script, double must, double aim) {
      table.with_peer(name + what, [&] {
        const double peer = peer_rate(python, root, w, script);
        table.row(name + what, rate / peer, must, aim, false, rate / (useful / sgemm) / peer);
      });
    };
    compare(": tokens/s over a hand-written step", "train_best.py", w.must_best, w.aim_best);
    if (w.must_peft > 0)
      compare(": tokens/s over PEFT loop", "train_peft.py", w.must_peft, w.aim_peft);
  }
  table.row("gpt2-small: peak memory, GiB", peak, 2.0, 1.5, true);
  const Training large = train(root, kLarge, "lora");
  const Json& last = large.lines.back().value;
  const double share =
      last.at("useful_gflops").get<double>() / last.at("sgemm_gflops").get<double>();
  table.row("llama-1b wikisql, bf16: useful GFLOP/s over sgemm", share, kLarge.must_sgemm,
            kLarge.aim_sgemm);
  table.row("llama-1b wikisql, bf16: peak memory, GiB", large.peak_mib / 1024, 5.0, 4.0, true);
  if (python) {
    const std::string over_peft = "llama-1b wikisql, bf16: tokens/s over PEFT loop";
    table.with_peer(over_peft, [&] {
      const Json peer = train_peer(python, root, kLarge, "train_peft.py");
      const double faster = large.rate / peer.at("tokens_per_second").get<double>();
      table.row(over_peft, faster, 1.3, 1.6, false, faster / share);
      table.row("llama-1b wikisql, bf16: peak memory over PEFT loop's",
                large.peak_mib / peer.at("peak_memory_mib").get<double>(), 0.5, 0.4, true);
    });
    const Work full = kWorks[0];
    const double rate = train(root, full, "full --set lr=1e-5").rate;
    const std::string over_full = "gpt2-small wikisql: full, tokens/s over PyTorch";
    table.with_peer(over_full, [&] {
      table.row(over_full, rate / peer_rate(python, root, full, "train_peft.py", "--full"), 2.0,
                3.0);
    });
  }
  return table.finish();
}

}  // namespace rankscope::bench
