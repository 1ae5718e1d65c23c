// What `score` reads: predictions and the references that they are held against.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "datasets/prompts/template.h"
#include "datasets/task.h"
#include "metrics/rouge.h"

namespace rankscope {

// The lines {"id": ..., "prediction": "..."} of a file; other fields are passed over. An id is a
// text or a whole number.
class Predictions {
 public:
  // InputError at an id that is there twice.
  explicit Predictions(const std::filesystem::path& path);

  // The prediction of a reference that stands at `where` ("FILE:LINE"). InputError when there is
  // none or when it has been taken: then two references have one id.
  const std::string& take(const std::string& id, const std::string& where);
  // InputError when a prediction was not taken: its id is in no reference.
  void finish() const;

 private:
  struct Entry {
    std::string text;
    std::uint64_t line = 0;
    bool taken = false;
  };
  std::filesystem::path path_;
  std::unordered_map<std::string, Entry> entries_;
};

struct TextReference {
  std::string id;
  std::vector<std::string> texts;  // at least one
  std::string where;               // "FILE:LINE"
  // Where the answer is one of some: their names, or an own entry's choices, and what a model is
  // taught to write for each.
  std::vector<std::string> labels = {}, label_targets = {};
  TargetFrame frame = {};  // what a model is taught to write around any answer
};

struct TextReferences {
  std::vector<TextReference> references;
  // Entries of the file that have no reference: an empty dialogue, a gold label of "-".
  std::uint64_t skipped = 0;
};

// Of a file of `task`, whatever else its entries hold. `assignments` change the template (see
// chosen_template). `limit` keeps the first so many, 0 all. InputError when there are none.
TextReferences read_task_references(const std::filesystem::path& path, const Task& task,
                                    const std::vector<std::string>& assignments,
                                    std::uint64_t limit);

// Of a file whose form the first entry tells: with the keys of `task`'s entries it is a file of the
// task; else with `prompt` an own task's; else lines (or one JSON array) of {"id": ...,
// "reference": "..."}, which have no template: InputError where there are `assignments`; else a
// file of `task`.
TextReferences read_text_references(const std::filesystem::path& path, const Task& task,
                                    const std::vector<std::string>& assignments,
                                    std::uint64_t limit);

// What a prediction stands for: the first reference where it is right; else the label whose target
// it is, with the frame around it or without; else what it has within the frame.
std::string answer_of(const std::string& prediction, const TextReference& reference);

// ROUGE of what a prediction has within the target's frame. InputError names the reference.
RougeScores rouge_of(const std::string& prediction, const TextReference& reference,
                     RougeScorer& scorer);

}  // namespace rankscope
