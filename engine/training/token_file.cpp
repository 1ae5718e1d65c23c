#include "engine/training/token_file.h"

#include <utility>

#include "common/error.h"
#include "common/jsonl.h"
#include "common/text.h"

namespace rankscope {

namespace {

std::vector<int32_t> read_ids(JsonObject& object, const std::string& key, int64_t vocabulary) {
  std::vector<int32_t> ids;
  for (int64_t id : object.get_int_array(key)) {
    if (id < 0 || id >= vocabulary)
      object.fail(key, "token id " + std::to_string(id) + " is outside the model's vocabulary of " +
                           std::to_string(vocabulary) +
                           "; was the text tokenised for another model?");
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

// Of a task's file, which was given without its task, a key tells which it is.
void refuse_line_of_task(const Json& line, const JsonObject& object) {
  constexpr std::pair<const char*, const char*> kKeys[] = {
      {"prompt", "own"}, {"question", "wikisql"}, {"sentence1", "mnli"}, {"dialogue", "samsum"}};
  if (line.contains("prompt_ids")) return;
  for (const auto& [key, task] : kKeys)
    if (line.contains(key))
      object.fail("prompt_ids",
                  std::string("is missing; give --task ") + task + " if this is a task's file");
}

}  // namespace

std::vector<TokenExample> read_token_file(const std::filesystem::path& file,
                                          const ModelConfig& config) {
  std::vector<TokenExample> examples;
  JsonlReader reader(file);
  for (Json line; reader.next(line);) {
    JsonObject object = reader.object(line);
    refuse_line_of_task(line, object);
    TokenExample example{read_ids(object, "prompt_ids", config.vocabulary),
                         read_ids(object, "target_ids", config.vocabulary)};
    object.finish();
    if (example.target.empty())
      object.fail("target_ids", "must hold at least one token; leave the line out instead");
    if (example.tokens() > config.context)
      object.fail("prompt_ids", "prompt and target are " + std::to_string(example.tokens()) +
                                    " tokens, the model's context is " + context_text(config) +
                                    "; shorten the prompt");
    examples.push_back(std::move(example));
  }
  if (examples.empty())
    throw InputError(printable_path(file) +
                     ": holds no examples; give lines of {\"prompt_ids\": [...], "
                     "\"target_ids\": [...]}");
  return examples;
}

}  // namespace rankscope
