// tokenizer train: a byte-level BPE from text.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "common/error.h"
#include "common/files.h"
#include "common/folders.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/text.h"
#include "datasets/tokenizer/bpe_trainer.h"
#include "datasets/tokenizer/tokenizer.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/texts.h"

namespace rankscope {

namespace {

// More would make a file beyond the 64 MiB that are read of a tokenizer.json.
constexpr std::int64_t kMostIds = std::int64_t{1} << 20;

struct TokenizerTrainCommand {
  std::string out, pattern = "gpt2";
  std::vector<std::string> data;
  BpeTrainerSettings settings;
  bool jsonl = false;
  bool json = false;
};

int run_tokenizer_train(TokenizerTrainCommand& c) {
  exit_at_first_signal();
  const auto pattern = tokenizer::find_pattern_name(c.pattern);
  if (!pattern)
    throw InputError("--pattern: '" + printable(c.pattern) + "'; known are gpt2, llama3, qwen2");
  c.settings.pattern = *pattern;
  const std::filesystem::path path = std::filesystem::path(c.out) / "tokenizer.json";
  // A model's own: another could not be read by that model.
  if (is_there(path))
    throw InputError("'" + printable_path(path) + "' exists; give another --out folder");
  if (std::ranges::count(c.data, kStandardInput) > 1)
    throw InputError("--data: standard input is given twice, and is read once");
  BpeTrainer trainer(c.settings);
  bool any_text = false;
  for (const std::string& file : c.data) {
    for_each_text(file, c.jsonl, [&](std::string_view text, const std::string&) {
      any_text |= !text.empty();
      // A line's end is part of the text that a model will see.
      trainer.add(c.jsonl ? std::string(text) : std::string(text) + "\n");
    });
  }
  if (!any_text) {
    std::vector<std::string> files;
    for (const std::string& file : c.data) files.push_back(printable_path(file));
    throw InputError("--data: there is no text in " + listed(shortened(files, " files")) +
                     "; give files of text to learn from");
  }
  const std::string json = trainer.train();
  const Tokenizer tokenizer = Tokenizer::parse(json, printable_path(path));
  make_folder(c.out, "give another --out folder");
  write_file_atomically(path, json);
  const auto ids = static_cast<long long>(tokenizer.id_count());
  if (ids < c.settings.vocabulary) {
    log::info(
        "{} ids came out of {} asked for: no other pair of tokens stands in the text {}; give "
        "more text, or ask for fewer",
        ids, c.settings.vocabulary,
        c.settings.min_count == 1 ? "once" : fmt::format("{} times", c.settings.min_count));
  }
  if (c.json) {
    std::printf("{\"ids\":%lld}\n", ids);
  } else {
    std::printf("%s: %lld ids\n", path.c_str(), ids);
  }
  return 0;
}

}  // namespace

void add_tokenizer(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<TokenizerTrainCommand>();
  c->settings.special_tokens = {"<|endoftext|>"};
  CLI::App* group = app.add_subcommand("tokenizer", "make a tokenizer");
  group->require_subcommand(1);
  CLI::App* command = group->add_subcommand("train", "byte-level BPE from text, as tokenizer.json");
  repeatable(
      command->add_option("--data", c->data,
                          "a file of one text a line, in UTF-8 (other bytes are read as U+FFFD, "
                          "and the lines that hold them counted); -: from standard input; may be "
                          "repeated"))
      ->required()
      ->transform(dash_is_standard_input());
  command->add_flag("--jsonl", c->jsonl, "each line is a JSON string");
  command->add_option("--vocab", c->settings.vocabulary, "how many ids, special tokens included")
      ->required()
      ->transform(whole_number(257, kMostIds));
  command->add_option("--out", c->out, "folder for tokenizer.json, which has none yet")->required();
  command->add_option("--pattern", c->pattern, "how text is cut: gpt2, llama3 or qwen2")
      ->capture_default_str();
  repeatable(command->add_option("--special", c->settings.special_tokens,
                                 "a special token, of the first ids; may be repeated"))
      ->capture_default_str();
  command->add_option("--min-count", c->settings.min_count, "merge only pairs seen this often")
      ->capture_default_str()
      ->transform(whole_number(1, std::int64_t{1} << 40));
  command->add_flag("--json", c->json, "one line of JSON on standard output");
  command->callback([c, &exit_code] { exit_code = run_tokenizer_train(*c); });
}

}  // namespace rankscope
