// tokenize: texts to token ids, and back.
#include <cerrno>
#include <cstdio>
#include <limits>
#include <memory>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "common/jsonl.h"
#include "common/text.h"
#include "datasets/tokenizer/tokenizer.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/texts.h"

namespace rankscope {

namespace {

struct TokenizeCommand {
  std::string model, file;
  bool jsonl = false;
  bool decode = false;
  bool bare = false;
  bool skip_special = false;
  bool json = false;
};

// A full disk or a closed pipe must not pass for a complete result.
void put_line(const std::string& line) {
  if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size())
    throw MachineError("cannot write to standard output: " + system_error_text(errno));
}

std::vector<int32_t> read_ids(std::string_view line, const Tokenizer& tokenizer,
                              const std::string& file, uint64_t line_number) {
  const Json array = parse_json(line, file, {}, line_number);
  const std::string where = file + ":" + std::to_string(line_number);
  if (!array.is_array())
    throw InputError(where + ": must be a JSON array of ids, not " + json_excerpt(array));
  std::vector<int32_t> ids;
  for (const Json& value : array) {
    const bool fits =
        value.is_number_unsigned() && value.get<uint64_t>() <= std::numeric_limits<int32_t>::max();
    const int32_t id = fits ? value.get<int32_t>() : -1;
    if (tokenizer.token_of(id) == nullptr) {
      throw InputError(where + ": " + json_excerpt(value) +
                       " is no id of this tokenizer, which has " +
                       std::to_string(tokenizer.id_count()));
    }
    ids.push_back(id);
  }
  return ids;
}

void decode_file(const TokenizeCommand& c, const Tokenizer& tokenizer) {
  const std::string name = printable(c.file, 300);
  LineReader lines(c.file);
  for (std::string_view line; lines.next(line);) {
    const std::vector<int32_t> ids = read_ids(line, tokenizer, name, lines.line_number());
    put_line(Json(tokenizer.decode(ids, c.skip_special)).dump() + "\n");
  }
}

void encode_file(const TokenizeCommand& c, const Tokenizer& tokenizer) {
  std::vector<int32_t> ids;
  std::string out;
  for_each_text(c.file, c.jsonl, [&](std::string_view text, const std::string&) {
    ids.clear();
    tokenizer.encode(text, !c.bare, ids);
    out = "[";
    for (size_t i = 0; i < ids.size(); ++i) {
      if (i > 0) out += ',';
      out += std::to_string(ids[i]);
    }
    put_line(out += "]\n");
  });
}

int run_tokenize(const TokenizeCommand& c) {
  exit_at_first_signal();
  const Tokenizer tokenizer = Tokenizer::load(c.model);
  if (c.decode) {
    decode_file(c, tokenizer);
  } else {
    encode_file(c, tokenizer);
  }
  if (std::fflush(stdout) != 0)
    throw MachineError("cannot write to standard output: " + system_error_text(errno));
  return 0;
}

}  // namespace

void add_tokenize(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<TokenizeCommand>();
  CLI::App* command = app.add_subcommand("tokenize", "token ids of each line of a file, and back");
  command
      ->add_option("--model", c->model, "folder with tokenizer.json, or vocab.json and merges.txt")
      ->required();
  command
      ->add_option("file", c->file,
                   "one text a line, in UTF-8 (other bytes are read as U+FFFD, and the lines that "
                   "hold them counted); -: from standard input")
      ->required()
      ->transform(dash_is_standard_input());
  CLI::Option* jsonl = command->add_flag("--jsonl", c->jsonl, "each line is a JSON string");
  CLI::Option* bare = command->add_flag("--no-special-tokens", c->bare,
                                        "leave out what the tokenizer's template adds");
  CLI::Option* decode = command->add_flag(
      "--decode", c->decode, "lines of ids in, as this command prints them; JSON strings out");
  decode->excludes(jsonl)->excludes(bare);
  command->add_flag("--skip-special-tokens", c->skip_special, "decode without special tokens")
      ->needs(decode);
  command->add_flag("--json", c->json, "changes nothing: the output is JSON Lines");
  command->callback([c, &exit_code] { exit_code = run_tokenize(*c); });
}

}  // namespace rankscope
