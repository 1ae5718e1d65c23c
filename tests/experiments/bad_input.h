// A command on copies of a golden model, its data and an adapter, all of which a case may damage.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/engine/models/model_folder.h"
#include "tests/experiments/program.h"

namespace rankscope::tests {

class Scene {
 public:
  Scene();
  // `train`, two steps into out(); a case may change the words.
  std::vector<std::string> arguments;
  // Replaces the value that follows an option.
  void set(const std::string& option, const std::string& value);
  void add(std::initializer_list<std::string> words);
  // From here on the command is `nll --adapter`, on a copy of the PEFT adapter of that name.
  void use_adapter(const std::string& name);

  ModelFolder& model() { return model_; }
  std::filesystem::path weights() const { return model_.path() / "model.safetensors"; }
  std::filesystem::path data() const { return folder_ / "data.jsonl"; }
  std::filesystem::path adapter() const { return folder_ / "adapter"; }
  std::filesystem::path out() const { return folder_ / "out"; }
  std::filesystem::path beside(const std::string& name) const { return folder_ / name; }

  void write_data(const std::string& text);
  // The header of the weights as JSON, changed and put back without touching the data.
  void change_header(const std::function<void(Json&)>& change);
  void change_json(const std::filesystem::path& file, const std::function<void(Json&)>& change);

 private:
  ModelFolder model_;
  TemporaryFolder folder_;
};

// `header` behind its length (or behind another number), then `data`.
std::string safetensors_bytes(const std::string& header, const std::string& data);
std::string safetensors_bytes(uint64_t length, const std::string& header, const std::string& data);

struct BadInput {
  std::string name;
  std::function<void(Scene&)> damage;
  std::string expected;  // in the message
};

// Demands of each case: exit code 2, one line on standard error that begins with the program's name
// and holds what is expected, nothing on standard output, no output folder.
void check_refused(const std::vector<BadInput>& cases);

}  // namespace rankscope::tests
