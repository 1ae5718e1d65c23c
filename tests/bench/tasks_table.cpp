#include "tests/bench/tasks_table.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>

#include "common/draws.h"
#include "common/files.h"
#include "common/jsonl.h"
#include "datasets/readers/wikisql.h"
#include "datasets/tokenizer/tokenizer.h"
#include "engine/backend/cpu/reference_rate.h"
#include "engine/decoding/generator.h"
#include "engine/decoding/ranking.h"
#include "engine/training/useful_flops.h"
#include "metrics/rouge.h"
#include "tests/bench/bench_inputs.h"
#include "tests/bench/command_table.h"
#include "tests/bench/shared_data.h"

namespace rankscope::bench {

namespace {

namespace fs = std::filesystem;

constexpr int kThreads = 2;
constexpr int64_t kNewTokens = 64;
const char* const kTokenizers[] = {"gpt2-tokenizer", "stories3m", "stories260k"};

// The fastest of three runs: what else the machine does makes a run slower, never faster.
double seconds_of(const std::function<void()>& work) {
  double best = 1e30;
  for (int round = 0; round < 3; ++round) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

// The first `count` prompts of the task's token file, as a file that peers read too.
std::vector<std::vector<int32_t>> prompts_of(const fs::path& root, const std::string& shape,
                                             size_t count, const fs::path& file) {
  std::vector<std::vector<int32_t>> prompts;
  std::string text;
  JsonlReader reader(token_file(root, shape, "wikisql"));
  for (Json line; prompts.size() < count && reader.next(line);) {
    prompts.push_back(line.at("prompt_ids").get<std::vector<int32_t>>());
    text += Json({{"prompt_ids", prompts.back()}}).dump() + "\n";
  }
  write_file_atomically(file, text);
  return prompts;
}

struct DecodingWork {
  const char* shape;
  int64_t beams;
  size_t prompts;
  double must, aim;
};

// What the mathematics of continuing the prompts needs: their rows once, each beam's new ones.
double decoding_flops(Model& model, const std::vector<std::vector<int32_t>>& prompts,
                      int64_t beams) {
  Settings none;
  const auto adaptation = make_method("none", none)->adapt(model, 0);
  const auto forward = [&](const std::vector<int32_t>& prompt, int64_t tokens) {
    const TokenExample example{prompt, std::vector<int32_t>(static_cast<size_t>(tokens))};
    const TokenExample* const all[] = {&example};
    const uint64_t draw_ids[] = {0};
    return useful_flops(model.shape(), *adaptation, pack_batch(all, draw_ids), false);
  };
  double flops = 0;
  for (const std::vector<int32_t>& prompt : prompts) {
    const double first = forward(prompt, 1);
    flops += first + static_cast<double>(beams) * (forward(prompt, kNewTokens) - first);
  }
  return flops;
}

void decoding_row(Table& table, const char* python, const fs::path& root, const DecodingWork& w) {
  const fs::path file = root / (std::string(w.shape) + "-prompts.jsonl");
  const auto prompts = prompts_of(root, w.shape, w.prompts, file);
  const auto backend = make_cpu_backend(kThreads);
  const auto model = load_model(model_folder(root, w.shape), *backend);
  DecodingSettings settings;
  settings.max_new = settings.min_new = kNewTokens;
  settings.beams = w.beams;
  for (const int64_t id : model->config().eos_ids)
    settings.end_ids.push_back(static_cast<int32_t>(id));
  const auto decode = [&] {
    generate(*model, nullptr, prompts, settings, {}, [](size_t, Prediction) {});
  };
  const double tokens = static_cast<double>(prompts.size() * kNewTokens);
  const double rate = tokens / seconds_of(decode);
  std::printf("%s, beams %lld: %.0f new tokens/s\n", w.shape, static_cast<long long>(w.beams),
              rate);
  if (python == nullptr) return;
  const double bound =
      tokens / (decoding_flops(*model, prompts, w.beams) * 1e-9 / reference_sgemm_gflops(kThreads));
  const std::string work = std::string(w.shape) + " beams " + std::to_string(w.beams) +
                           ": new tokens/s over transformers";
  table.with_peer(work, [&] {
    const double peer = run_peer(python, "generate_speed.py",
                                 "--model " + quoted(model_folder(root, w.shape)) + " --prompts " +
                                     quoted(file) + " --beams " + std::to_string(w.beams) +
                                     " --threads " + std::to_string(kThreads))
                            .at("new_tokens_per_second");
    table.row(work, rate / peer, w.must, w.aim, false, bound / peer);
  });
}

void ranking_row(Table& table, const char* python, const fs::path& root) {
  const fs::path file = root / "stories3m-choices.jsonl";
  const Draws draws(1, "bench", "choices");
  std::vector<RankedPrompt> prompts;
  std::string text;
  JsonlReader reader(token_file(root, "stories3m", "mnli"));
  uint64_t next = 0;
  for (Json line; reader.next(line);) {
    RankedPrompt& prompt = prompts.emplace_back();
    line.at("prompt_ids").get_to(prompt.prompt);
    // As long as " true", " neither" and " false" with the end token are to stories3m's tokenizer.
    for (const size_t length : {3, 4, 5}) {
      std::vector<int32_t>& choice = prompt.choices.emplace_back(length);
      for (int32_t& id : choice) id = static_cast<int32_t>(draws.below(next++, 4096));
    }
    text += Json({{"prompt_ids", prompt.prompt}, {"choices", prompt.choices}}).dump() + "\n";
  }
  write_file_atomically(file, text);
  const auto backend = make_cpu_backend(kThreads);
  const auto model = load_model(model_folder(root, "stories3m"), *backend);
  const double rate =
      static_cast<double>(prompts.size()) / seconds_of([&] {
        rank_choices(*model, nullptr, prompts, 1024, [](size_t, std::span<const double>) {});
      });
  std::printf("stories3m, MNLI ranked: %.0f examples/s\n", rate);
  if (python == nullptr) return;
  const std::string work = "stories3m MNLI ranked: examples/s over PyTorch";
  table.with_peer(work, [&] {
    const double peer =
        run_peer(python, "rank_speed.py",
                 "--model " + quoted(model_folder(root, "stories3m")) + " --prompts " +
                     quoted(file) + " --threads " + std::to_string(kThreads))
            .at("examples_per_second");
    table.row(work, rate / peer, 5, 10);
  });
}

// The pairs: each of SAMSum's summaries against another.
void rouge_row(Table& table, const char* python, const fs::path& root) {
  std::vector<std::string> summaries;
  for (const Json& row : read_json_file(shared_data("samsum/val.json")))
    summaries.push_back(row.at("summary"));
  const auto other = [&](size_t i) -> const std::string& {
    return summaries[(i * 7 + 1) % summaries.size()];
  };
  const double seconds = seconds_of([&] {
    RougeScorer scorer(true);
    for (size_t i = 0; i < summaries.size(); ++i) scorer.score(summaries[i], other(i));
  });
  const double rate = static_cast<double>(summaries.size()) / seconds;
  std::printf("ROUGE with stemmer: %.0f pairs/s\n", rate);
  if (python == nullptr) return;
  std::string text;
  for (size_t i = 0; i < summaries.size(); ++i)
    text += Json({{"reference", summaries[i]}, {"prediction", other(i)}}).dump() + "\n";
  const fs::path file = root / "rouge-pairs.jsonl";
  write_file_atomically(file, text);
  const std::string work = "ROUGE with stemmer: pairs/s over rouge_score";
  table.with_peer(work, [&] {
    const double peer =
        run_peer(python, "rouge_speed.py", "--pairs " + quoted(file)).at("pairs_per_second");
    table.row(work, rate / peer, 20, 60);
  });
}

void tokenizer_rows(Table& table, const char* python) {
  std::vector<std::string> lines;
  double bytes = 0;
  for (const char* name : {"mnli/dev_matched.jsonl", "samsum/val.json"}) {
    LineReader reader(shared_data(name));
    for (std::string_view line; reader.next(line);) {
      lines.emplace_back(line);
      bytes += static_cast<double>(line.size());
    }
  }
  for (const char* name : kTokenizers) {
    const fs::path folder = shared_model(name);
    const Tokenizer tokenizer = Tokenizer::load(folder);
    std::vector<int32_t> ids;
    const double rate = bytes / (1 << 20) / seconds_of([&] {
                          for (const std::string& line : lines) {
                            ids.clear();
                            tokenizer.encode(line, true, ids);
                          }
                        });
    std::printf("tokenizing, %s: %.1f MiB/s\n", name, rate);
    if (python == nullptr) continue;
    const std::string work = "tokenizing, " + std::string(name) + ": over tokenizers";
    table.with_peer(work, [&] {
      const double peer =
          run_peer(python, "tokenizers_speed.py",
                   "--shared " + quoted(folder.parent_path().parent_path()) + " --models " + name)
              .at("mib_per_second");
      table.row(work, rate / peer, 1, 3);
    });
  }
}

void wikisql_rows(Table& table) {
  table.row("WikiSQL train with its tables read, s",
            seconds_of([] { read_wikisql(shared_data("wikisql/train.jsonl")); }), 1.0, 0.3, true);
  const WikisqlQueries data = read_wikisql_queries(8000);
  table.row("8,000 WikiSQL queries executed, s", seconds_of([&] {
              WikisqlDatabase database;
              for (const auto& [id, one] : data.tables) database.add_table(one);
              for (const auto& [id, query] : data.queries) database.execute(id, query);
            }),
            2.0, 0.5, true);
}

}  // namespace

int print_tasks_table() {
  const fs::path root = RANKSCOPE_BENCH_FOLDER;
  fs::create_directories(root);
  const char* python = peers_python();
  Table table(root / "tasks_table.json");
  for (const DecodingWork& work :
       {DecodingWork{"stories3m", 1, 256, 6, 13}, DecodingWork{"gpt2-small", 1, 64, 4, 6.5},
        DecodingWork{"stories3m", 4, 128, 6, 15}})
    decoding_row(table, python, root, work);
  ranking_row(table, python, root);
  std::vector<fs::path> needed{shared_data("samsum/val.json"), shared_data("wikisql/train.jsonl"),
                               shared_data("mnli/dev_matched.jsonl")};
  for (const char* name : kTokenizers) needed.push_back(shared_model(name));
  if (std::ranges::all_of(needed, is_there)) {
    rouge_row(table, python, root);
    tokenizer_rows(table, python);
    wikisql_rows(table);
  } else {
    std::printf("shared models or data are not on this machine: their rows are left out\n");
  }
  return table.finish();
}

}  // namespace rankscope::bench
