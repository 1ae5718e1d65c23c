#include "experiments/task_examples.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "common/error.h"
#include "common/files.h"
#include "common/log.h"
#include "common/text.h"
#include "experiments/chosen_template.h"

namespace rankscope {

std::filesystem::path file_of(const DataSource& source) {
  return is_folder(source.data) ? find_split(find_task(source.task), source.data, source.split)
                                : source.data;
}

std::uint64_t read_limit(const DataSource& source) {
  return source.limit > 0 ? source.skip + source.limit : 0;
}

std::int64_t most_tokens(const DataSource& source, const ModelConfig& config) {
  const std::int64_t whole = config.context + config.context_taken;
  if (source.max_tokens > whole) {
    throw InputError(fmt::format("--max-tokens: {} is more than the model's context, {}",
                                 source.max_tokens, whole));
  }
  return source.max_tokens > 0 ? std::min(source.max_tokens, config.context) : config.context;
}

namespace {

// What makes room where no example fits into `most` tokens, `reserved` of them for a prediction.
std::string advice_to_fit(const ModelConfig& config, std::int64_t most, std::int64_t reserved) {
  std::vector<std::string> ways;
  if (most < config.context) ways.emplace_back("raise max_tokens");
  if (reserved > 0) ways.emplace_back("lower max_new");
  if (config.context_taken > 0) ways.emplace_back("take fewer special tokens");
  if (ways.empty()) ways.emplace_back("shorten the template or take a base of a longer context");
  return fmt::format("{}; the model's context is {}", fmt::join(ways, " or "),
                     context_text(config));
}

}  // namespace

TaskExamples read_task_examples(const DataSource& source, const BaseTokenizer& tokenizer,
                                const ModelConfig& config, std::int64_t reserved_tokens,
                                bool need_targets, bool rank) {
  TaskExamples out;
  out.task = &find_task(source.task);
  out.file = file_of(source);
  const CompiledTemplate form(*out.task,
                              chosen_template(*out.task, source.template_keys, "--template"));
  RecordSet set = read_records(*out.task, out.file, {},
                               {.limit = read_limit(source), .allow_unlabelled = !need_targets});
  if (set.records.size() <= source.skip) {
    throw InputError(fmt::format("{}: has {} usable examples, none is left behind the first {}",
                                 printable_path(out.file), set.records.size(), source.skip));
  }
  set.records.erase(set.records.begin(),
                    set.records.begin() + static_cast<std::ptrdiff_t>(source.skip));
  out.read = std::move(set.report);
  const std::int64_t most = most_tokens(source, config);
  EncodeLimits limits{.max_tokens = static_cast<std::size_t>(most),
                      .end_token = end_tokens(config, tokenizer, source.end_token).front()};
  const Encode encode = [&](std::string_view text, Part part) {
    return tokenizer.encode(text, part);
  };
  for (const Record& record : set.records) {
    std::vector<std::string> choices = form.choices(record);
    limits.reserved_tokens =
        rank && !choices.empty() ? 0 : static_cast<std::size_t>(reserved_tokens);
    std::optional<EncodedExample> example;
    try {
      example = encode_example(form, record, encode, limits, out.encoded);
    } catch (const InputError& error) {
      throw InputError(
          fmt::format("{}:{}: {}", printable_path(out.file), record.line, error.what()));
    }
    if (!example) continue;
    if (example->prompt.empty()) {
      throw InputError(
          fmt::format("{}:{}: the prompt of '{}' has no token; the base begins no text "
                      "with a token of its own",
                      printable_path(out.file), record.line, printable(record.id)));
    }
    out.choice_texts.push_back(std::move(choices));
    out.examples.push_back(std::move(*example));
  }
  if (out.examples.empty()) {
    throw InputError(fmt::format(
        "{}: no example fits into {} tokens, the first is '{}'; {}", printable_path(out.file), most,
        printable(out.encoded.too_long_ids.at(0)), advice_to_fit(config, most, reserved_tokens)));
  }
  return out;
}

std::vector<Prompt> task_prompts(TaskExamples examples, bool rank) {
  std::vector<Prompt> prompts;
  for (std::size_t i = 0; i < examples.examples.size(); ++i) {
    EncodedExample& example = examples.examples[i];
    Prompt prompt{example.id, example.id, std::move(example.prompt), {}, {}};
    if (rank) {
      prompt.choice_texts = std::move(examples.choice_texts[i]);
      prompt.choices = std::move(example.choices);
    }
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

OrderedJson account_of(const TaskExamples& examples) {
  OrderedJson json = report_json(examples.read);
  json["examples"] = examples.examples.size();
  json["prompts_cut"] = examples.encoded.truncated;
  json["tokens_cut"] = examples.encoded.dropped_tokens;
  json["left_out"] = examples.encoded.too_long;
  return json;
}

void log_reports(const TaskExamples& examples) {
  log::info("{}", report_text(examples.read));
  const EncodeReport& r = examples.encoded;
  if (r.truncated > 0) {
    log::info("{}: {} of {} prompts were cut, by {} tokens in all", printable_path(examples.file),
              r.truncated, r.examples, r.dropped_tokens);
  }
  if (r.too_long > 0) {
    log::warning("{}: {} examples fit in no way and were left out: {}{}",
                 printable_path(examples.file), r.too_long, fmt::join(r.too_long_ids, ", "),
                 r.too_long > r.too_long_ids.size() ? ", ..." : "");
  }
}

}  // namespace rankscope
