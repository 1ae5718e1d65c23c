// What `score` reads: predictions and the references that they are held against.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "datasets/readers/record.h"

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
  std::string text;
  std::string where;  // "FILE:LINE"
};

struct TextReferences {
  std::vector<TextReference> references;
  // Entries of the file that have no reference: an empty dialogue, a gold label of "-".
  std::uint64_t skipped = 0;
};

// Lines {"id": ..., "reference": "..."}, or else the task's own file, read by `read_task`
// (datasets/readers). InputError when there are none.
TextReferences read_text_references(const std::filesystem::path& path,
                                    RecordSet (*read_task)(const std::filesystem::path&,
                                                           const ReadOptions&));

}  // namespace rankscope
