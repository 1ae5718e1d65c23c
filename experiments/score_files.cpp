#include "experiments/score_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "common/error.h"
#include "common/jsonl.h"
#include "common/log.h"
#include "common/text.h"
#include "datasets/readers/json_records.h"
#include "experiments/chosen_template.h"
#include "metrics/accuracy.h"

namespace rankscope {

namespace {

std::optional<std::string> find_id(JsonObject& object) {
  const Json* const id = object.find("id");
  if (id == nullptr) return {};
  if (id->is_string()) return id->get<std::string>();
  if (id->is_number_integer()) return id->dump();
  object.fail("id", "must be a text or a whole number, not " + json_excerpt(*id));
}

enum class ReferenceForm { kOwnTask, kLines, kOfTask };

// By the first object, of a line or of an array. Where there is none the task's reader says what is
// wrong.
ReferenceForm form_of(const SourceText& source, const Task& task) {
  JsonRecords records(source);
  try {
    if (!records.next()) return ReferenceForm::kOfTask;
    const auto has = [&](std::string_view key) { return records.find(key) != nullptr; };
    // Sets are passed on with keys of their own, an address as `reference` say.
    if (std::ranges::all_of(task.entry_keys, has)) return ReferenceForm::kOfTask;
    const bool referenced = has("reference") || has("references");
    const JsonRecords::Element* const prompt = records.find("prompt");
    // Lines of references may hold a chat under that name.
    const bool has_text = prompt != nullptr && prompt->is_string();
    if (has_text && (referenced || has("target"))) return ReferenceForm::kOwnTask;
    return referenced ? ReferenceForm::kLines : ReferenceForm::kOfTask;
  } catch (const InputError&) {
    return ReferenceForm::kOfTask;
  }
}

std::vector<std::string> reference_texts(JsonObject& object) {
  if (!object.has("references")) return {object.get_string("reference")};
  if (object.has("reference")) object.fail("reference", "give it or 'references', not both");
  std::vector<std::string> texts = object.get_string_array("references");
  if (texts.empty()) object.fail("references", "must be at least one text");
  return texts;
}

std::vector<TextReference> read_reference_lines(const SourceText& source, std::uint64_t limit) {
  std::vector<TextReference> references;
  JsonRecords records(source);
  while ((limit == 0 || references.size() < limit) && records.next()) {
    const Json json = records.json();
    JsonObject object(json, records.where());
    const std::optional<std::string> id = find_id(object);
    if (!id) object.fail("id", "is missing; a prediction is found by it");
    references.push_back({*id, reference_texts(object), records.where()});
  }
  return references;
}

TextReferences references_of_task(const SourceText& source, const Task& task,
                                  const std::vector<std::string>& assignments,
                                  std::uint64_t limit) {
  const CompiledTemplate form(task, chosen_template(task, assignments));
  // An own task may have references alone, and no target.
  const bool own = task.name == "own";
  const RecordSet set = task.read(source, {}, {.limit = limit, .allow_unlabelled = own});
  TextReferences out;
  out.skipped = set.report.skipped_total();
  if (out.skipped > 0) log::info("{}", report_text(set.report));
  for (const Record& record : set.records) {
    if (record.references.empty())
      throw InputError(source.where(record.line) +
                       ": field 'target': is missing; give it, or 'references'");
    TextReference& reference = out.references.emplace_back();
    reference = {record.id, record.references, source.where(record.line)};
    reference.labels = record.choices;
    if (!task.labels.empty()) reference.labels.assign(task.labels.begin(), task.labels.end());
    reference.label_targets = form.choices(record);
    reference.frame = form.target_frame(record);
  }
  return out;
}

void refuse_none(const TextReferences& read, const SourceText& source) {
  if (read.references.empty())
    throw InputError(source.name() + ": there are no references; is it the right file?");
}

}  // namespace

Predictions::Predictions(const std::filesystem::path& path) : path_(path) {
  JsonlReader reader(path);
  Json json;
  while (reader.next(json)) {
    JsonObject object = reader.object(json);
    const std::optional<std::string> id = find_id(object);
    if (!id) object.fail("id", "is missing; give the id of the example that this predicts");
    const auto [entry, added] =
        entries_.try_emplace(*id, Entry{object.get_string("prediction"), reader.line_number()});
    if (!added) {
      object.fail("id", fmt::format("'{}' is predicted in line {} already; keep one of them",
                                    printable(*id), entry->second.line));
    }
  }
  if (entries_.empty()) {
    throw InputError(
        fmt::format("{}: there are no predictions; give lines of {{\"id\", "
                    "\"prediction\"}}",
                    printable_path(path)));
  }
}

const std::string& Predictions::take(const std::string& id, const std::string& where) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) {
    throw InputError(
        fmt::format("{}: field 'id': '{}' has no prediction in {}; predict it, or leave "
                    "it out of the references",
                    where, printable(id), printable_path(path_)));
  }
  if (found->second.taken) {
    throw InputError(
        fmt::format("{}: field 'id': '{}' is the id of an earlier reference too; give "
                    "each its own",
                    where, printable(id)));
  }
  found->second.taken = true;
  return found->second.text;
}

void Predictions::finish() const {
  const std::pair<const std::string, Entry>* first = nullptr;
  for (const auto& entry : entries_) {
    if (entry.second.taken) continue;
    if (first == nullptr || entry.second.line < first->second.line) first = &entry;
  }
  if (first == nullptr) return;
  throw InputError(
      fmt::format("{}:{}: field 'id': '{}' is no reference's id; are these the "
                  "predictions of other data?",
                  printable_path(path_), first->second.line, printable(first->first)));
}

TextReferences read_task_references(const std::filesystem::path& path, const Task& task,
                                    const std::vector<std::string>& assignments,
                                    std::uint64_t limit) {
  const SourceText source(path);
  TextReferences out = references_of_task(source, task, assignments, limit);
  refuse_none(out, source);
  return out;
}

TextReferences read_text_references(const std::filesystem::path& path, const Task& task,
                                    const std::vector<std::string>& assignments,
                                    std::uint64_t limit) {
  // Read once: a pipe gives its text to one reader.
  const SourceText source(path);
  TextReferences out;
  switch (form_of(source, task)) {
    case ReferenceForm::kOwnTask:
      out = references_of_task(source, find_task("own"), assignments, limit);
      break;
    case ReferenceForm::kLines:
      if (!assignments.empty())
        throw InputError(fmt::format(
            "--set {}: {} holds lines of references, which no template wrote; leave it out",
            printable(assignments.front()), source.name()));
      out.references = read_reference_lines(source, limit);
      break;
    case ReferenceForm::kOfTask:
      out = references_of_task(source, task, assignments, limit);
  }
  refuse_none(out, source);
  return out;
}

std::string answer_of(const std::string& prediction, const TextReference& reference) {
  std::string answer(reference.frame.answer_in(prediction));
  const auto target = std::ranges::find_if(reference.label_targets, [&](const std::string& text) {
    return exact_match(prediction, text) || exact_match(answer, reference.frame.answer_in(text));
  });
  if (target != reference.label_targets.end())
    answer = reference.labels[static_cast<std::size_t>(target - reference.label_targets.begin())];
  const bool right = std::ranges::any_of(
      reference.texts, [&](const std::string& text) { return exact_match(answer, text); });
  return right ? reference.texts.front() : answer;
}

RougeScores rouge_of(const std::string& prediction, const TextReference& reference,
                     RougeScorer& scorer) {
  try {
    return scorer.score_best(reference.texts, reference.frame.answer_in(prediction));
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: '{}' and its prediction: {}", reference.where,
                                 printable(reference.id), error.what()));
  }
}

}  // namespace rankscope
