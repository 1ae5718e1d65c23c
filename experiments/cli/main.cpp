// The program: one subcommand per file beside this one.
#include <algorithm>
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/standard_streams.h"
#include "common/suggest.h"
#include "common/text.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/print_rows.h"
#include "experiments/environment.h"

namespace {

// The parser would say of a misspelt subcommand, or one of a subcommand's own, only that one is
// required.
void refuse_unknown_subcommand(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* parent = &app;
  for (const std::string& word : words) {
    const std::vector<const CLI::App*> commands = parent->get_subcommands({});
    if (commands.empty() || word.starts_with('-')) return;
    const auto found = std::ranges::find(commands, word, &CLI::App::get_name);
    if (found == commands.end()) {
      std::vector<std::string> known;
      for (const CLI::App* command : commands) known.push_back(command->get_name());
      throw rankscope::InputError("there is no subcommand '" + rankscope::printable(word) + "'" +
                                  rankscope::did_you_mean(word, known) +
                                  "; --help lists what is known");
    }
    parent = *found;
  }
}

const CLI::App& chosen_command(const CLI::App& app) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  return *command;
}

// The parser would put the value of an unknown option before it, and name no option that is near.
std::string unknown_words(const CLI::App& command, std::vector<std::string> words) {
  const auto values = std::ranges::stable_partition(
      words, [](const std::string& word) { return word.starts_with('-'); });
  std::string text = words.size() == 1 ? "The following argument was not expected:"
                                       : "The following arguments were not expected:";
  for (const std::string& word : words) text += " " + word;
  if (values.begin() == words.begin()) return text;
  // Dashes would make short names nearer than they are.
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options())
    known.insert(known.end(), option->get_lnames().begin(), option->get_lnames().end());
  const std::string& first = words.front();
  const std::size_t begin = std::min(first.find_first_not_of('-'), first.size());
  const std::string near =
      rankscope::nearest_name(first.substr(begin, first.find('=') - begin), known);
  return near.empty() ? text : text + "; did you mean --" + near + "?";
}

// Of a misspelt option that is required, or that another needs, the parser says that it is missing.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const auto misspelt_in = [](const std::vector<std::string>& words) {
    return std::ranges::any_of(
        words, [](const std::string& word) { return word.starts_with('-') && word != "--"; });
  };
  // Before the command's name stand options of the program.
  const CLI::App& command = misspelt_in(app.remaining()) ? app : chosen_command(app);
  const std::vector<std::string> words = command.remaining();
  const bool misspelt = misspelt_in(words);
  // By its type: the parser gives this error the command's name.
  const bool extra = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  const std::string name = error.get_name();
  const bool unknown = extra || (misspelt && (name == "RequiredError" || name == "RequiresError"));
  return unknown && !words.empty() ? unknown_words(command, words) : error.what();
}

// Of --out=, as an unset shell variable gives, the parser would take the next word as the value.
void refuse_empty_values(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--") return;
    if (!word.starts_with("--") || word.find('=') != word.size() - 1) continue;
    throw rankscope::InputError(rankscope::printable(word.substr(0, word.size() - 1)) +
                                ": is empty; give a value, or leave the option out");
  }
}

// Output that was not written must not end in success.
void flush_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  if (rankscope::stop_requested())
    throw rankscope::Interrupted("standard output was closed; what was printed is not whole");
  throw rankscope::MachineError(rankscope::kNotWritten);
}

int run(int argc, char** argv) {
  CLI::App app{"rankscope: how low-rank adaptation of a transformer behaves", "rankscope"};
  app.require_subcommand(1);
  app.set_version_flag(
      "--version", rankscope::program_text,
      "the commit that the program was built from, and the version of its numbers");
  app.footer(
      "Also, by the rankscope script: test [FILTER] runs every test, bench [FILTER] every "
      "benchmark.\nExit codes: 0 done, 1 some trial failed or a training by itself diverged, 2 "
      "usage "
      "or input error, 3 fault of the machine, 130 interrupted.");
  int exit_code = 0;
  rankscope::add_run(app, exit_code);
  rankscope::add_status(app, exit_code);
  rankscope::add_collect(app, exit_code);
  rankscope::add_trial(app, exit_code);
  rankscope::add_train(app, exit_code);
  rankscope::add_pretrain(app, exit_code);
  rankscope::add_nll(app, exit_code);
  rankscope::add_generate(app, exit_code);
  rankscope::add_merge(app, exit_code);
  rankscope::add_combine(app, exit_code);
  rankscope::add_score(app, exit_code);
  rankscope::add_query(app, exit_code);
  rankscope::add_show(app, exit_code);
  rankscope::add_export(app, exit_code);
  rankscope::add_render(app, exit_code);
  rankscope::add_tokenize(app, exit_code);
  rankscope::add_tokenizer(app, exit_code);
  rankscope::add_world(app, exit_code);
  rankscope::add_analyze(app, exit_code);
  rankscope::add_compare(app, exit_code);
  rankscope::add_claims(app, exit_code);
  rankscope::add_report(app, exit_code);
  rankscope::add_info(app, exit_code);
  rankscope::add_doctor(app, exit_code);
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  refuse_unknown_subcommand(app, words);
  refuse_empty_values(words);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& e) {
    exit_code = app.exit(e);
  } catch (const CLI::CallForAllHelp& e) {
    exit_code = app.exit(e);
  } catch (const CLI::CallForVersion& e) {
    exit_code = app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::fprintf(stderr, "rankscope: %s; --help lists what is known\n",
                 rankscope::printable(usage_error(app, e), 1000).c_str());
    return 2;
  }
  flush_output();
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    rankscope::open_closed_streams();
    rankscope::install_signal_handlers();
    return run(argc, argv);
  } catch (const rankscope::Error& e) {
    std::fprintf(stderr, "rankscope: %s\n", e.what());
    return e.exit_code();
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr,
                 "rankscope: out of memory; see `rankscope info MODEL` for what is needed\n");
    return 3;
  } catch (const std::exception& e) {
    if (std::ferror(stdout) != 0) {  // fmt::print throws what std::printf leaves to flush_output()
      std::fprintf(stderr, "rankscope: %s\n", rankscope::kNotWritten);
      return 3;
    }
    std::fprintf(stderr, "rankscope: internal error: %s; please report it\n", e.what());
    return rankscope::kInternalErrorExit;
  }
}
