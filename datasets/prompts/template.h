// Templates: the texts with {fields} that make a prompt and a target of a record.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/readers/record.h"

namespace rankscope {

struct Task;

// Which field gives way when a prompt is too long, and how.
struct Truncation {
  enum class Keep { kStart, kEnd };
  // Cuts fall before a separator of the unit; where not even one unit fits, at words, then
  // characters.
  enum class Unit { kLines, kListItems, kWords };
  std::string field;
  Keep keep = Keep::kStart;
  Unit unit = Unit::kWords;
};

// What a configuration can change of a task. {field} stands for a field, {{ and }} for braces.
struct PromptTemplate {
  std::string prompt;
  std::string target;
  // Tried in this order: a later field is cut only when the earlier ones are gone.
  std::vector<Truncation> truncate;
  // A default is for the default prompt: of a prompt with fewer fields it cuts those that are left.
  bool default_truncate = true;
  // What the labels are called in the target, in the order of Task::labels.
  std::vector<std::string> verbalisers;

  // Changes one key, as a configuration gives it:
  //   prompt, target   the texts
  //   truncate         FIELD[:start|end[:lines|items|words]],... ; defaults start and words
  //   verbalisers      WORD,... one a label
  // InputError for an unknown key or a malformed value. check_template says the rest.
  void set(std::string_view key, std::string_view value);
  // The same four keys, as set() reads them: part of what names a trial.
  std::vector<std::pair<std::string, std::string>> settings() const;
};

// What a target has before and behind its answer.
struct TargetFrame {
  std::string before, behind;

  // `text` without them, each where it is there. White space counts where they meet the answer, not
  // at the outer ends. Where both are white space alone: `text` as it is.
  std::string_view answer_in(std::string_view text) const;
};

// A template made ready for one task.
class CompiledTemplate {
 public:
  // InputError for unbalanced braces, a field the task does not have, an answer's field in the
  // prompt, a target without the answer, a truncated field that the prompt does not name (by
  // default: none that it names), or verbalisers that are not as many as labels, or not all
  // different.
  CompiledTemplate(const Task& task, PromptTemplate text);

  // `fields` as Record::fields, the label's already verbalised (see values()).
  std::string prompt(std::span<const std::string> fields) const;
  std::string target(std::span<const std::string> fields) const;

  // The record's fields with the label's name replaced by its verbaliser.
  std::vector<std::string> values(const Record& record) const;
  // The target once for every choice; empty where the answer is free.
  std::vector<std::string> choices(const Record& record) const;
  // Nothing before and behind where the answer stands in the target more than once.
  TargetFrame target_frame(const Record& record) const;

  struct Cut {
    std::size_t field;  // index into the fields
    Truncation::Keep keep;
    Truncation::Unit unit;
  };
  const std::vector<Cut>& cuts() const { return cuts_; }
  const Task& task() const { return *task_; }
  const PromptTemplate& text() const { return text_; }

 private:
  static constexpr std::size_t kLiteral = static_cast<std::size_t>(-1);
  struct Piece {
    std::string literal;
    std::size_t field = kLiteral;
  };
  std::vector<Piece> compile(std::string_view text, std::string_view what) const;
  std::size_t field_index(std::string_view name, std::string_view what) const;
  void take_cuts();
  bool is_answer(const Piece& piece) const;
  static std::string fill(std::span<const Piece> pieces, std::span<const std::string> fields);

  const Task* task_;
  PromptTemplate text_;
  std::vector<Piece> prompt_;
  std::vector<Piece> target_;
  std::vector<Cut> cuts_;
};

}  // namespace rankscope
