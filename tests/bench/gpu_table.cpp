#include "tests/bench/gpu_table.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>

#include "common/files.h"
#include "common/jsonl.h"
#include "engine/backend/devices.h"
#include "engine/decoding/generator.h"
#include "engine/training/joint_trainer.h"
#include "engine/training/token_file.h"
#include "engine/training/trainer.h"
#include "experiments/machine.h"
#include "tests/bench/bench_inputs.h"
#include "tests/bench/command_table.h"

namespace rankscope::bench {

namespace {

namespace fs = std::filesystem;

struct TrainingWork {
  const char* shape;
  const char* task;
  int batch;
  int rank;
  double must_peer, aim_peer;  // tokens/s over PEFT
  double must_gemm, aim_gemm;  // useful FLOPs over the measured rate of products
  double must_memory, aim_memory;
};
constexpr TrainingWork kTraining[] = {
    {"gpt2-medium", "wikisql", 16, 4, 2.0, 4.0, 0.35, 0.50, 0.6, 0.4},
    {"gpt2-medium", "wikisql", 64, 4, 2.0, 4.0, 0.35, 0.50, 0.6, 0.4},
    {"gpt2-medium", "mnli", 32, 4, 2.0, 4.0, 0.35, 0.50, 0.6, 0.4},
    {"gpt2-medium", "mnli", 128, 4, 2.0, 4.0, 0.35, 0.50, 0.6, 0.4},
    {"gpt2-medium", "samsum", 8, 4, 2.0, 4.0, 0.35, 0.50, 0.6, 0.4},
    {"gpt2-medium", "samsum", 32, 4, 2.0, 4.0, 0.35, 0.50, 0.6, 0.4},
    {"llama-1b", "wikisql", 16, 8, 1.5, 2.5, 0.45, 0.60, 0.6, 0.4},
    {"llama-1b", "wikisql", 64, 8, 1.5, 2.5, 0.45, 0.60, 0.6, 0.4},
    {"llama-1b", "mnli", 32, 8, 1.5, 2.5, 0.45, 0.60, 0.6, 0.4},
    {"llama-1b", "mnli", 128, 8, 1.5, 2.5, 0.45, 0.60, 0.6, 0.4},
    {"llama-1b", "samsum", 8, 8, 1.5, 2.5, 0.45, 0.60, 0.6, 0.4},
    {"llama-1b", "samsum", 32, 8, 1.5, 2.5, 0.45, 0.60, 0.6, 0.4},
};
constexpr int kWarmUp = 10, kSteps = 20;
constexpr int64_t kPrompts = 64, kNewTokens = 64;

// The steps of one run after its warm-up.
struct Measured {
  double tokens_per_second = 0;
  double useful_flops_per_second = 0;
  double peak_mib = 0;
  double seconds_a_step = 0;
};

using Clock = std::chrono::steady_clock;

// On the GPU that all is measured on.
std::unique_ptr<Backend> make_first_backend() {
  return make_backend({.device = "cuda", .precision = "bf16"});
}

Measured train(const TrainingWork& w, const fs::path& root) {
  const auto backend = make_first_backend();
  const auto model = load_model(model_folder(root, w.shape), *backend);
  const std::vector<TokenExample> examples =
      read_token_file(token_file(root, w.shape, w.task), model->config());
  Settings settings;
  settings.add("rank=" + std::to_string(w.rank));
  const auto adaptation = make_method("lora", settings)->adapt(*model, 0);
  TrainSettings t;
  t.steps = kWarmUp + kSteps;
  t.batch = w.batch;
  t.micro_batch_tokens = 1 << 20;
  t.learning_rate = 2e-4;
  Trainer trainer(*model, *adaptation, examples, t);
  for (int i = 0; i < kWarmUp; ++i) trainer.step();
  const Clock::time_point start = Clock::now();
  double tokens = 0, flops = 0;
  for (int i = 0; i < kSteps; ++i) {
    const StepReport report = trainer.step();
    tokens += static_cast<double>(report.tokens);
    flops += report.useful_flops;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return {tokens / seconds, flops / seconds, static_cast<double>(backend->peak_bytes()) / (1 << 20),
          seconds / kSteps};
}

// Tokens/s of kTrials trials of stories3m's shape, trained together and one after the other.
constexpr int kTrials = 16, kTrialSteps = 40, kTrialBatch = 16, kTrialRank = 8;
struct Trials {
  double together = 0, in_turn = 0;
};
Trials train_trials(const fs::path& root) {
  const auto backend = make_first_backend();
  const auto model = load_model(model_folder(root, "stories3m"), *backend);
  const std::vector<TokenExample> examples =
      read_token_file(token_file(root, "stories3m", "wikisql"), model->config());
  Trials rates;
  for (const bool together : {false, true}) {
    std::vector<std::unique_ptr<Adaptation>> adaptations;
    std::vector<std::unique_ptr<Trainer>> trainers;
    std::vector<Trainer*> all;
    for (int i = 0; i < kTrials; ++i) {
      Settings settings;
      settings.add("rank=" + std::to_string(kTrialRank));
      adaptations.push_back(make_method("lora", settings)->adapt(*model, static_cast<uint64_t>(i)));
      TrainSettings t;
      t.steps = kWarmUp + kTrialSteps;
      t.batch = kTrialBatch;
      t.micro_batch_tokens = 1 << 20;
      t.data_seed = static_cast<uint64_t>(i);
      trainers.push_back(std::make_unique<Trainer>(*model, *adaptations.back(), examples, t));
      all.push_back(trainers.back().get());
    }
    JointTrainer joint(*model);
    const auto steps = [&](int count) {
      double tokens = 0;
      if (together) {
        for (int i = 0; i < count; ++i)
          for (const StepReport& report : joint.step(all))
            tokens += static_cast<double>(report.tokens);
      } else {
        for (Trainer* trainer : all)
          for (int i = 0; i < count; ++i) tokens += static_cast<double>(trainer->step().tokens);
      }
      return tokens;
    };
    steps(kWarmUp);
    const Clock::time_point start = Clock::now();
    const double tokens = steps(kTrialSteps);
    (together ? rates.together : rates.in_turn) =
        tokens / std::chrono::duration<double>(Clock::now() - start).count();
  }
  return rates;
}

double decode(const fs::path& root) {
  const auto backend = make_first_backend();
  const auto model = load_model(model_folder(root, "gpt2-medium"), *backend);
  std::vector<std::vector<int32_t>> prompts;
  JsonlReader reader(token_file(root, "gpt2-medium", "wikisql"));
  for (Json line; static_cast<int64_t>(prompts.size()) < kPrompts && reader.next(line);)
    line.at("prompt_ids").get_to(prompts.emplace_back());
  DecodingSettings settings;
  settings.max_new = settings.min_new = kNewTokens;
  settings.end_ids = {50256};
  const GeneratorOptions options{kPrompts, 1 << 20};
  double best = 0;
  for (int i = 0; i < 3; ++i) {
    const Clock::time_point start = Clock::now();
    generate(*model, nullptr, prompts, settings, options, [](size_t, Prediction) {});
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, static_cast<double>(kPrompts * kNewTokens) / seconds);
  }
  return best;
}

std::string name_of(const TrainingWork& w) {
  return std::string(w.shape) + " " + w.task + " " + std::to_string(w.batch);
}

// The peers' lines by "WORK TASK BATCH"; one that failed has its row in `table`.
std::map<std::string, Json> peer_lines(Table& table, const char* python) {
  std::map<std::string, Json> lines;
  if (python == nullptr) return lines;
  table.with_peer("all rows over PEFT and transformers", [&] {
    // It ends with 4 where rows failed, which their lines say.
    for (const OutputLine& line :
         run_command(quoted(python) + " " +
                     quoted(std::string(RANKSCOPE_SOURCE_DIR) + "/tests/bench/peers/gpu_peft.py") +
                     " --all || [ $? = 4 ]")) {
      const Json& v = line.value;
      std::printf("peer: %s\n", v.dump().c_str());
      const std::string name = v.value("work", "") + " " + v.value("task", "");
      if (v.contains("error"))
        table.failed_row("peer of " + name, v.at("error"));
      else
        lines[name + " " + std::to_string(v.value("batch", 0))] = v;
    }
  });
  return lines;
}

}  // namespace

int print_gpu_table() {
  const std::vector<GpuInfo> found = gpus();
  const std::vector<int> usable = usable_gpus(found);
  if (usable.empty()) {
    std::printf("gpu: no GPU here; nothing is measured\n");
    return 0;
  }
  const fs::path root = fs::path(RANKSCOPE_BENCH_FOLDER);
  fs::create_directories(root);
  const GpuInfo& gpu = found[static_cast<size_t>(usable.front())];
  std::printf("%s, driver %s\n", gpu.name.c_str(), gpu.driver.c_str());
  double gemm = 0;
  {
    const auto backend = make_first_backend();
    gemm = product_gflops(*backend, 8192, 8192, 8192, 0.3) * 1e9;
    std::printf("bf16 products %.0f TFLOP/s, memory %.0f GB/s\n", gemm * 1e-12,
                memory_gigabytes(*backend, 0.1));
  }
  // One work alone, for a profiler: a row of kTraining ("gpt2-medium wikisql 16"), "trials" or
  // "decode". No table.
  const char* only = std::getenv("RANKSCOPE_BENCH_WORK");
  Trials trials;
  std::vector<Measured> trained;
  for (const TrainingWork& w : kTraining) {
    trained.emplace_back();
    if (only != nullptr && only != name_of(w)) continue;
    trained.back() = train(w, root);
    const Measured& m = trained.back();
    std::printf("%s: %.0f tokens/s, %.1f ms a step, %.1f TFLOP/s useful, peak %.0f MiB\n",
                name_of(w).c_str(), m.tokens_per_second, m.seconds_a_step * 1e3,
                m.useful_flops_per_second * 1e-12, m.peak_mib);
    std::fflush(stdout);
  }
  if (only == nullptr || only == std::string("trials")) {
    trials = train_trials(root);
    std::printf("stories3m, %d trials: %.0f tokens/s together, %.0f one after the other\n", kTrials,
                trials.together, trials.in_turn);
    std::fflush(stdout);
  }
  double decoded = 0;
  if (only == nullptr || only == std::string("decode")) {
    decoded = decode(root);
    std::printf("gpt2-medium greedy, %lld sequences: %.0f new tokens/s\n",
                static_cast<long long>(kPrompts), decoded);
    std::fflush(stdout);
  }
  if (only != nullptr) return 0;

  Table table(root / "gpu_table.json");
  const std::map<std::string, Json> peers = peer_lines(table, peers_python());
  for (size_t i = 0; i < trained.size(); ++i) {
    const TrainingWork& w = kTraining[i];
    const std::string name = name_of(w);
    table.row(name + ": useful FLOPs over the rate of products",
              trained[i].useful_flops_per_second / gemm, w.must_gemm, w.aim_gemm);
    const auto peer = peers.find(name);
    if (peer == peers.end()) continue;
    table.row(name + ": tokens/s over PEFT",
              trained[i].tokens_per_second / peer->second.at("tokens_per_second").get<double>(),
              w.must_peer, w.aim_peer);
    table.row(name + ": peak memory over PEFT",
              trained[i].peak_mib / peer->second.at("peak_memory_mib").get<double>(), w.must_memory,
              w.aim_memory, true);
  }
  if (const auto peer = peers.find("gpt2-medium-decode wikisql 64"); peer != peers.end())
    table.row("gpt2-medium greedy: new tokens/s over transformers",
              decoded / peer->second.at("tokens_per_second").get<double>(), 4, 10);
  table.row("stories3m, 16 trials: together over one after the other",
            trials.together / trials.in_turn, 4, 10);
  if (const auto peer = peers.find("stories3m wikisql 16"); peer != peers.end())
    table.row("stories3m, 16 trials: together over PEFT one after the other",
              trials.together / peer->second.at("tokens_per_second").get<double>(), 15, 40);
  return table.finish();
}

}  // namespace rankscope::bench
