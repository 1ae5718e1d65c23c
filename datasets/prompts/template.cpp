#include "datasets/prompts/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/error.h"
#include "common/suggest.h"
#include "common/text.h"
#include "datasets/task.h"

namespace rankscope {
namespace {

std::string_view from_first_word(std::string_view text) {
  const std::string_view words = trimmed(text);
  return words.empty() ? words : text.substr(static_cast<std::size_t>(words.data() - text.data()));
}

std::string_view to_last_word(std::string_view text) {
  const std::string_view words = trimmed(text);
  return words.empty()
             ? words
             : text.substr(0, static_cast<std::size_t>(words.data() - text.data()) + words.size());
}

}  // namespace

std::string_view TargetFrame::answer_in(std::string_view text) const {
  const std::string_view front = from_first_word(before), back = to_last_word(behind);
  if (front.empty() && back.empty()) return text;
  std::string_view answer = from_first_word(text);
  if (answer.starts_with(front)) answer.remove_prefix(front.size());
  answer = to_last_word(answer);
  if (answer.ends_with(back)) answer.remove_suffix(back.size());
  return answer;
}

CompiledTemplate::CompiledTemplate(const Task& task, PromptTemplate text)
    : task_(&task), text_(std::move(text)) {
  prompt_ = compile(text_.prompt, "prompt");
  target_ = compile(text_.target, "target");
  const auto holds_answer = [&](const Piece& piece) { return is_answer(piece); };
  const auto leak = std::ranges::find_if(prompt_, holds_answer);
  if (leak != prompt_.end()) {
    throw InputError(
        fmt::format("template 'prompt': {{{}}} is the answer; a prompt must not hold it",
                    task.fields[leak->field]));
  }
  if (std::ranges::none_of(target_, holds_answer)) {
    throw InputError(
        fmt::format("template 'target': must hold the answer, {{{}}}",
                    fmt::join(task.fields.subspan(task.first_answer_field), "} or {")));
  }
  take_cuts();
  // Answers are compared without the white space around them.
  std::vector<std::string> sorted;
  for (const std::string& word : text_.verbalisers) sorted.emplace_back(trimmed(word));
  std::ranges::sort(sorted);
  if (sorted.size() != task.labels.size() || std::ranges::adjacent_find(sorted) != sorted.end()) {
    throw InputError(fmt::format(
        "template 'verbalisers': must be {} different words for {}{}", task.labels.size(),
        task.name,
        task.labels.empty() ? "" : fmt::format(", for {}", fmt::join(task.labels, ", "))));
  }
  for (const std::string& word : sorted) {
    if (!valid_utf8(word)) throw InputError("template 'verbalisers': is not valid UTF-8");
    if (word.empty())
      throw InputError("template 'verbalisers': one of them is empty; give a word for each label");
  }
}

void CompiledTemplate::take_cuts() {
  std::string first_missing;
  for (const Truncation& cut : text_.truncate) {
    const std::size_t field = field_index(cut.field, "truncate");
    if (std::ranges::find(prompt_, field, &Piece::field) != prompt_.end()) {
      cuts_.push_back({field, cut.keep, cut.unit});
    } else if (first_missing.empty()) {
      first_missing = printable(cut.field);
    }
  }
  if (first_missing.empty()) return;
  if (!text_.default_truncate)
    throw InputError("template 'truncate': the prompt has no {" + first_missing + "}");
  if (cuts_.empty()) {
    throw InputError("template 'truncate': the prompt has no {" + first_missing +
                     "}, which is cut by default; give truncate=FIELD for a field of the prompt, "
                     "or truncate= where nothing is to be cut");
  }
}

std::size_t CompiledTemplate::field_index(std::string_view name, std::string_view what) const {
  const auto found = std::ranges::find(task_->fields, name);
  if (found != task_->fields.end()) return static_cast<std::size_t>(found - task_->fields.begin());
  const std::vector<std::string> known(task_->fields.begin(), task_->fields.end());
  throw InputError(fmt::format("template '{}': {} has no field '{}'; there are {}{}", what,
                               task_->name, printable(name), fmt::join(known, ", "),
                               did_you_mean(name, known)));
}

std::vector<CompiledTemplate::Piece> CompiledTemplate::compile(std::string_view text,
                                                               std::string_view what) const {
  if (!valid_utf8(text)) throw InputError(fmt::format("template '{}': is not valid UTF-8", what));
  const auto refuse = [&](std::size_t at) {
    throw InputError(
        fmt::format("template '{}': a single brace at byte {}; write {{{{ or }}}} for a "
                    "brace, {{FIELD}} for a field",
                    what, at + 1));
  };
  std::vector<Piece> pieces;
  std::string literal;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c != '{' && c != '}') {
      literal += c;
    } else if (at + 1 < text.size() && text[at + 1] == c) {
      literal += c;
      ++at;
    } else {
      const std::size_t end = c == '{' ? text.find('}', at) : std::string_view::npos;
      if (end == std::string_view::npos) refuse(at);
      const std::size_t field = field_index(text.substr(at + 1, end - at - 1), what);
      pieces.push_back({std::exchange(literal, {}), kLiteral});
      pieces.push_back({{}, field});
      at = end;
    }
  }
  pieces.push_back({std::move(literal), kLiteral});
  return pieces;
}

bool CompiledTemplate::is_answer(const Piece& piece) const {
  return piece.field != kLiteral && piece.field >= task_->first_answer_field;
}

std::string CompiledTemplate::fill(std::span<const Piece> pieces,
                                   std::span<const std::string> fields) {
  std::string text;
  for (const Piece& piece : pieces) {
    text += piece.field == kLiteral ? piece.literal : fields[piece.field];
  }
  return text;
}

std::string CompiledTemplate::prompt(std::span<const std::string> fields) const {
  return fill(prompt_, fields);
}

std::string CompiledTemplate::target(std::span<const std::string> fields) const {
  return fill(target_, fields);
}

std::vector<std::string> CompiledTemplate::values(const Record& record) const {
  std::vector<std::string> values = record.fields;
  if (!task_->labels.empty() && record.gold >= 0) {
    values[task_->first_answer_field] = text_.verbalisers[static_cast<std::size_t>(record.gold)];
  }
  return values;
}

std::vector<std::string> CompiledTemplate::choices(const Record& record) const {
  std::vector<std::string> texts;
  std::vector<std::string> fields = record.fields;
  for (const std::string& choice : task_->labels.empty() ? record.choices : text_.verbalisers) {
    fields[task_->first_answer_field] = choice;
    texts.push_back(target(fields));
  }
  return texts;
}

TargetFrame CompiledTemplate::target_frame(const Record& record) const {
  const auto holds_answer = [&](const Piece& piece) { return is_answer(piece); };
  if (std::ranges::count_if(target_, holds_answer) != 1) return {};
  const auto answer = std::ranges::find_if(target_, holds_answer);
  const std::vector<std::string> fields = values(record);
  return {fill({target_.begin(), answer}, fields), fill({answer + 1, target_.end()}, fields)};
}

}  // namespace rankscope
