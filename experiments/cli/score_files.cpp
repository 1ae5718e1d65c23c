#include "experiments/cli/score_files.h"

#include <fmt/format.h>

#include <optional>

#include "common/error.h"
#include "common/jsonl.h"
#include "common/log.h"
#include "common/text.h"

namespace rankscope {

namespace {

std::optional<std::string> find_id(JsonObject& object) {
  const Json* const id = object.find("id");
  if (id == nullptr) return {};
  if (id->is_string()) return id->get<std::string>();
  if (id->is_number_integer()) return id->dump();
  object.fail("id", "must be a text or a whole number, not " + json_excerpt(*id));
}

// Whether the file's first line is an object with a `reference`.
bool holds_references(const std::filesystem::path& path) {
  LineReader lines(path);
  std::string_view line;
  while (lines.next(line)) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    // Anything else is for the task's reader to judge.
    const Json json = Json::parse(line, nullptr, false);
    return json.is_object() && json.contains("reference");
  }
  return false;
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
                    path.string()));
  }
}

const std::string& Predictions::take(const std::string& id, const std::string& where) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) {
    throw InputError(
        fmt::format("{}: field 'id': '{}' has no prediction in {}; predict it, or leave "
                    "it out of the references",
                    where, printable(id), path_.string()));
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
                  path_.string(), first->second.line, printable(first->first)));
}

TextReferences read_text_references(const std::filesystem::path& path,
                                    RecordSet (*read_task)(const std::filesystem::path&,
                                                           const ReadOptions&)) {
  TextReferences out;
  if (holds_references(path)) {
    JsonlReader reader(path);
    Json json;
    while (reader.next(json)) {
      JsonObject object = reader.object(json);
      const std::optional<std::string> id = find_id(object);
      if (!id) object.fail("id", "is missing; a prediction is found by it");
      out.references.push_back({*id, object.get_string("reference"), reader.where()});
    }
  } else {
    const RecordSet set = read_task(path, {});
    out.skipped = set.report.skipped_total();
    if (out.skipped > 0) log::info("{}", report_text(set.report));
    for (const Record& record : set.records) {
      out.references.push_back(
          {record.id, record.references.at(0), fmt::format("{}:{}", path.string(), record.line)});
    }
  }
  if (out.references.empty()) {
    throw InputError(path.string() + ": there are no references; is it the right file?");
  }
  return out;
}

}  // namespace rankscope
