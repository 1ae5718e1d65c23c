// A pretraining file with its documents: a model of a few thousand weights, trained in a second.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/files.h"
#include "tests/experiments/program.h"
#include "tests/temporary_folder.h"

namespace rankscope::tests {

// Sentences of few words, a function of their number.
std::vector<std::string> small_documents(int count);
// JSON Lines with a "text" each.
std::string document_lines(const std::vector<std::string>& texts);

class PretrainScene {
 public:
  PretrainScene();

  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  std::filesystem::path file() const { return folder_ / "p.yaml"; }
  void write_file(const std::string& text) { write_file_atomically(file(), text); }
  void write_documents(const std::string& lines) {
    write_file_atomically(folder_ / "documents.jsonl", lines);
  }
  // `pretrain` on the file, into the folder `out` beside it.
  ProgramResult run(const std::string& out, const std::vector<std::string>& more = {},
                    const ProgramOptions& options = {}) const;

 private:
  TemporaryFolder folder_;
};

// What the file holds that a scene begins with; its steps are 20.
extern const std::string kPretrainFile;

}  // namespace rankscope::tests
