// generate: continues prompts, or picks the likeliest of their choices.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "common/error.h"
#include "common/json_optional.h"
#include "common/log.h"
#include "engine/checkpoint/adapter.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/data_options.h"
#include "experiments/cli/device_options.h"
#include "experiments/limits.h"
#include "experiments/predictions.h"
#include "experiments/task_examples.h"

namespace rankscope {

namespace {

// Predictions are printed in the order of the prompts, so the first ones wait for as many others.
constexpr std::size_t kReordered = 256;

struct GenerateCommand {
  std::string model, adapter, prompts;
  std::vector<std::string> texts;
  DataOptions data;
  DecodingSettings decoding;
  std::vector<std::string> stop;
  std::int64_t in_flight = 32;
  std::int64_t tokens_at_once = 1024;
  std::int64_t max_prompt = 0;
  bool unmerged = false;
  bool free_text = false;
  DeviceSettings device;
  bool json = false;
};

struct Base {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Model> model;
  std::unique_ptr<Adaptation> adaptation;  // null: none, or merged
  std::optional<BaseTokenizer> tokenizer;
};

// Prints predictions in the order of the prompts, whatever the order in which they come.
class Printer {
 public:
  Printer(const std::vector<Prompt>& prompts, bool json)
      : prompts_(prompts), json_(json), begin_(std::chrono::steady_clock::now()) {}

  void add(std::size_t index, OrderedJson line, std::size_t tokens) {
    done_ += 1;
    tokens_ += tokens;
    waiting_.emplace(index, std::move(line));
    const std::size_t before = printed_;
    for (auto next = waiting_.find(printed_); next != waiting_.end();
         next = waiting_.find(++printed_)) {
      print(next->second);
      waiting_.erase(next);
    }
    if (printed_ > before) std::fflush(stdout);  // for who reads them from a pipe
    progress_.update(status());
  }

  void finish() { progress_.finish(status()); }

  // What waits for predictions that will not come.
  void print_rest() {
    for (const auto& [index, line] : waiting_) print(line);
    waiting_.clear();
  }

 private:
  void print(const OrderedJson& line) const {
    const std::string text =
        json_ ? json_text(line) + "\n"
              : fmt::format(
                    "{}: {}\n", json_text(line.at("id")),
                    json_text(line.at(line.at("prediction").is_null() ? "ids" : "prediction")));
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
      throw MachineError("cannot write to standard output; is it closed, or its disk full?");
  }

  std::string status() const {
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    const double left =
        seconds / static_cast<double>(done_) * static_cast<double>(prompts_.size() - done_);
    return fmt::format("{}/{} predictions  {:.0f} tokens/s  {:.0f} s left", done_, prompts_.size(),
                       static_cast<double>(tokens_) / seconds, left);
  }

  const std::vector<Prompt>& prompts_;
  bool json_;
  std::chrono::steady_clock::time_point begin_;
  log::Progress progress_;
  std::map<std::size_t, OrderedJson> waiting_;
  std::size_t printed_ = 0, done_ = 0, tokens_ = 0;
};

OrderedJson line_of(const Prompt& prompt, const PromptPrediction& prediction) {
  OrderedJson line;
  line["id"] = prompt.written_id;
  line["prediction"] = json_or_null(prediction.text);
  line["ids"] = prediction.ids;
  if (prediction.score) line["score"] = *prediction.score;
  if (!prediction.log_likelihoods.empty()) line["log_likelihoods"] = prediction.log_likelihoods;
  return line;
}

Base load_base(const GenerateCommand& c) {
  Base base;
  base.backend = make_backend(c.device);
  base.model = load_model(c.model, *base.backend);
  if (!c.adapter.empty())
    base.adaptation = (c.unmerged ? load_adapter : load_merged_adapter)(c.adapter, *base.model);
  if (has_tokenizer(c.model)) base.tokenizer.emplace(c.model, base.model->config());
  return base;
}

int run_generate(GenerateCommand& c) {
  if (int{!c.prompts.empty()} + int{!c.texts.empty()} + int{!c.data.source.task.empty()} != 1)
    throw InputError("give one of --prompts FILE, --prompt TEXT, and --task NAME with --data");
  if (!c.data.source.task.empty() && c.data.data.empty())
    throw InputError("--task: give the task's folder or file with --data");
  if (c.decoding.min_new > c.decoding.max_new)
    throw InputError("--min-new: is more than --max-new");
  if (c.max_prompt > 0 && !c.data.source.task.empty())
    throw InputError("--max-prompt requires --prompts or --prompt; a task has --max-tokens");
  refuse_tables_of_standard_input(c.data);
  if (!c.data.source.task.empty() && c.data.source.split.empty())
    c.data.source.split = find_task(c.data.source.task).scored_split;
  const Base base = load_base(c);
  const BaseTokenizer* const tokenizer = base.tokenizer ? &*base.tokenizer : nullptr;
  c.decoding.end_ids =
      ending_tokens(base.model->config(), tokenizer, c.data.source.end_token, c.stop);
  const ModelConfig config =
      config_beside(base.model->config(), special_tokens_of(base.adaptation.get()));
  std::vector<Prompt> prompts;
  PromptLimits limits{c.decoding.max_new, c.max_prompt, !c.free_text};
  if (!c.decoding.end_ids.empty()) limits.end_token = c.decoding.end_ids.front();
  if (!c.data.source.task.empty()) {
    if (tokenizer == nullptr) throw InputError("--task: the model's folder has no tokenizer.json");
    TaskExamples task = read_task_examples(c.data.get(), *tokenizer, config, c.decoding.max_new,
                                           false, !c.free_text);
    log_reports(task);
    prompts = task_prompts(std::move(task), !c.free_text);
  } else if (!c.texts.empty()) {
    prompts = prompts_of_texts(c.texts, tokenizer, config, limits);
  } else {
    prompts = read_prompt_file(c.prompts, tokenizer, config, limits);
  }
  Printer printer(prompts, c.json);
  try {
    predict(*base.model, base.adaptation.get(), tokenizer, prompts, c.decoding,
            {c.in_flight, c.tokens_at_once}, kReordered,
            [&](std::size_t index, PromptPrediction prediction) {
              printer.add(index, line_of(prompts[index], prediction), prediction.tokens);
            });
  } catch (const MachineError&) {  // where lines could not be printed, no others can
    throw;
  } catch (...) {
    printer.print_rest();
    throw;
  }
  printer.finish();
  return 0;
}

}  // namespace

void add_generate(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<GenerateCommand>();
  CLI::App* command =
      app.add_subcommand("generate", "continue prompts, or pick the likeliest of their choices");
  command->add_option("--model", c->model, "Hugging Face folder of the base")
      ->required()
      ->check(not_empty());
  command->add_option("--adapter", c->adapter, "PEFT folder, or one that train wrote")
      ->check(not_empty());
  command
      ->add_option("--prompts", c->prompts,
                   "lines of {\"id\", \"prompt\" or \"prompt_ids\"}; with \"choices\" (texts) the "
                   "prediction is the likeliest of them; -: from standard input")
      ->check(not_empty())
      ->transform(dash_is_standard_input());
  repeatable(command->add_option("--prompt", c->texts, "a text to continue; may be repeated"));
  c->data.source.split.clear();  // the task's
  add_data_options(*command, c->data, "")->transform(dash_is_standard_input());
  command->add_option("--max-new", c->decoding.max_new, "most new tokens of a prediction")
      ->capture_default_str()
      ->transform(whole_number(1, std::int64_t{1} << 30));
  command->add_option("--min-new", c->decoding.min_new, "tokens before a text may end")
      ->transform(whole_number(0, std::int64_t{1} << 30));
  command->add_option("--beams", c->decoding.beams, "width of the beam search; 1: greedy")
      ->capture_default_str()
      ->transform(whole_number(1, 1000));
  command
      ->add_option("--length-penalty", c->decoding.length_penalty,
                   "beam search: finished scores are divided by length to this power")
      ->capture_default_str()
      ->check(real_number(-kLargestLengthPenalty, kLargestLengthPenalty));
  command
      ->add_option("--no-repeat-ngram", c->decoding.no_repeat_ngram,
                   "no n-gram of this length twice; 0: no rule")
      ->capture_default_str()
      ->transform(whole_number(0, 1 << 20));
  repeatable(command->add_option("--stop", c->stop,
                                 "another token or id that ends a text; may be repeated"));
  command
      ->add_option("--max-prompt", c->max_prompt,
                   "of --prompts and --prompt: longer ones keep their first N tokens; 0: they are "
                   "refused where they do not fit")
      ->transform(whole_number(0, std::int64_t{1} << 30));
  command
      ->add_flag("--unmerged", c->unmerged,
                 "leave the adapter beside the weights (default: merged into them)")
      ->needs("--adapter");
  command->add_flag("--free", c->free_text, "generate text where there are choices too");
  command
      ->add_option("--in-flight", c->in_flight,
                   "prompts continued at a time (changes speed and memory, no result)")
      ->capture_default_str()
      ->transform(whole_number(1, 1 << 20));
  add_device_options(*command, c->device);
  command->add_flag("--json", c->json, "a line a prompt: {\"id\", \"prediction\", \"ids\"}");
  command->callback([c, &exit_code] { exit_code = run_generate(*c); });
}

}  // namespace rankscope
