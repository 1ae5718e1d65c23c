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
#include "experiments/task_examples.h"
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

using Prompts = std::vector<std::vector<int32_t>>;

// Random ids of the lengths of WikiSQL's prompts, no two of which begin alike.
Prompts unrelated_prompts(const fs::path& root, const std::string& shape, size_t count) {
  Prompts prompts;
  JsonlReader reader(token_file(root, shape, "wikisql"));
  for (Json line; prompts.size() < count && reader.next(line);)
    prompts.push_back(line.at("prompt_ids").get<std::vector<int32_t>>());
  return prompts;
}

// WikiSQL's first dev prompts: neighbours ask about the same table.
Prompts real_prompts(const std::string& tokenizer, const ModelConfig& config, size_t count) {
  DataSource source;
  source.task = "wikisql";
  source.data = shared_data("wikisql");
  source.split = "dev";
  source.limit = count;
  const BaseTokenizer base_tokenizer(shared_model(tokenizer), config);
  Prompts prompts;
  for (Prompt& prompt :
       task_prompts(read_task_examples(source, base_tokenizer, config, kNewTokens, false), false))
    prompts.push_back(std::move(prompt.ids));
  return prompts;
}

// As peers read them.
void write_prompts(const fs::path& file, const Prompts& prompts) {
  std::string text;
  for (const auto& prompt : prompts) text += Json({{"prompt_ids", prompt}}).dump() + "\n";
  write_file_atomically(file, text);
}

struct DecodingWork {
  const char* shape;
  const char* tokenizer;
  int64_t beams;
  size_t prompts;
  double must, aim;
};

// What the mathematics of continuing the prompts needs: their rows, of those with which one begins
// as the one before it does once, and each beam's new ones.
double decoding_flops(Model& model, const Prompts& prompts, int64_t beams) {
  Settings none;
  const auto adaptation = make_method("none", none)->adapt(model, 0);
  const auto forward = [&](std::span<const std::vector<int32_t>> some, int64_t tokens) {
    std::vector<TokenExample> examples;
    for (const std::vector<int32_t>& prompt : some)
      examples.push_back({prompt, std::vector<int32_t>(static_cast<size_t>(tokens))});
    std::vector<const TokenExample*> all;
    for (const TokenExample& example : examples) all.push_back(&example);
    const Batch batch = pack_batch(all, std::vector<uint64_t>(all.size()), SharedRows::kAny);
    return useful_flops(model.shape(), *adaptation, batch, false);
  };
  double flops = forward(prompts, 1);
  for (const std::vector<int32_t>& prompt : prompts) {
    const std::span one(&prompt, 1);
    flops += static_cast<double>(beams) * (forward(one, kNewTokens) - forward(one, 1));
  }
  return flops;
}

void decoding_row(Table& table, const char* python, const fs::path& root, const DecodingWork& w) {
  const auto backend = make_cpu_backend(kThreads);
  const auto model = load_model(model_folder(root, w.shape), *backend);
  DecodingSettings settings;
  settings.max_new = settings.min_new = kNewTokens;
  settings.beams = w.beams;
  for (const int64_t id : model->config().eos_ids)
    settings.end_ids.push_back(static_cast<int32_t>(id));
  const double tokens = static_cast<double>(w.prompts * kNewTokens);
  const auto rate_of = [&](const Prompts& prompts, const char* what) {
    const double rate =
        tokens / seconds_of([&] {
          generate(*model, nullptr, prompts, settings, {}, [](size_t, Prediction) {});
        });
    std::printf("%s, beams %lld, %s: %.0f new tokens/s\n", w.shape, static_cast<long long>(w.beams),
                what, rate);
    return rate;
  };
  Prompts prompts = unrelated_prompts(root, w.shape, w.prompts);
  double rate = rate_of(prompts, "prompts that share nothing");
  if (is_there(shared_data("wikisql/dev.jsonl")) && is_there(shared_model(w.tokenizer))) {
    prompts = real_prompts(w.tokenizer, model->config(), w.prompts);
    rate = rate_of(prompts, "WikiSQL's prompts");
  }
  if (python == nullptr) return;
  const fs::path file = root / (std::string(w.shape) + "-prompts.jsonl");
  write_prompts(file, prompts);
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
  for (const DecodingWork& work : {DecodingWork{"stories3m", "stories3m", 1, 256, 6, 13},
                                   DecodingWork{"gpt2-small", "gpt2-tokenizer", 1, 64, 4, 6.5},
                                   DecodingWork{"stories3m", "stories3m", 4, 128, 6, 15}})
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
