#include "tests/experiments/bad_input.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace rankscope::tests {

Scene::Scene() : model_("gpt2_tied") {
  std::filesystem::copy(golden_folder("gpt2_tied") / "batch.jsonl", data());
  arguments = {"train",  "--model",       model_.path().string(),
               "--data", data().string(), "--steps",
               "2",      "--threads",     "1",
               "--out",  out().string()};
}

void Scene::set(const std::string& option, const std::string& value) {
  const auto found = std::ranges::find(arguments, option);
  if (found == arguments.end()) throw std::logic_error(option);
  *(found + 1) = value;
}

void Scene::add(std::initializer_list<std::string> words) {
  arguments.insert(arguments.end(), words);
}

void Scene::use_adapter(const std::string& name) {
  std::filesystem::copy(std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/peft" / name,
                        adapter());
  arguments = {"nll", "--model",   model_.path().string(), "--data", data().string(), "--threads",
               "1",   "--adapter", adapter().string()};
}

void Scene::write_data(const std::string& text) { write_file_atomically(data(), text); }

void Scene::change_header(const std::function<void(Json&)>& change) {
  const std::string bytes = read_bytes(weights());
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  Json header = Json::parse(bytes.substr(8, length));
  change(header);
  write_file_atomically(weights(), safetensors_bytes(header.dump(), bytes.substr(8 + length)));
}

void Scene::change_json(const std::filesystem::path& file,
                        const std::function<void(Json&)>& change) {
  Json json = read_json_file(file);
  change(json);
  write_file_atomically(file, json.dump());
}

std::string safetensors_bytes(const std::string& header, const std::string& data) {
  return safetensors_bytes(header.size(), header, data);
}

std::string safetensors_bytes(uint64_t length, const std::string& header, const std::string& data) {
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + data;
}

void check_refused(const std::vector<BadInput>& cases) {
  for (const BadInput& bad : cases) {
    Scene scene;
    bad.damage(scene);
    const ProgramResult result = run_program(scene.arguments);
    INFO(bad.name);
    check_refused(result, bad.expected);
    CHECK_FALSE(std::filesystem::exists(scene.out()));
  }
}

}  // namespace rankscope::tests
